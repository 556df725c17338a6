//! What is remembered of every peer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pouch_directory::Directory;
use pouch_envelope::{Beacon, HeardBeacon};
use pouch_notice::{Around, Came, NotNewer, OpenGap, SenderLines, SenderWatch, Turn};
use pouch_store::{AgentStore, Watching as _};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, Environment, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::alone::Alone;
use super::waiting::Waiting;
use crate::error::AgentError;
use crate::events::Happening;

/// How many refused messages of one sender are remembered.
const REFUSED: u32 = 64;

/// What this node knows of the others.
#[derive(Debug)]
pub(crate) struct Watching {
    begun: Instant,
    wake: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    peers: BTreeMap<ContactPoint, Peer>,
    /// The size of the directory that the peers were last read from.
    directory: u64,
    alone: Alone,
}

#[derive(Debug, Default)]
struct Peer {
    /// Whether the directory names it now.
    named: bool,
    watch: SenderWatch,
    lines: SenderLines,
    /// Came, and were refused.
    refused: VecDeque<EnvelopeId>,
    /// Came, and cannot be judged yet.
    waiting: Waiting,
    /// When it was last heard, by our clock.
    heard_here: Option<Timestamp>,
    /// What changed and is not told yet.
    turns: Vec<Turn>,
}

/// How one peer is now.
#[derive(Debug, Clone)]
pub(crate) struct PeerNow {
    pub(crate) peer: ContactPoint,
    pub(crate) heard_at: Option<Timestamp>,
    pub(crate) lost: bool,
    pub(crate) withheld: bool,
    pub(crate) took_back: bool,
    pub(crate) gaps: Vec<OpenGap>,
}

