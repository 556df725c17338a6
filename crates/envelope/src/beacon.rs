//! A beacon: once a minute a node says to everybody at once what it last sent to each.
//!
//! It signs the root of a tree with one entry per peer. Each peer gets its own leaf and the path to the
//! root, and knows from it whether something that a relay accepted for it has not come. An entry names its
//! peer, so that nobody can be handed another's, and has a salt of its own, so that the hashes beside the
//! path tell nothing.

mod admitted;
mod early;
mod heard;
mod refused;

use core::time::Duration;

use pouch_crypto::{Context, Domain, SigningKey, sha256};
use pouch_directory::{Directory, NotInRole};
use pouch_tlog::{LeafHash, MemoryTree};
use pouch_wire::session::{Beacon as Frame, PeerLeaf};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EncodeError, EnvelopeId, Environment, Fixed, KeyId,
    NetworkId, Set, Timestamp, canonical, limits,
};
use serde::{Deserialize, Serialize};

pub use admitted::AdmittedBeacon;
pub use early::Early;
pub use heard::HeardBeacon;
pub use refused::BeaconRefused;

/// What a node signs (domain `beacon`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// The protocol's version: 1.
    pub version: u16,
    /// In which network.
    pub network: NetworkId,
    /// Live; an exercise has no beacons of its own.
    pub environment: Environment,
    /// Who.
    pub sender: ContactPoint,
    /// With which key.
    pub sender_key: KeyId,
    /// When.
    pub at: Timestamp,
    /// After how many seconds the next one follows.
    pub every_s: u16,
    /// The size of the sender's newest accepted directory checkpoint.
    pub directory_size: u64,
    /// Its root: two nodes that hear each other discover a split view.
    pub directory_root: Digest,
    /// Random.
    pub nonce: Digest,
    /// How many leaves the tree has.
    pub leaves: u64,
    /// The tree's root (RFC 6962).
    pub root: Digest,
}
canonical!(Beacon, "beacon", limits::BEACON_BYTES);

/// Where the sender's messages to one peer stand: the newest that a relay of the peer accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The epoch.
    pub epoch: u64,
    /// The number in it.
    pub n: u64,
    /// The message.
    pub last: EnvelopeId,
}

impl Place {
    /// Nothing was sent, or nothing that may still come.
    pub const NOTHING: Self = Self { epoch: 0, n: 0, last: EnvelopeId(Digest::new([0; 32])) };
}

/// What a leaf is the SHA-256 of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconLeaf {
    /// Whose leaf.
    pub peer: ContactPoint,
    /// Where the messages to it stand.
    pub place: Place,
    /// The beacon's nonce.
    pub nonce: Digest,
}
canonical!(BeaconLeaf, "beacon leaf", 256);

impl BeaconLeaf {
    /// The leaf.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // It always fits its limit, so there are always bytes to hash.
        sha256(&self.to_bytes().unwrap_or_default())
    }
}

/// What a sender puts into its beacon beside the leaves.
#[derive(Debug, Clone)]
pub struct BeaconFacts {
    /// In which network.
    pub network: NetworkId,
    /// Who.
    pub sender: ContactPoint,
    /// When.
    pub at: Timestamp,
    /// After how many seconds the next one follows.
    pub every_s: u16,
    /// The size of the newest accepted directory checkpoint.
    pub directory_size: u64,
    /// Its root.
    pub directory_root: Digest,
    /// Random, never used before.
    pub nonce: Digest,
}

