//! A beacon as its reader holds it: proved to be its sender's, with the reader's own leaf.

use pouch_directory::Directory;
use pouch_tlog::{LeafHash, ProofError, verify_inclusion};
use pouch_wire::session::{BeaconFor, PeerLeaf};
use pouch_wire::{Canonical as _, ContactPoint, Digest, Environment, Timestamp};

use super::{Beacon, BeaconLeaf, BeaconRefused, Place};

/// Another's beacon and our leaf in it. Made only by checking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardBeacon {
    beacon: Beacon,
    me: ContactPoint,
    leaf: Digest,
    bound: u64,
}

impl HeardBeacon {
    /// Checks that a beacon is its sender's and of now, and that the leaf is ours and in its tree.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn verify(
        frame: &BeaconFor,
        me: &ContactPoint,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Self, BeaconRefused> {
        let beacon = Beacon::proved(&frame.beacon, frame.signature, directory, now)?;
        let entry = PeerLeaf { peer: me.clone(), salt: frame.salt, leaf: frame.leaf };
        let hash = LeafHash::of(&entry.to_bytes().map_err(|_| ProofError::WrongRoot)?);
        verify_inclusion(&hash, frame.position, beacon.leaves, &beacon.root, &frame.path)?;
        let keys = directory.now_view().key_history(&beacon.sender, Environment::Live);
        let periods = keys.iter().filter(|period| period.key.id() == beacon.sender_key);
        let bound = periods.map(|period| period.from_index).max().unwrap_or_default();
        Ok(Self { beacon, me: me.clone(), leaf: frame.leaf, bound })
    }

    /// What its sender signed.
    #[must_use]
    pub const fn beacon(&self) -> &Beacon {
        &self.beacon
    }

    /// Which entry of the directory bound the key that signed it, the last time: one that was bound later is
    /// newer.
    #[must_use]
    pub const fn bound(&self) -> u64 {
        self.bound
    }

    /// Whether our leaf says that the sender's messages to us stand in this place.
    #[must_use]
    pub fn says(&self, place: Place) -> bool {
        let (peer, nonce) = (self.me.clone(), self.beacon.nonce);
        BeaconLeaf { peer, place, nonce }.digest() == self.leaf
    }
}
