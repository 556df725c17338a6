//! What every part of a node shares: handles to the store, the directory as believed now, the keys in
//! use, the sessions. It holds no state of its own that two parts could disagree about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pouch_control::EventKind;
use pouch_crypto::{Context, PrekeySecret, PublicKey, SigningKey, VaultKey};
use pouch_directory::{Act, Directory, Statement};
use pouch_net::RequestError;
use pouch_store::{AgentStore, Prekeys as _};
use pouch_wire::{
    Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, ExerciseId, KeyId, NetworkId, Timestamp,
    limits,
};
use rand::Rng as _;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::Instant;

use crate::caught_up::{Busy, CaughtUp};
use crate::clocks::Clocks;
use crate::conduct::Conduct;
use crate::error::AgentError;
use crate::events::{Events, Happening};
use crate::handed::Handed;
use crate::hearsay::Heard;
use crate::keys::KeyKeeper;
use crate::link::Links;
use crate::made::Made;
use crate::mirror::{Believed, Offer};
use crate::watching::Watching;

/// Reads the clock.
pub type Clock = fn() -> Timestamp;

/// The signing key in use and the one that waits.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) current: Arc<SigningKey>,
    pub(crate) next: Option<Arc<SigningKey>>,
}

impl Signing {
    /// The key in use, and whatever waits in the keys' folder.
    pub(crate) fn of(keeper: &dyn KeyKeeper, current: &Arc<SigningKey>) -> Result<Self, AgentError> {
        Ok(Self { current: current.clone(), next: keeper.next_signing()?.map(Arc::new) })
    }
}

/// Messages that were told of as waiting. Bounded: a relay that brings many may be told of twice.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeSet<EnvelopeId>);

impl Waiting {
    /// Whether a message was not told of yet.
    pub(crate) fn is_new(&mut self, envelope: EnvelopeId) -> bool {
        if self.0.len() >= WAITING_MAX {
            self.0.clear();
        }
        self.0.insert(envelope)
    }

    /// Whether a message was told of.
    pub(crate) fn knows(&self, envelope: EnvelopeId) -> bool {
        self.0.contains(&envelope)
    }
}

/// The node's desk.
pub(crate) struct Desk {
    pub(crate) me: ContactPoint,
    pub(crate) network: NetworkId,
    pub(crate) network_name: String,
    pub(crate) version: &'static str,
    pub(crate) clock: Clock,
    pub(crate) store: AgentStore,
    pub(crate) vault: VaultKey,
    pub(crate) believed: watch::Receiver<Arc<Believed>>,
    pub(crate) links: Links,
    pub(crate) events: Events,
    pub(crate) signing: RwLock<Signing>,
    pub(crate) keeper: Box<dyn KeyKeeper>,
    /// The keys that sign in exercises; gone when an exercise is over.
    pub(crate) exercise_keys: RwLock<BTreeMap<ExerciseId, Arc<SigningKey>>>,
    /// Held while a message gets its number, its place in the sequence and its row.
    pub(crate) outgoing: Mutex<()>,
    /// Held while an arrival is judged: a sender's order is read, moved on and written in one go.
    pub(crate) incoming: Mutex<()>,
    /// What relays brought that could not be judged yet.
    pub(crate) waiting: Mutex<Waiting>,
    /// What relays heard to be here.
    pub(crate) handed: Mutex<Handed>,
    /// Says that something waits to be sent.
    pub(crate) wake_outbox: mpsc::Sender<()>,
    /// Asks the mirror to look at a relay's log now.
    pub(crate) wake_mirror: mpsc::Sender<()>,
    /// Offers the mirror a directory that came by hand.
    pub(crate) offer_directory: mpsc::Sender<Offer>,
    /// What the relays' clocks say of ours.
    pub(crate) clocks: RwLock<Clocks>,
    /// Says that the keys can be looked after: a relay told the time.
    pub(crate) wake_tend: Notify,
    /// Whether this node has everything from all its home relays.
    pub(crate) caught_up: RwLock<CaughtUp>,
    /// What is known of the others.
    pub(crate) watching: Watching,
    /// How far apart this node's beacons are.
    pub(crate) beacon_every: Duration,
    /// What other offices say of the directory's log.
    pub(crate) heard: Mutex<Heard>,
    /// Statements that this node put into the directory.
    pub(crate) made: RwLock<Made>,
    /// What it does with what relays hand it.
    pub(crate) conduct: Arc<dyn Conduct>,
}

