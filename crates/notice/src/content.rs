//! What a payload holds once it is opened: a signed notice with its attachments, or a receipt.

use pouch_envelope::SignedReceipt;
use pouch_wire::{Blob, List, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::draft::SignedNotice;

/// The plaintext of a payload, before padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A notice and the bytes of its attachments, in its order.
    Notice {
        /// The notice.
        signed: SignedNotice,
        /// The files' bytes.
        attachments: List<Blob<{ limits::PAYLOAD_BYTES }>, { limits::ATTACHMENTS }>,
    },
    /// A recipient's receipt.
    Receipt(SignedReceipt),
}
canonical!(Content, "content", limits::PAYLOAD_BYTES);
