//! An officer's approval: a signature over the very bytes of a notice, so that an edit voids it.
//!
//! It proves that a key signed; whether that key's person may approve, [`crate::Release::judge`] decides.

use pouch_crypto::{Context, Domain, Signature, SigningKey};
use pouch_wire::{Canonical as _, DecodeError, KeyId};
use serde::{Deserialize, Serialize};

use crate::notice::Notice;

/// An officer's approval (domain `approval`) over a notice's bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Approval {
    /// By which key.
    pub officer: KeyId,
    /// Over the notice's bytes.
    pub signature: Signature,
}

impl Approval {
    /// An officer's key approves these bytes, in the network and environment that they themselves name.
    ///
    /// # Errors
    /// When they are no notice.
    pub fn sign(notice: &[u8], officer: &SigningKey) -> Result<Self, DecodeError> {
        let Notice { network, environment, .. } = Notice::from_bytes(notice)?;
        let signature = officer.sign(Domain::Approval, &Context::of(network, environment), notice);
        Ok(Self { officer: officer.public().id(), signature })
    }
}
