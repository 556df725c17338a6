//! A witness that is no node: it attaches to the network's relays, follows the directory that they
//! publish, and cosigns for them and for whoever asks over HTTP.

use std::sync::Arc;

use pouch_crypto::SigningKey;
use pouch_directory::{CharterFile, Directory, View};
use pouch_net::{Dialer, HttpListener, Limits, Stream, TransportIdentity};
use pouch_store::AgentStore;
use pouch_wire::session::Cosign;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Witness, WitnessUnfit, serve_http};
use crate::config::WitnessConfig;
use crate::desk::Clock;
use crate::error::AgentError;
use crate::keys::WitnessKeys;
use crate::link::{LinkContext, LinkEvent, LinkKeeper, Relay, Transports};
use crate::mirror::{Believed, MirrorKeeper};

/// Runs a stand-alone witness until `shutdown`.
///
/// # Errors
/// When it cannot start, storage fails, or it found that it lost its memory.
pub async fn run_witness(
    config: WitnessConfig,
    keys: WitnessKeys,
    transport: SigningKey,
    charter: CharterFile,
    clock: Clock,
    ready: impl FnOnce(),
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let database = config.data.join("witness.sqlite");
    // To open it would make it: a witness without a memory must not get an empty one.
    if !database.exists() {
        return Err(WitnessUnfit::NoMemory.into());
    }
    let store = AgentStore::open(&database)?;
    let (mirror, believed) = MirrorKeeper::restore(store.clone(), &charter).await?;
    is_named(&keys, &believed.borrow().directory)?;
    let witness = Arc::new(Witness::wake(keys, store.clone(), believed.clone(), &config.log).await?);
    let listener = match config.listen_http {
        Some(address) => Some(HttpListener::bind(address).await?),
        None => None,
    };
    let (events, heard) = mpsc::channel(64);
    let dialer = Arc::new(Dialer::new(TransportIdentity::from_key(&transport)?, Limits::default())?);
    let context = LinkContext {
        dialer: dialer.clone(),
        network: believed.borrow().directory.network(),
        witnesses: true,
        transports: Transports { all: config.transport, ..Transports::default() },
        events,
        shutdown: shutdown.clone(),
    };
    let (keeper, links) = LinkKeeper::new(context);
    let (wake, woken) = mpsc::channel(1);
    let mut parts: JoinSet<Result<(), AgentError>> = JoinSet::new();
    parts.spawn(mirror.follow(links, woken, shutdown.clone()));
    parts.spawn(follow_relays(keeper, believed.clone(), shutdown.clone()));
    parts.spawn(hear(witness.clone(), heard, believed, wake, clock, shutdown.clone()));
    parts.spawn(watch_itself(witness.clone(), shutdown.clone()));
    if let Some(listener) = listener {
        parts.spawn(serve_http(listener, witness.clone(), clock, shutdown.clone()));
    }
    info!(witness = config.name, "serving");
    ready();
    let outcome = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        error = store.until_ended() => Err(error.into()),
        why = witness.until_stopped() => Err(AgentError::Unfit(why)),
        Some(ended) = parts.join_next() => {
            ended.unwrap_or_else(|_| Err(AgentError::Damaged("a part of the witness ended".into())))
        }
    };
    // Who asked last is told why: its session closes after its answer.
    dialer.shutdown(core::time::Duration::from_secs(3)).await.ok();
    shutdown.cancel();
    let ended = async { while parts.join_next().await.is_some() {} };
    timeout(core::time::Duration::from_secs(3), ended).await.ok();
    // Whoever opens the memory next finds it unlocked and whole; what went wrong before is told before.
    outcome.and(store.close().await.map_err(AgentError::from))
}

/// The keys must be those that the network names, if it names this witness. One that it does not name yet
/// waits until it does.
fn is_named(keys: &WitnessKeys, directory: &Directory) -> Result<(), AgentError> {
    let view = directory.now_view();
    match view.witnesses().iter().find(|witness| *witness.name == *keys.name) {
        Some(named) if named.ed25519 == keys.ed25519.public() && named.mldsa == *keys.mldsa.public() => {
            Ok(())
        }
        Some(_) => Err(AgentError::Charter(format!("it names no witness {:?} with these keys", keys.name))),
        None => {
            warn!(witness = keys.name, code = "POUCH-WIT-04", "the network does not name this witness yet");
            Ok(())
        }
    }
}

fn relays_of(view: &View<'_>) -> Vec<Relay> {
    let relay = |relay: &pouch_directory::Relay| Relay {
        name: relay.name.to_string(),
        address: relay.address.to_string(),
        key: relay.transport,
    };
    view.relays().iter().map(relay).collect()
}

/// Keeps the links those of the relays that the directory names.
async fn follow_relays(
    mut keeper: LinkKeeper,
    mut believed: watch::Receiver<Arc<Believed>>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    loop {
        let directory = believed.borrow_and_update().directory.clone();
        keeper.follow(&relays_of(&directory.now_view()));
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = believed.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// Handles what happens on the links.
async fn hear(
    witness: Arc<Witness>,
    mut heard: mpsc::Receiver<LinkEvent>,
    believed: watch::Receiver<Arc<Believed>>,
    wake: mpsc::Sender<()>,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut asked: JoinSet<()> = JoinSet::new();
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = asked.join_next(), if !asked.is_empty() => continue,
            event = heard.recv() => match event {
                Some(event) => event,
                None => break,
            },
        };
        match event {
            // Each on its own: a relay that opens a stream and says nothing keeps no other waiting.
            LinkEvent::Stream { stream, .. } => {
                asked.spawn(answer(witness.clone(), *stream, clock));
            }
            LinkEvent::Heard { directory_size, .. } if directory_size != believed.borrow().size => {
                // A full channel means that it is about to look anyway.
                wake.try_send(()).ok();
            }
            _ => {}
        }
    }
    Ok(())
}

async fn answer(witness: Arc<Witness>, mut stream: Stream, clock: Clock) {
    let Ok(request) = stream.recv_message::<Cosign>().await else { return };
    // A relay that went away asks again.
    witness.answer(stream, request, clock()).await.ok();
}

async fn watch_itself(witness: Arc<Witness>, shutdown: CancellationToken) -> Result<(), AgentError> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = witness.watch_itself() => ended,
    }
}
