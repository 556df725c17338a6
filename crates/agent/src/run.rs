//! Brings a node up and down again.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use pouch_control::{EventKind, Server};
use pouch_crypto::VaultKey;
use pouch_directory::{CharterFile, Directory};
use pouch_net::{Carrier, Dialer, HttpListener, Limits, Transport, TransportIdentity};
use pouch_store::AgentStore;
use pouch_wire::session::{Cosign, Deliver};
use pouch_wire::{ContactPoint, FrameKind};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::caught_up::Delivering;
use crate::conduct::Conduct;
use crate::config::AgentConfig;
use crate::desk::{Clock, Desk, Signing};
use crate::error::AgentError;
use crate::events::{Events, Happening};
use crate::hearsay::Heard;
use crate::keys::{KeyKeeper, NodeKeys, WitnessKeys};
use crate::link::{LinkContext, LinkEvent, LinkKeeper, Relay, Transports};
use crate::made::Made;
use crate::mirror::{Believed, MirrorKeeper};
use crate::named::{is_named, until_named};
use crate::watching::Watching;
use crate::witness::{self, Witness, WitnessUnfit};
use crate::{
    beacons, exercises, inbox, office, outbox, prekeys, receipts, rejudge, signing, watching, wholeness,
};

/// What a node is started with.
#[derive(Debug)]
pub struct Node {
    /// Its configuration.
    pub config: AgentConfig,
    /// Its keys, other than the one that signs.
    pub keys: NodeKeys,
    /// The charter that came by hand.
    pub charter: CharterFile,
    /// Reads the clock.
    pub clock: Clock,
    /// The program's version.
    pub version: &'static str,
    /// What it does with what relays hand it: [`crate::Careful`].
    pub conduct: Arc<dyn Conduct>,
}