impl Watching {
    /// Begins with what was known before.
    pub(crate) async fn restore(store: &AgentStore) -> Result<Self, AgentError> {
        let mut state = State::default();
        let told: BTreeMap<ContactPoint, String> = store.gaps_told().await?.into_iter().collect();
        for (sender, lines) in store.sequences_in().await? {
            let mut peer = Peer { lines: SenderLines::from_bytes(&lines)?, ..Peer::default() };
            // Newest first there, newest last here.
            peer.refused = store.refused_of(&sender, REFUSED).await?.into_iter().rev().collect();
            let gaps: Vec<OpenGap> =
                told.get(&sender).and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default();
            peer.watch.were_told(&gaps, Duration::ZERO);
            peer.compare(Duration::ZERO);
            state.peers.insert(sender, peer);
        }
        Ok(Self { begun: Instant::now(), wake: Notify::new(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long this node has been running.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Something changed that is to be told.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Watches whom the directory names now.
    pub(super) fn follow(&self, directory: &Directory, me: &ContactPoint) {
        let mut state = self.state();
        if state.directory == directory.size() {
            return;
        }
        state.directory = directory.size();
        let now = self.now();
        let view = directory.now_view();
        state.peers.values_mut().for_each(|peer| peer.named = false);
        for entry in view.contact_points(Environment::Live).filter(|entry| entry.contact_point != *me) {
            let suspended = view.member(&entry.contact_point.member).is_none_or(|member| member.suspended);
            let new = || Peer { watch: SenderWatch::from(now), ..Peer::default() };
            let peer = state.peers.entry(entry.contact_point.clone()).or_insert_with(new);
            peer.named = !suspended;
        }
    }

    /// A message has its place among its sender's.
    pub(crate) fn came(&self, sender: &ContactPoint, lines: SenderLines) {
        let now = self.now();
        let mut state = self.state();
        let peer = state.peers.entry(sender.clone()).or_default();
        peer.lines = lines;
        peer.compare(now);
        self.wake.notify_one();
    }

    /// A message came and cannot be judged yet: for a while it is not held back.
    pub(crate) fn waits(&self, sender: &ContactPoint, envelope: EnvelopeId) {
        let now = self.now();
        let mut state = self.state();
        let Some(peer) = state.peers.get_mut(sender) else { return };
        if peer.waiting.begin(envelope, now) {
            peer.compare(now);
            self.wake.notify_one();
        }
    }

    /// A message came and is refused, and its sender made it: it is not held back.
    pub(crate) fn came_in_vain(&self, sender: &ContactPoint, envelope: EnvelopeId) {
        let now = self.now();
        let mut state = self.state();
        // Nobody makes this node remember senders that do not exist.
        let Some(peer) = state.peers.get_mut(sender).filter(|peer| !peer.refused.contains(&envelope)) else {
            return;
        };
        peer.refused.push_back(envelope);
        if peer.refused.len() > usize::try_from(REFUSED).unwrap_or(usize::MAX) {
            peer.refused.pop_front();
        }
        peer.compare(now);
        self.wake.notify_one();
    }

    /// Whether a beacon that says this would be news.
    pub(crate) fn is_news(&self, said: &Beacon) -> bool {
        let state = self.state();
        let peer = state.peers.get(&said.sender).filter(|peer| peer.named);
        peer.is_some_and(|peer| peer.watch.is_news(said.at, said.sender_key))
    }

    /// A beacon was heard.
    pub(crate) fn hear(&self, beacon: HeardBeacon, here: Timestamp) -> Result<(), NotNewer> {
        let now = self.now();
        let mut state = self.state();
        let Some(peer) = state.peers.get_mut(&beacon.beacon().sender) else { return Ok(()) };
        let turn = peer.watch.hear(beacon)?;
        peer.turns.extend(turn);
        peer.heard_here = Some(here);
        peer.compare(now);
        state.alone.heard();
        self.wake.notify_one();
        Ok(())
    }

    /// When a peer was last heard, by our clock.
    pub(super) fn heard_here(&self, peer: &ContactPoint) -> Option<Timestamp> {
        self.state().peers.get(peer).and_then(|peer| peer.heard_here)
    }

    /// Time passes for everybody; what changed, and of which gaps all was told then.
    pub(super) fn pass(&self, around: Around) -> Vec<(ContactPoint, Vec<Turn>, Vec<OpenGap>)> {
        let mut state = self.state();
        let mut changed = Vec::new();
        for (name, peer) in &mut state.peers {
            let up = around.up && peer.named;
            if peer.waiting.changed(around.now) {
                peer.compare(around.now);
            }
            peer.turns.extend(peer.watch.pass(Around { up, ..around }));
            let turns = core::mem::take(&mut peer.turns);
            if !turns.is_empty() {
                changed.push((name.clone(), turns, peer.watch.told()));
            }
        }
        changed
    }

    /// Time passes for this node itself: whether any relay is there.
    pub(super) fn pass_alone(&self, up: bool, every: &Duration, wall: Timestamp) -> Option<Happening> {
        let now = self.now();
        self.state().alone.pass(now, up, *every, wall)
    }

    /// Since when no relay has been there, if none is.
    pub(crate) fn alone_since(&self) -> Option<Timestamp> {
        self.state().alone.shown()
    }

    /// How everybody is whom the directory names, and of whom something is missing.
    pub(crate) fn peers(&self) -> Vec<PeerNow> {
        let state = self.state();
        let shown = state.peers.iter().filter(|(_, peer)| peer.named || !peer.watch.gaps().is_empty());
        shown
            .map(|(name, peer)| PeerNow {
                peer: name.clone(),
                heard_at: peer.heard_here,
                lost: peer.named && peer.watch.is_lost(),
                withheld: peer.watch.is_withheld(),
                took_back: peer.watch.took_back(),
                gaps: peer.watch.gaps().to_vec(),
            })
            .collect()
    }
}

impl Peer {
    fn compare(&mut self, now: Duration) {
        let refused: Vec<EnvelopeId> =
            self.refused.iter().copied().chain(self.waiting.counted(now)).collect();
        let turn = self.watch.compare(Came { lines: &self.lines, refused: &refused }, now);
        self.turns.extend(turn);
    }
}