impl BeaconFacts {
    /// Signs a beacon with an entry for each peer; every salt is random and never used before. Of a peer
    /// that stands twice, the leaf is that of its first place.
    ///
    /// # Errors
    /// When there are more peers than one beacon may have.
    pub fn sign(
        self,
        peers: impl IntoIterator<Item = (ContactPoint, Place, Digest)>,
        key: &SigningKey,
    ) -> Result<Frame, EncodeError> {
        let nonce = self.nonce;
        let leaf = |(peer, place, salt): (ContactPoint, Place, Digest)| {
            let leaf = BeaconLeaf { peer: peer.clone(), place, nonce }.digest();
            PeerLeaf { peer, salt, leaf }
        };
        let mut leaves: Vec<PeerLeaf> = peers.into_iter().map(leaf).collect();
        leaves.sort_by(|a, b| a.peer.cmp(&b.peer));
        leaves.dedup_by(|later, first| later.peer == first.peer);
        let too_many = |_| EncodeError { name: "beacon", max: limits::BEACON_PEERS };
        let peers: Set<PeerLeaf, { limits::BEACON_PEERS }> = Set::new(leaves).map_err(too_many)?;
        let tree = tree_of(&peers)?;
        let beacon = Beacon {
            version: 1,
            network: self.network,
            environment: Environment::Live,
            sender: self.sender,
            sender_key: key.public().id(),
            at: self.at,
            every_s: self.every_s,
            directory_size: self.directory_size,
            directory_root: self.directory_root,
            nonce,
            leaves: tree.size(),
            root: tree.root(),
        };
        let bytes = beacon.to_bytes()?;
        let context = Context::of(self.network, Environment::Live);
        let signature = key.sign(Domain::Beacon, &context, &bytes).0;
        let beacon = Blob::new(bytes).map_err(too_many)?;
        Ok(Frame { beacon, signature, peers })
    }
}

fn tree_of(peers: &[PeerLeaf]) -> Result<MemoryTree, EncodeError> {
    peers.iter().map(|entry| entry.to_bytes().map(|bytes| LeafHash::of(&bytes))).collect()
}

impl Beacon {
    /// How long nothing may be heard of the sender before the way to it counts as dead: two of its
    /// beacons and 25 seconds. With one a minute that is 145 s.
    #[must_use]
    pub fn silent_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_s).saturating_mul(2).saturating_add(25))
    }

    /// The beacon in signed bytes, if it is of this network, of now and by its sender: by the key that
    /// the directory names now, or one that was replaced within the last ten minutes, and is not revoked.
    fn proved(
        bytes: &[u8],
        signature: Fixed<64>,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Self, BeaconRefused> {
        let beacon = Self::from_bytes(bytes)?;
        beacon.check_kind(directory)?;
        let have = directory.size();
        if beacon.directory_size > have {
            return Err(BeaconRefused::DirectoryAhead { cited: beacon.directory_size, have });
        }
        beacon.check_signer(bytes, signature, directory, now)?;
        beacon.check_time(now)?;
        Ok(beacon)
    }

    fn check_kind(&self, directory: &Directory) -> Result<(), BeaconRefused> {
        if self.version != 1 {
            return Err(BeaconRefused::Version(self.version));
        }
        if self.network != directory.network() {
            return Err(BeaconRefused::OtherNetwork);
        }
        if self.environment != Environment::Live {
            return Err(BeaconRefused::Drill);
        }
        if !limits::BEACON_EVERY_S.contains(&self.every_s) {
            return Err(BeaconRefused::Interval(self.every_s));
        }
        Ok(())
    }

    const fn check_time(&self, now: Timestamp) -> Result<(), BeaconRefused> {
        let off = self.at.0.abs_diff(now.0);
        if off > limits::CLOCK_SKEW_MS_MAX {
            return Err(BeaconRefused::NotOfNow { off_s: off / 1000 });
        }
        Ok(())
    }

    fn check_signer(
        &self,
        bytes: &[u8],
        signature: Fixed<64>,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<(), BeaconRefused> {
        let live = Environment::Live;
        let authority = directory.as_of(self.directory_size).may_sign(&self.sender, live, self.sender_key)?;
        match directory.now_view().may_sign(&self.sender, live, self.sender_key) {
            Ok(_) | Err(NotInRole::Superseded { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let replaced = authority.superseded.map_or(0, |at| now.0.saturating_sub(at.0));
        if replaced > limits::BEACON_SUPERSEDED_GRACE_MS {
            return Err(BeaconRefused::LongReplaced { key: self.sender_key, ago_s: replaced / 1000 });
        }
        let context = directory.context(live);
        let signature = pouch_crypto::Signature(signature);
        let signed = authority.key.verify(Domain::Beacon, &context, bytes, &signature);
        signed.map_err(|_| BeaconRefused::BadSignature)
    }
}