/// Runs a node until `shutdown`; calls `ready` when it answers its users.
///
/// # Errors
/// When it cannot start, or storage fails.
pub async fn run(
    node: Node,
    keeper: Box<dyn KeyKeeper>,
    ready: impl FnOnce(),
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let Node { config, keys, charter, clock, version, conduct } = node;
    let store = AgentStore::open(&config.data.join("agent.sqlite"))?;
    let (mirror, believed) = MirrorKeeper::restore(store.clone(), &charter).await?;
    let directory = believed.borrow().directory.clone();
    let heard = Mutex::new(Heard::restore(&store, by_hand(&charter)).await?);
    let current = Arc::new(keeper.signing()?);
    let named = is_named(&config, &current, &believed.borrow())?;
    let server = Server::bind(&config.socket).await?;
    let part = WitnessPart::wake(&config, keys.witness, &store, &believed).await?;
    let (events_tx, events_rx) = mpsc::channel(256);
    let dialer = Arc::new(Dialer::new(TransportIdentity::from_key(&keys.transport)?, Limits::default())?);
    let context = LinkContext {
        dialer: dialer.clone(),
        network: directory.network(),
        witnesses: part.witness.is_some(),
        transports: Transports::of(&config),
        events: events_tx,
        shutdown: shutdown.clone(),
    };
    let (kept_links, links) = LinkKeeper::following(context, &relays_of(&config.contact_point, &directory));
    let (wake_outbox, outbox_rx) = mpsc::channel(1);
    let ((wake_mirror, mirror_rx), (offer_directory, offers)) = (mpsc::channel(1), mpsc::channel(1));
    let desk = Arc::new(Desk {
        watching: Watching::restore(&store).await?,
        made: RwLock::new(Made::restore(&store).await?),
        me: config.contact_point.clone(),
        network: directory.network(),
        network_name: directory.charter().name.to_string(),
        version,
        clock,
        vault: VaultKey::derive(&keys.vault, b"agent store")?,
        believed: believed.clone(),
        links,
        events: Events::new(store.clone()).await?,
        signing: RwLock::new(Signing::of(&*keeper, &current)?),
        keeper,
        exercise_keys: RwLock::default(),
        store,
        outgoing: Mutex::new(()),
        incoming: Mutex::new(()),
        waiting: Mutex::default(),
        handed: Mutex::default(),
        wake_outbox,
        wake_mirror,
        offer_directory,
        clocks: RwLock::default(),
        wake_tend: Notify::new(),
        caught_up: RwLock::default(),
        beacon_every: core::time::Duration::from_secs(u64::from(config.beacon_seconds)),
        heard,
        conduct,
    });
    exercises::load(&desk)?;
    let mut parts: JoinSet<Result<(), AgentError>> = JoinSet::new();
    let witness = part.begin(&desk, &mut parts, &shutdown).await?;
    parts.spawn(mirror.serve(desk.clone(), mirror_rx, offers, shutdown.clone()));
    parts.spawn(outbox::serve(desk.clone(), outbox_rx, shutdown.clone()));
    parts.spawn(follow_relays(kept_links, desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(hear(desk.clone(), witness, events_rx, shutdown.clone()));
    look_around(&mut parts, &desk, &believed, &shutdown);
    if !named && let Some(ended) = until_named(&config, &current, believed, &shutdown).await {
        shutdown.cancel();
        return until_over(parts, &shutdown, &dialer).await.and(ended);
    }
    parts.spawn(office::serve(server, desk.clone(), shutdown.clone()));
    info!(contact_point = %desk.me, "serving");
    ready();
    until_over(parts, &shutdown, &dialer).await
}

/// How many entries came by hand.
fn by_hand(charter: &CharterFile) -> u64 {
    u64::try_from(charter.first_statements.len()).unwrap_or(0).saturating_add(1)
}

/// What a node does by itself, whatever comes.
fn look_around(
    parts: &mut JoinSet<Result<(), AgentError>>,
    desk: &Arc<Desk>,
    believed: &watch::Receiver<Arc<Believed>>,
    shutdown: &CancellationToken,
) {
    parts.spawn(tend(desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(rejudge::serve(desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(beacons::serve(desk.clone(), shutdown.clone()));
    parts.spawn(watching::serve(desk.clone(), shutdown.clone()));
    parts.spawn(wholeness::serve(desk.clone(), shutdown.clone()));
}

/// Runs until told to stop, or until a part fails.
async fn until_over(
    mut parts: JoinSet<Result<(), AgentError>>,
    shutdown: &CancellationToken,
    dialer: &Dialer,
) -> Result<(), AgentError> {
    let mut outcome = Ok(());
    while let Some(ended) = parts.join_next().await {
        let result = ended.unwrap_or_else(|_| Err(AgentError::Damaged("a part of the node ended".into())));
        if !shutdown.is_cancelled() {
            shutdown.cancel();
        }
        if outcome.is_ok() {
            outcome = result;
        }
    }
    // Where nothing can be stored there is nothing to wait for.
    let within = core::time::Duration::from_millis(if outcome.is_ok() { 3000 } else { 300 });
    dialer.shutdown(within).await.ok();
    outcome
}

fn relays_of(me: &ContactPoint, directory: &Directory) -> Vec<Relay> {
    let view = directory.now_view();
    // Every relay: messages go to the home relays of their recipients.
    let mut relays: Vec<Relay> = view.relays().iter().map(relay).collect();
    let home: Vec<String> = view.home_relays(me).iter().map(|relay| relay.name.to_string()).collect();
    relays.sort_by_key(|relay| !home.contains(&relay.name));
    relays
}

fn relay(relay: &pouch_directory::Relay) -> Relay {
    Relay { name: relay.name.to_string(), address: relay.address.to_string(), key: relay.transport }
}

/// Keeps the links those of the relays that the directory names: what is accepted at a new home relay is
/// fetched from there without a restart.
async fn follow_relays(
    mut links: LinkKeeper,
    desk: Arc<Desk>,
    mut believed: watch::Receiver<Arc<Believed>>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = believed.changed() => if changed.is_err() { return Ok(()) },
        }
        links.follow(&relays_of(&desk.me, &desk.directory()));
    }
}

/// Looks after the keys: whenever the directory changes, and every minute.
async fn tend(
    desk: Arc<Desk>,
    mut believed: watch::Receiver<Arc<Believed>>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut every = tokio::time::interval(core::time::Duration::from_secs(60));
    let mut links = desk.links.clone();
    let mut broken = HashSet::new();
    let mut tended = prekeys::Tended::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            error = desk.store.until_ended() => return Err(error.into()),
            changed = believed.changed() => if changed.is_err() { return Ok(()) },
            changed = links.changed() => if !changed { return Ok(()) },
            () = desk.wake_tend.notified() => {}
            _ = every.tick() => {}
        }
        for done in [
            signing::follow_directory(&desk).await,
            exercises::end_what_is_over(&desk).await,
            prekeys::tend(&desk, &mut tended).await,
            receipts::pay_owed(&desk).await,
            office::fetch_proofs(&desk, &mut broken).await,
        ] {
            match done {
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => warn!(code = error.code(), "tried again in a minute"),
                Ok(()) => {}
            }
        }
    }
}

/// What of a node is a witness, if anything.
struct WitnessPart {
    witness: Option<Arc<Witness>>,
    /// Why it is none, though the configuration says so.
    unfit: Option<WitnessUnfit>,
    door: Option<HttpListener>,
}

impl WitnessPart {
    async fn wake(
        config: &AgentConfig,
        keys: Option<WitnessKeys>,
        store: &AgentStore,
        believed: &watch::Receiver<Arc<Believed>>,
    ) -> Result<Self, AgentError> {
        let (Some(keys), Some(told)) = (keys, &config.witness) else {
            return Ok(Self { witness: None, unfit: None, door: None });
        };
        match Witness::wake(keys, store.clone(), believed.clone(), &told.log).await {
            Ok(witness) => {
                let door = match told.listen_http {
                    Some(address) => Some(HttpListener::bind(address).await?),
                    None => None,
                };
                Ok(Self { witness: Some(Arc::new(witness)), unfit: None, door })
            }
            // The node goes on: its messages need no witness.
            Err(AgentError::Unfit(unfit)) => Ok(Self { witness: None, unfit: Some(unfit), door: None }),
            Err(error) => Err(error),
        }
    }

    async fn begin(
        self,
        desk: &Arc<Desk>,
        parts: &mut JoinSet<Result<(), AgentError>>,
        shutdown: &CancellationToken,
    ) -> Result<Option<Arc<Witness>>, AgentError> {
        if let Some(unfit) = self.unfit {
            desk.alarm(unfit.code(), unfit.to_string()).await?;
        }
        if let Some(witness) = &self.witness {
            parts.spawn(look_after(witness.clone(), desk.clone(), shutdown.clone()));
            if let Some(door) = self.door {
                parts.spawn(witness::serve_http(door, witness.clone(), desk.clock, shutdown.clone()));
            }
        }
        Ok(self.witness)
    }
}

/// Watches for our own cosignatures on more than our witness remembers. Then it stops, and says so; the node
/// goes on.
async fn look_after(
    witness: Arc<Witness>,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let stopped = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        ended = witness.watch_itself() => return ended,
        stopped = witness.until_stopped() => stopped,
    };
    desk.alarm(stopped.code(), stopped.to_string()).await?;
    shutdown.cancelled().await;
    Ok(())
}

/// Handles what happens on the links.
async fn hear(
    desk: Arc<Desk>,
    witness: Option<Arc<Witness>>,
    mut events: mpsc::Receiver<LinkEvent>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut streams: JoinSet<Result<(), AgentError>> = JoinSet::new();
    let ears = Arc::new(beacons::Ears::default());
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            event = events.recv() => match event {
                Some(event) => event,
                None => return Ok(()),
            },
            Some(ended) = streams.join_next(), if !streams.is_empty() => {
                if let Ok(Err(error)) = ended {
                    if error.is_fatal() {
                        return Err(error);
                    }
                    info!(code = error.code(), "delivery not handled");
                }
                continue;
            }
        };
        match event {
            LinkEvent::Up { relay, relay_now, carrier, wanted } => {
                desk.heard_clock(&relay, relay_now);
                desk.note(|state| state.up(&relay, Instant::now()));
                desk.wake_tend.notify_one();
                desk.tell(connected(&relay, carrier, wanted)).await?;
            }
            LinkEvent::Back { relay } => {
                let words = format!("QUIC gets through to {relay} again, and carries");
                desk.tell(Happening::new(EventKind::Link, "", words)).await?;
            }
            LinkEvent::Down { relay, code } => {
                desk.lost_clock(&relay);
                desk.note(|state| state.down(&relay));
                desk.tell(Happening::new(EventKind::Link, code, format!("the session with {relay} ended")))
                    .await?;
            }
            LinkEvent::Heard { relay, now, directory_size } => {
                desk.heard_clock(&relay, now);
                if directory_size != desk.believed.borrow().size || desk.is_stale() {
                    desk.wake_mirror();
                }
            }
            // A relay that hands over more than can be looked at hands over in vain.
            LinkEvent::Beacon { relay, beacon } => {
                if let Some(slot) = ears.listen(&relay) {
                    streams.spawn(beacons::heard(*beacon, slot, desk.clone()));
                }
            }
            LinkEvent::Stream { relay, stream } => {
                streams.spawn(answer(*stream, relay, desk.clone(), witness.clone()));
            }
        }
    }
}

