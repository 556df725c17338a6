//! A beacon as a relay keeps it: proved to be its sender's, with the leaves that it signs.

use pouch_directory::Directory;
use pouch_tlog::MemoryTree;
use pouch_wire::session::{Beacon as Frame, BeaconFor, PeerLeaf};
use pouch_wire::{Blob, ContactPoint, Fixed, List, Timestamp, limits};

use super::{Beacon, BeaconRefused, tree_of};

/// A beacon that its sender brought. Made only by checking it.
#[derive(Debug, Clone)]
pub struct AdmittedBeacon {
    beacon: Beacon,
    bytes: Blob<{ limits::BEACON_BYTES }>,
    signature: Fixed<64>,
    peers: Vec<PeerLeaf>,
    tree: MemoryTree,
}

impl AdmittedBeacon {
    /// Checks that a beacon is the session's own, of now, and signs these leaves.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn admit(
        frame: Frame,
        session: &ContactPoint,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Self, BeaconRefused> {
        let Frame { beacon: bytes, signature, peers } = frame;
        let beacon = Beacon::proved(&bytes, signature, directory, now)?;
        if beacon.sender != *session {
            let (named, session) = (beacon.sender, session.clone());
            return Err(BeaconRefused::NamesAnother { named, session });
        }
        let twice = |pair: &[PeerLeaf]| matches!(pair, [one, other] if one.peer == other.peer);
        let tree = tree_of(&peers).map_err(|_| BeaconRefused::OtherLeaves)?;
        if peers.windows(2).any(twice) || tree.size() != beacon.leaves || tree.root() != beacon.root {
            return Err(BeaconRefused::OtherLeaves);
        }
        Ok(Self { beacon, bytes, signature, peers: peers.to_vec(), tree })
    }

    /// What it says.
    #[must_use]
    pub const fn beacon(&self) -> &Beacon {
        &self.beacon
    }

    /// What one peer gets of it; `None` when it has no leaf for that peer.
    #[must_use]
    pub fn for_peer(&self, peer: &ContactPoint) -> Option<BeaconFor> {
        let at = self.peers.binary_search_by(|leaf| leaf.peer.cmp(peer)).ok()?;
        let own = self.peers.get(at)?;
        let position = u64::try_from(at).ok()?;
        let path = self.tree.inclusion(position, self.tree.size()).ok()?;
        Some(BeaconFor {
            beacon: self.bytes.clone(),
            signature: self.signature,
            position,
            salt: own.salt,
            leaf: own.leaf,
            path: List::new(path).ok()?,
        })
    }
}