impl core::fmt::Debug for Desk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Desk").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Desk {
    /// The directory as believed now.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.believed.borrow().directory.clone()
    }

    /// The signing key in use.
    pub(crate) fn signing_key(&self) -> Arc<SigningKey> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// The key that signs in an environment; `None` when there is none for that exercise.
    pub(crate) fn key_in(&self, environment: Environment) -> Option<Arc<SigningKey>> {
        match environment {
            Environment::Live => Some(self.signing_key()),
            Environment::Exercise(id) => {
                self.exercise_keys.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
            }
        }
    }

    /// The public halves of the key in use and of the one that waits.
    pub(crate) fn signing_publics(&self) -> (PublicKey, Option<PublicKey>) {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        (signing.current.public(), signing.next.as_ref().map(|key| key.public()))
    }

    /// Whether the directory's cosignatures are getting old.
    pub(crate) fn is_stale(&self) -> bool {
        let cosigned = self.believed.borrow().cosigned_at;
        cosigned.is_none_or(|at| (self.clock)().since(at) > STALE_AFTER)
    }

    /// The context of signatures.
    pub(crate) fn context(&self, environment: Environment) -> Context {
        Context::of(self.network, environment)
    }

    /// A prekey's secret, for as long as it is kept.
    pub(crate) async fn prekey(&self, id: KeyId) -> Result<PrekeySecret, AgentError> {
        let row = self.store.prekey(id).await?.ok_or(AgentError::NoPrekey(id))?;
        let seed = self.vault.unwrap(id.as_bytes(), &row.wrapped)?;
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| AgentError::NoPrekey(id))?;
        Ok(PrekeySecret::from_seed(seed))
    }

    /// Signs a statement with a key of ours and puts it into the directory; its index.
    pub(crate) async fn publish(&self, act: Act, key: &SigningKey) -> Result<u64, AgentError> {
        let mut nonce = [0; 32];
        rand::rng().fill_bytes(&mut nonce);
        let statement =
            Statement { network: self.network, created: (self.clock)(), nonce: Digest::new(nonce), act };
        self.publish_signed(statement.sign(&[key])?.to_bytes()?).await
    }

    /// Whether this node put an entry into the directory.
    pub(crate) fn has_made(&self, entry: &[u8]) -> bool {
        self.made.read().unwrap_or_else(PoisonError::into_inner).has(entry)
    }

    /// Keeps and tells an event. One that cannot be kept because the disk is full stops nothing.
    pub(crate) async fn tell(&self, happening: Happening) -> Result<(), AgentError> {
        match self.events.tell(&happening, (self.clock)()).await.map_err(AgentError::from) {
            Err(error) if !error.is_fatal() => {
                tracing::error!(code = error.code(), of = happening.code, "an event was not kept");
                Ok(())
            }
            told => told,
        }
    }

    /// Raises an alarm.
    pub(crate) async fn alarm(&self, code: &str, words: impl Into<String>) -> Result<(), AgentError> {
        self.tell(Happening::new(EventKind::Alarm, code, words)).await
    }

    /// Says that something waits to be sent.
    pub(crate) fn wake_outbox(&self) {
        // A full channel means that the outbox is about to look anyway.
        self.wake_outbox.try_send(()).ok();
    }

    /// Asks the mirror to look now.
    pub(crate) fn wake_mirror(&self) {
        self.wake_mirror.try_send(()).ok();
    }

    /// Notes a relay's clock.
    pub(crate) fn heard_clock(&self, relay: &str, theirs: Timestamp) {
        let mut clocks = self.clocks.write().unwrap_or_else(PoisonError::into_inner);
        clocks.heard(relay, theirs, Instant::now());
    }

    /// A relay's session is gone, and its clock with it.
    pub(crate) fn lost_clock(&self, relay: &str) {
        self.clocks.write().unwrap_or_else(PoisonError::into_inner).gone(relay);
    }

    /// The median of what the relays' clocks say against ours, in milliseconds; `None` while none does.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        let clocks = self.clocks.read().unwrap_or_else(PoisonError::into_inner);
        clocks.offset_ms((self.clock)(), Instant::now())
    }

    /// Whether the time is known: our clock agrees with the relays' within two minutes, and a quorum of
    /// witnesses has not signed a later one already. Relays that are late as we are would agree with us.
    pub(crate) fn time_is_sure(&self) -> bool {
        let now = (self.clock)();
        let cosigned = self.believed.borrow().cosigned_at;
        let clocks = self.clocks.read().unwrap_or_else(PoisonError::into_inner);
        clocks.agree(now, Instant::now()) && !is_ahead(cosigned, now)
    }

    /// Whether this node has everything from its home relays.
    pub(crate) fn is_caught_up(&self) -> bool {
        let directory = self.directory();
        let home = directory.now_view().home_relays(&self.me);
        let home: Vec<&str> = home.iter().map(|relay| relay.name.as_str()).collect();
        let state = self.caught_up.read().unwrap_or_else(PoisonError::into_inner);
        state.is_quiet(&home, Instant::now())
    }

    /// Whether one of these home relays has no session, or one that only just came up.
    pub(crate) fn is_settling(&self, home: &[&str], now: Instant) -> bool {
        self.caught_up.read().unwrap_or_else(PoisonError::into_inner).is_settling(home, now)
    }

    /// What these home relays deliver now, or did a moment ago; `None` when nothing.
    pub(crate) fn busy(&self, home: &[&str], now: Instant) -> Option<Busy> {
        self.caught_up.read().unwrap_or_else(PoisonError::into_inner).busy(home, now)
    }

    /// For how long a relay's session has been up, and for how long it has been delivering.
    pub(crate) fn could_deliver(&self, relay: &str, now: Instant) -> Option<(Duration, Duration)> {
        self.caught_up.read().unwrap_or_else(PoisonError::into_inner).could_deliver(relay, now)
    }

    /// Notes what happens on the sessions.
    pub(crate) fn note(&self, change: impl FnOnce(&mut CaughtUp)) {
        change(&mut self.caught_up.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Whether witnesses signed a time that is yet to come by our clock.
fn is_ahead(cosigned: Option<Timestamp>, now: Timestamp) -> bool {
    cosigned.is_some_and(|at| at.0 > now.0.saturating_add(limits::CLOCK_SKEW_MS_MAX))
}

/// Why asking a relay did not help.
pub(crate) fn request_code(error: &RequestError) -> String {
    match error {
        RequestError::Refused(refused) => refused.code.to_string(),
        other => other.code().to_owned(),
    }
}

/// How many waiting messages are remembered.
const WAITING_MAX: usize = 4096;
/// Cosignatures older than this are fetched anew.
const STALE_AFTER: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn witnesses_that_signed_a_later_time_than_ours_say_that_our_clock_is_behind() {
        let now = Timestamp(1_800_000_000_000);
        assert!(!is_ahead(None, now));
        assert!(!is_ahead(Some(now.after(Duration::from_secs(120))), now), "honest clocks differ by so much");
        assert!(is_ahead(Some(now.after(Duration::from_secs(121))), now));
        assert!(!is_ahead(Some(now.before(Duration::from_secs(86_400))), now), "that is old, not wrong");
    }
}
