//! What can be said of a beacon before the directory has as much as it cites: whoever hands over forged ones
//! must not make a reader wait for entries that do not exist.

use pouch_crypto::Signature;
use pouch_directory::{Authority, Directory, NotInRole};
use pouch_wire::session::BeaconFor;
use pouch_wire::{Canonical as _, Environment, Timestamp};

use super::{Beacon, BeaconRefused, Domain};

/// How a beacon stands that is looked at for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Early {
    /// The directory has what it cites: all of it can be judged now.
    Now,
    /// It cites more than is here, and a key that speaks for its sender signed it.
    SignedAhead,
    /// It cites more than is here, by a key that is not known here; its entry may be in what is missing.
    UnknownKey,
}

impl Beacon {
    /// Looks at a beacon before anything is waited for: what can never count is refused at once. `self` is
    /// what the frame says.
    ///
    /// # Errors
    /// The first rule that it breaks, whatever the directory grows to.
    pub fn early(
        &self,
        frame: &BeaconFor,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Early, BeaconRefused> {
        self.check_kind(directory)?;
        self.check_time(now)?;
        if self.directory_size <= directory.size() {
            return Ok(Early::Now);
        }
        match directory.now_view().may_sign(&self.sender, Environment::Live, self.sender_key) {
            Ok(authority) if self.is_signed_by(&authority, frame, directory) => Ok(Early::SignedAhead),
            Ok(_) => Err(BeaconRefused::BadSignature),
            Err(NotInRole::Unknown { .. }) => Ok(Early::UnknownKey),
            Err(other) => Err(other.into()),
        }
    }

    /// Whether it cites more of the directory's log than is here, and is signed by a key that speaks for
    /// its sender as far as is known here: what it says of the log is its word, and nothing else counts.
    #[must_use]
    pub fn is_signed_ahead(&self, frame: &BeaconFor, directory: &Directory) -> bool {
        let live = Environment::Live;
        let known = directory.now_view().may_sign(&self.sender, live, self.sender_key);
        self.directory_size > directory.size()
            && self.network == directory.network()
            && self.environment == live
            && known.is_ok_and(|authority| self.is_signed_by(&authority, frame, directory))
    }

    /// Whether the frame is this beacon and has the key's signature.
    fn is_signed_by(&self, authority: &Authority, frame: &BeaconFor, directory: &Directory) -> bool {
        let context = directory.context(Environment::Live);
        let signature = Signature(frame.signature);
        Self::from_bytes(&frame.beacon).is_ok_and(|beacon| beacon == *self)
            && authority.key.verify(Domain::Beacon, &context, &frame.beacon, &signature).is_ok()
    }
}
