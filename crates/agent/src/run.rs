//! Brings a node, or a stand-alone witness, up and down again.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use pouch_control::{EventKind, Server};
use pouch_crypto::{SigningKey, VaultKey};
use pouch_directory::{CharterFile, Directory};
use pouch_net::{Dialer, Limits, TransportIdentity};
use pouch_store::AgentStore;
use pouch_wire::session::{Cosign, Deliver};
use pouch_wire::{ContactPoint, Environment, FrameKind};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::caught_up::Delivering;
use crate::config::{AgentConfig, WitnessConfig};
use crate::desk::{Clock, Desk, Signing};
use crate::error::AgentError;
use crate::events::{Events, Happening};
use crate::hearsay::Heard;
use crate::keys::{KeyKeeper, NodeKeys, WitnessKeys};
use crate::link::{LinkContext, LinkEvent, LinkKeeper, Relay};
use crate::made::Made;
use crate::mirror::{Believed, MirrorKeeper};
use crate::watching::Watching;
use crate::witness::{Witness, known_logs};
use crate::{beacons, inbox, office, outbox, prekeys, receipts, rejudge, signing, watching};

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
    let Node { config, keys, charter, clock, version } = node;
    let store = AgentStore::open(&config.data.join("agent.sqlite"))?;
    let (mirror, believed) = MirrorKeeper::restore(store.clone(), &charter).await?;
    let directory = believed.borrow().directory.clone();
    let by_hand = u64::try_from(charter.first_statements.len()).unwrap_or(0).saturating_add(1);
    let made = Made::restore(&store).await?;
    let heard = Mutex::new(Heard::restore(&store, by_hand).await?);
    let current = Arc::new(keeper.signing()?);
    let named = is_named(&config, &current, &believed.borrow())?;
    let next = keeper.next_signing()?.map(Arc::new);
    let server = Server::bind(&config.socket).await?;
    let witness = keys.witness.map(|keys| Witness::new(keys, store.clone())).transpose()?.map(Arc::new);
    let (events_tx, events_rx) = mpsc::channel(256);
    let context = LinkContext {
        dialer: Arc::new(Dialer::new(TransportIdentity::from_key(&keys.transport)?, Limits::default())?),
        network: directory.network(),
        witnesses: witness.is_some(),
        events: events_tx,
        shutdown: shutdown.clone(),
    };
    let dialer = context.dialer.clone();
    let (mut keeper_of_links, links) = LinkKeeper::new(context);
    keeper_of_links.follow(&relays_of(&config.contact_point, &directory));
    let watching = Watching::restore(&store).await?;
    let (wake_outbox, outbox_rx) = mpsc::channel(1);
    let (wake_mirror, mirror_rx) = mpsc::channel(1);
    let desk = Arc::new(Desk {
        me: config.contact_point.clone(),
        network: directory.network(),
        network_name: directory.charter().name.to_string(),
        version,
        clock,
        vault: VaultKey::derive(&keys.vault, b"agent store")?,
        believed: believed.clone(),
        links,
        events: Events::new(store.clone()).await?,
        signing: RwLock::new(Signing { current: current.clone(), next }),
        keeper,
        store,
        outgoing: Mutex::new(()),
        incoming: Mutex::new(()),
        waiting: Mutex::default(),
        handed: Mutex::default(),
        wake_outbox,
        wake_mirror,
        clocks: RwLock::default(),
        wake_tend: Notify::new(),
        caught_up: RwLock::default(),
        watching,
        beacon_every: core::time::Duration::from_secs(u64::from(config.beacon_seconds)),
        heard,
        made: RwLock::new(made),
    });
    let mut parts: JoinSet<Result<(), AgentError>> = JoinSet::new();
    parts.spawn(mirror.serve(desk.clone(), mirror_rx, shutdown.clone()));
    parts.spawn(outbox::serve(desk.clone(), outbox_rx, shutdown.clone()));
    parts.spawn(follow_relays(keeper_of_links, desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(tend(desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(rejudge::serve(desk.clone(), believed.clone(), shutdown.clone()));
    parts.spawn(hear(desk.clone(), witness, events_rx, shutdown.clone()));
    parts.spawn(beacons::serve(desk.clone(), shutdown.clone()));
    parts.spawn(watching::serve(desk.clone(), shutdown.clone()));
    if !named && let Err(error) = until_named(&config, &current, believed).await {
        shutdown.cancel();
        return until_over(parts, &shutdown, &dialer).await.and(Err(error));
    }
    parts.spawn(office::serve(server, desk.clone(), shutdown.clone()));
    info!(contact_point = %desk.me, "serving");
    ready();
    until_over(parts, &shutdown, &dialer).await
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
    dialer.shutdown(core::time::Duration::from_secs(3)).await.ok();
    outcome
}

/// Whether the directory names this office with this key; `false` while only the charter file is known, and
/// it may have come after that.
fn is_named(config: &AgentConfig, key: &SigningKey, believed: &Believed) -> Result<bool, AgentError> {
    let view = believed.directory.now_view();
    let point = &config.contact_point;
    if view.contact_point(point, Environment::Live).is_none() {
        return if believed.size == 0 { Ok(false) } else { Err(not_named(point)) };
    }
    let known = view.key_history(point, Environment::Live).iter().any(|period| period.key == key.public());
    if known { Ok(true) } else { Err(AgentError::OtherKey) }
}

fn not_named(point: &ContactPoint) -> AgentError {
    AgentError::Charter(format!("the directory has no contact point {point}"))
}

/// An office that came after the founding is not in the charter file: its node hears of itself from a relay,
/// which knows its transport key then, and serves nobody before.
async fn until_named(
    config: &AgentConfig,
    key: &SigningKey,
    mut believed: watch::Receiver<Arc<Believed>>,
) -> Result<(), AgentError> {
    info!(contact_point = %config.contact_point, "not in the charter; asking the relays for the directory");
    let named = async {
        while believed.changed().await.is_ok() {
            let newest = believed.borrow_and_update().clone();
            if newest.size > 0 {
                return is_named(config, key, &newest).map(drop);
            }
        }
        Err(not_named(&config.contact_point))
    };
    tokio::time::timeout(NAMED_WITHIN, named).await.unwrap_or_else(|_| Err(not_named(&config.contact_point)))
}

/// How long a new office's node waits for a relay to tell it of itself.
const NAMED_WITHIN: core::time::Duration = core::time::Duration::from_secs(15);

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

/// Handles what happens on the links.
async fn hear(
    desk: Arc<Desk>,
    witness: Option<Arc<Witness>>,
    mut events: mpsc::Receiver<LinkEvent>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut streams: JoinSet<Result<(), AgentError>> = JoinSet::new();
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
            LinkEvent::Up { relay, relay_now } => {
                desk.heard_clock(&relay, relay_now);
                desk.note(|state| state.up(&relay, Instant::now()));
                desk.wake_tend.notify_one();
                desk.tell(Happening::new(EventKind::Link, "", format!("connected to {relay}"))).await?;
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
            LinkEvent::Beacon { relay, beacon } if streams.len() < BEACONS_AT_ONCE => {
                streams.spawn(beacons::heard(*beacon, relay, desk.clone()));
            }
            LinkEvent::Beacon { .. } => {}
            LinkEvent::Stream { relay, stream } => {
                streams.spawn(answer(*stream, relay, desk.clone(), witness.clone()));
            }
        }
    }
}

/// How many beacons and deliveries are looked at, at a time.
const BEACONS_AT_ONCE: usize = 2048;

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
                let directory = desk.directory();
                let logs = known_logs(&directory.now_view());
                witness.answer(stream, request, logs, (desk.clock)()).await.ok();
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

/// Runs a stand-alone witness until `shutdown`.
///
/// # Errors
/// When it cannot start, or storage fails.
pub async fn run_witness(
    config: WitnessConfig,
    keys: WitnessKeys,
    transport: SigningKey,
    charter: CharterFile,
    clock: Clock,
    ready: impl FnOnce(),
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let directory = charter.found().map_err(|error| AgentError::Charter(error.to_string()))?;
    let view = directory.now_view();
    // A witness that joined later is named by the directory alone, and relays know it from there.
    let named = view.witnesses().iter().find(|w| *w.name == *config.name);
    if named.is_some_and(|w| w.ed25519 != keys.ed25519.public()) {
        return Err(AgentError::Charter(format!("it names witness {:?} with other keys", config.name)));
    }
    let store = AgentStore::open(&config.data.join("witness.sqlite"))?;
    let witness = Arc::new(Witness::new(keys, store.clone())?);
    let mut asked: JoinSet<()> = JoinSet::new();
    let logs = known_logs(&view);
    let (events, mut heard) = mpsc::channel(64);
    let dialer = Arc::new(Dialer::new(TransportIdentity::from_key(&transport)?, Limits::default())?);
    let context = LinkContext {
        dialer: dialer.clone(),
        network: directory.network(),
        witnesses: true,
        events,
        shutdown: shutdown.clone(),
    };
    let (mut links, _lines) = LinkKeeper::new(context);
    links.follow(&view.relays().iter().map(relay).collect::<Vec<_>>());
    info!(witness = config.name, "serving");
    ready();
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => break,
            error = store.until_ended() => return Err(error.into()),
            Some(_) = asked.join_next(), if !asked.is_empty() => continue,
            event = heard.recv() => match event {
                Some(event) => event,
                None => break,
            },
        };
        let LinkEvent::Stream { stream, .. } = event else { continue };
        let (witness, logs) = (witness.clone(), logs.clone());
        // Each on its own: a relay that opens a stream and says nothing keeps no other waiting.
        asked.spawn(async move {
            let mut stream = *stream;
            let Ok(request) = stream.recv_message::<Cosign>().await else { return };
            // A relay that went away asks again.
            witness.answer(stream, request, logs, clock()).await.ok();
        });
    }
    dialer.shutdown(core::time::Duration::from_secs(3)).await.ok();
    Ok(())
}