/// A relay is there; on a line that is worse than it should be, that is said.
fn connected(relay: &str, carrier: Carrier, wanted: Transport) -> Happening {
    let (code, words) = match (carrier, wanted) {
        (Carrier::Quic, _) => ("", format!("connected to {relay}")),
        (Carrier::Tcp, Transport::Auto) => {
            ("POUCH-NET-78", format!("connected to {relay} over TCP: QUIC did not come up"))
        }
        (Carrier::Tcp, _) => ("", format!("connected to {relay} over TCP, as configured")),
    };
    Happening::new(EventKind::Link, code, words)
}

async fn answer(
    mut stream: pouch_net::Stream,
    relay: String,
    desk: Arc<Desk>,
    witness: Option<Arc<Witness>>,
) -> Result<(), AgentError> {
    let Ok(Some(frame)) = stream.recv().await else { return Ok(()) };
    match (frame.kind(), witness) {
        (FrameKind::Deliver, _) => match frame.read::<Deliver>() {
            Ok(deliver) => {
                let _under_way = Delivering::begin(&relay, inbox::announced_bytes(&deliver), &desk);
                inbox::delivery(stream, deliver, &relay, &desk).await
            }
            Err(error) => malformed(stream, error).await,
        },
        (FrameKind::Cosign, Some(witness)) => match frame.read::<Cosign>() {
            Ok(request) => {
                witness.answer(stream, request, (desk.clock)()).await.ok();
                Ok(())
            }
            Err(error) => malformed(stream, error).await,
        },
        _ => {
            stream.refuse(&pouch_net::refusal("POUCH-AGT-50", &"not asked of this node", None)).await.ok();
            Ok(())
        }
    }
}

async fn malformed(stream: pouch_net::Stream, error: pouch_wire::FrameError) -> Result<(), AgentError> {
    let error = pouch_net::StreamError::from(error);
    stream.refuse(&pouch_net::refusal(error.code(), &error, None)).await.ok();
    Ok(())
}
