//! A member's node: what survives a crash, what does not, and what people at it do.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use pouch_agent::Sends;
use pouch_crypto::SigningKey;
use pouch_notice::{Came, OpenGap, SenderLines, SenderWatch, Turn};
use pouch_store::{AgentStore, Mirror as _, PrekeyRow, Prekeys as _, Watching as _};
use pouch_tlog::{Citation, Hearsay};
use pouch_wire::session::{BeaconFor, Deliver};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, Environment, Timestamp};

use crate::founding::Founding;
use crate::mirror::Mirror;

/// What a node knows of another: its messages' places, what was refused of it, and the watch on both.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) watch: SenderWatch,
    pub(crate) lines: SenderLines,
    pub(crate) refused: Vec<EnvelopeId>,
    /// What changed and is not told yet.
    pub(crate) turns: Vec<Turn>,
    /// When its newest beacon was heard.
    pub(crate) heard: u64,
}

impl Peer {
    pub(crate) fn compare(&mut self, now: Duration) {
        let came = Came { lines: &self.lines, refused: &self.refused };
        let turn = self.watch.compare(came, now);
        self.turns.extend(turn);
    }
}

/// A delivery that waits for the directory that its sender used.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) relay: usize,
    pub(crate) session: u64,
    pub(crate) envelope: EnvelopeId,
    pub(crate) deliver: Deliver,
    pub(crate) payload: Vec<u8>,
    pub(crate) until: u64,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) n: usize,
    of_nodes: usize,
    pub(crate) me: ContactPoint,
    pub(crate) skew: i64,
    pub(crate) up: bool,
    /// When it was started last.
    pub(crate) up_since: u64,
    // On the disk: the database, the keys' files, what others cited.
    pub(crate) store: AgentStore,
    pub(crate) signing: usize,
    pub(crate) next_signing: Option<usize>,
    pub(crate) sealing: usize,
    /// When new sealing keys were asked for last, and whether receipts may be owed.
    pub(crate) sealing_asked: u64,
    pub(crate) owes: bool,
    pub(crate) numbers: u32,
    pub(crate) cited: Vec<(ContactPoint, Citation, Timestamp)>,
    // In memory.
    pub(crate) mirror: Mirror,
    pub(crate) sends: Sends,
    pub(crate) busy: BTreeSet<(usize, EnvelopeId)>,
    pub(crate) held: Vec<Held>,
    pub(crate) held_beacons: Vec<(BeaconFor, u64)>,
    pub(crate) overdue_told: BTreeSet<(EnvelopeId, ContactPoint)>,
    pub(crate) told: BTreeSet<(usize, &'static str)>,
    pub(crate) asked: BTreeSet<usize>,
    pub(crate) looked_at: u64,
    /// By node: what is known of it.
    pub(crate) peers: BTreeMap<usize, Peer>,
    /// When a delivery came last.
    pub(crate) last_delivery: u64,
    pub(crate) waits_for_confirmation: bool,
    pub(crate) hearsay: Hearsay<ContactPoint>,
    pub(crate) told_ahead: BTreeSet<ContactPoint>,
}

/// How many parties' words about the directory are kept.
const PARTIES: usize = 64;

impl Node {
    pub(crate) async fn new(n: usize, skew: i64, of_nodes: usize, founding: &Founding) -> Self {
        let store = AgentStore::in_memory().unwrap();
        store.seed_mirror(founding.entries()).await.unwrap();
        let mut node = Self {
            n,
            of_nodes,
            me: Founding::point(n),
            skew,
            up: true,
            up_since: 0,
            store,
            signing: 0,
            next_signing: None,
            sealing: 1,
            sealing_asked: 0,
            owes: false,
            numbers: 0,
            peers: BTreeMap::new(),
            last_delivery: 0,
            mirror: Mirror::new(founding),
            sends: Sends::default(),
            busy: BTreeSet::new(),
            held: Vec::new(),
            held_beacons: Vec::new(),
            overdue_told: BTreeSet::new(),
            told: BTreeSet::new(),
            asked: BTreeSet::new(),
            looked_at: 0,
            waits_for_confirmation: false,
            hearsay: Hearsay::new(PARTIES),
            told_ahead: BTreeSet::new(),
            cited: Vec::new(),
        };
        node.keep_sealing_key(0, Timestamp(0), founding).await;
        node.watch_again(Duration::ZERO).await;
        node
    }

    /// Keeps the secret of a sealing key before its public half is published.
    pub(crate) async fn keep_sealing_key(&self, turn: usize, from: Timestamp, founding: &Founding) {
        let secret = founding.sealing(self.n, turn);
        let row = PrekeyRow {
            id: secret.public().id(),
            environment: Environment::Live,
            wrapped: secret.seed().to_vec(),
            usable_from: from,
            usable_until: from.after(Duration::from_secs(24 * 3600)),
        };
        self.store.put_prekey(row).await.unwrap();
    }

    /// Power is gone, and with it whatever is not on the disk.
    pub(crate) fn crash(&mut self) {
        self.up = false;
        self.sends = Sends::default();
        self.busy.clear();
        self.held.clear();
        self.held_beacons.clear();
        self.overdue_told.clear();
        self.told.clear();
        self.asked.clear();
        self.hearsay = Hearsay::new(PARTIES);
        self.told_ahead.clear();
        self.peers.clear();
    }

    /// Starts from the disk.
    pub(crate) async fn start(&mut self, now: u64, founding: &Founding, keeps_directory: bool) {
        self.up = true;
        self.owes = true;
        self.up_since = now;
        self.waits_for_confirmation = true;
        if keeps_directory {
            self.mirror = Mirror::restore(founding, &self.store).await;
        }
        // What was ahead when the node stopped has its time again from now on.
        let since = Duration::from_millis(now);
        self.watch_again(since).await;
        for (who, citation, at) in &self.cited {
            self.hearsay.hear(who, citation.clone(), None, since, *at);
        }
    }

    /// Watches the others again, with what the store kept.
    async fn watch_again(&mut self, now: Duration) {
        let told: BTreeMap<ContactPoint, String> =
            self.store.gaps_told().await.unwrap().into_iter().collect();
        let kept: BTreeMap<ContactPoint, Vec<u8>> =
            self.store.sequences_in().await.unwrap().into_iter().collect();
        for n in 0..self.of_nodes {
            let point = Founding::point(n);
            if point == self.me {
                continue;
            }
            let mut peer = Peer { watch: SenderWatch::from(now), ..Peer::default() };
            if let Some(lines) = kept.get(&point) {
                peer.lines = SenderLines::from_bytes(lines).unwrap();
            }
            peer.refused = self.store.refused_of(&point, 64).await.unwrap().into_iter().rev().collect();
            let gaps: Option<Vec<OpenGap>> = told.get(&point).map(|kept| serde_json::from_str(kept).unwrap());
            peer.watch.were_told(&gaps.unwrap_or_default(), now);
            peer.compare(now);
            self.peers.insert(n, peer);
        }
    }

    pub(crate) fn signing_key(&self, founding: &Founding) -> SigningKey {
        founding.signing(self.n, self.signing)
    }

    /// Takes the next signing key into use when the directory says that it speaks.
    pub(crate) fn follow_directory(&mut self, founding: &Founding) {
        let Some(next) = self.next_signing else { return };
        let key = founding.signing(self.n, next).public().id();
        if self.mirror.directory.now_view().may_sign(&self.me, Environment::Live, key).is_ok() {
            (self.signing, self.next_signing) = (next, None);
        }
    }
}
