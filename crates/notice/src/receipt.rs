//! What a recipient says back: verified, acknowledged, refused. Signed, and sealed to the sender.

use pouch_wire::{Digest, EnvelopeId, NetworkId, NoticeId, Text, Timestamp, canonical};
use serde::{Deserialize, Serialize};

use crate::sentences::NO_CONCURRENCE;

/// What a recipient says of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// The node verified it.
    Verified {
        /// The notice.
        notice: NoticeId,
        /// The verdict's decisive code.
        code: Text<32>,
        /// The directory that it was judged by: entries.
        directory_size: u64,
        /// And root.
        directory_root: Digest,
    },
    /// An officer read it.
    Acknowledged {
        /// The notice.
        notice: NoticeId,
        /// The officer's title.
        officer: Text<128>,
        /// The fixed sentence.
        sentence: Text<200>,
        /// When an answer may be expected.
        answer_by: Option<Timestamp>,
        /// A remark.
        note: Option<Text<512>>,
    },
    /// The node refused it.
    Refused {
        /// Why.
        code: Text<32>,
    },
}

impl Said {
    /// Of which notice it speaks; a refusal may come from who could not read one.
    #[must_use]
    pub const fn notice(&self) -> Option<NoticeId> {
        match self {
            Self::Verified { notice, .. } | Self::Acknowledged { notice, .. } => Some(*notice),
            Self::Refused { .. } => None,
        }
    }
}

/// A recipient's receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientReceipt {
    /// In which network.
    pub network: NetworkId,
    /// For which message.
    pub envelope: EnvelopeId,
    /// When.
    pub at: Timestamp,
    /// What is said.
    pub said: Said,
}
canonical!(RecipientReceipt, "recipient receipt", 4096);

impl RecipientReceipt {
    /// Whether the fixed sentence stands in an acknowledgement.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        match &self.said {
            Said::Acknowledged { sentence, .. } => sentence.as_str() == NO_CONCURRENCE,
            Said::Verified { .. } | Said::Refused { .. } => true,
        }
    }
}
