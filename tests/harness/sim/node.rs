//! A member's node: what survives a crash, what does not, and what people at it do.

use std::collections::BTreeSet;

use pouch_agent::Sends;
use pouch_crypto::SigningKey;
use pouch_store::{AgentStore, Mirror as _, PrekeyRow, Prekeys as _};
use pouch_tlog::{Citation, Hearsay};
use pouch_wire::session::Deliver;
use pouch_wire::{ContactPoint, EnvelopeId, Environment, Timestamp};

use crate::founding::Founding;
use crate::mirror::Mirror;

/// A gap that was seen and not told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) sender: ContactPoint,
    pub(crate) key: pouch_wire::KeyId,
    pub(crate) epoch: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) since: u64,
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
    pub(crate) me: ContactPoint,
    pub(crate) skew: i64,
    pub(crate) up: bool,
    /// When it was started last.
    pub(crate) up_since: u64,
    // On the disk: the database, the keys' files, gaps that are to be told of (they follow from the rows).
    pub(crate) store: AgentStore,
    pub(crate) signing: usize,
    pub(crate) next_signing: Option<usize>,
    pub(crate) sealing: usize,
    pub(crate) numbers: u32,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) cited: Vec<(ContactPoint, Citation, Timestamp)>,
    // In memory.
    pub(crate) mirror: Mirror,
    pub(crate) sends: Sends,
    pub(crate) busy: BTreeSet<(usize, EnvelopeId)>,
    pub(crate) held: Vec<Held>,
    pub(crate) overdue_told: BTreeSet<(EnvelopeId, ContactPoint)>,
    pub(crate) told: BTreeSet<(usize, &'static str)>,
    pub(crate) asked: BTreeSet<usize>,
    pub(crate) looked_at: u64,
    pub(crate) waits_for_confirmation: bool,
    pub(crate) hearsay: Hearsay<ContactPoint>,
    pub(crate) told_ahead: BTreeSet<ContactPoint>,
}

/// How many parties' words about the directory are kept.
const PARTIES: usize = 64;

impl Node {
    pub(crate) async fn new(n: usize, skew: i64, founding: &Founding) -> Self {
        let store = AgentStore::in_memory().unwrap();
        store.seed_mirror(founding.entries()).await.unwrap();
        let node = Self {
            n,
            me: Founding::point(n),
            skew,
            up: true,
            up_since: 0,
            store,
            signing: 0,
            next_signing: None,
            sealing: 1,
            numbers: 0,
            gaps: Vec::new(),
            mirror: Mirror::new(founding),
            sends: Sends::default(),
            busy: BTreeSet::new(),
            held: Vec::new(),
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
        node
    }

    /// Keeps the secret of a sealing key before its public half is published.
    pub(crate) async fn keep_sealing_key(&self, turn: usize, from: Timestamp, founding: &Founding) {
        let secret = founding.sealing(self.n, turn);
        let row = PrekeyRow {
            id: secret.public().id(),
            wrapped: secret.seed().to_vec(),
            usable_from: from,
            usable_until: from.after(core::time::Duration::from_secs(24 * 3600)),
        };
        self.store.put_prekey(row).await.unwrap();
    }

    /// Power is gone, and with it whatever is not on the disk.
    pub(crate) fn crash(&mut self) {
        self.up = false;
        self.sends = Sends::default();
        self.busy.clear();
        self.held.clear();
        self.overdue_told.clear();
        self.told.clear();
        self.asked.clear();
        self.hearsay = Hearsay::new(PARTIES);
        self.told_ahead.clear();
    }

    /// Starts from the disk.
    pub(crate) async fn start(&mut self, now: u64, founding: &Founding, keeps_directory: bool) {
        self.up = true;
        self.up_since = now;
        self.waits_for_confirmation = true;
        if keeps_directory {
            self.mirror = Mirror::restore(founding, &self.store).await;
        }
        // What was ahead when the node stopped has its time again from now on.
        let since = core::time::Duration::from_millis(now);
        for (who, citation, at) in &self.cited {
            self.hearsay.hear(who, citation.clone(), None, since, *at);
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
