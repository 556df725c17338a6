//! The other relays of the network, as a relay that follows the directory log reaches them: one session to
//! each, made again for as long as the relay runs. It reads logs there and passes statements on; nothing is
//! delivered to a relay.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pouch_directory::Relay;
use pouch_net::{Backoff, Carrier, CloseCode, Dialer, Session, Stream, Transport};
use pouch_wire::NetworkId;
use pouch_wire::session::{Attach, Attached, Changed};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Another relay told of its copy of the directory, for the first time on a session or anew.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) relay: String,
    pub(crate) session: Session,
}

/// The sessions as they are now, by the relay's name.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours(watch::Receiver<BTreeMap<String, Session>>);

impl Neighbours {
    /// The session with a relay, when there is one.
    pub(crate) fn session(&self, relay: &str) -> Option<Session> {
        self.0.borrow().get(relay).cloned()
    }

    /// All sessions.
    pub(crate) fn all(&self) -> Vec<(String, Session)> {
        self.0.borrow().iter().map(|(relay, session)| (relay.clone(), session.clone())).collect()
    }
}

/// What every session needs.
#[derive(Debug, Clone)]
struct Context {
    dialer: Arc<Dialer>,
    transport: Transport,
    network: NetworkId,
    news: mpsc::Sender<News>,
    sessions: Arc<watch::Sender<BTreeMap<String, Session>>>,
    ended: CancellationToken,
}

/// Keeps a session per relay that the directory names.
#[derive(Debug)]
pub(crate) struct NeighbourKeeper {
    context: Context,
    kept: Vec<(Relay, CancellationToken)>,
}

impl NeighbourKeeper {
    /// Begins without sessions.
    pub(crate) fn new(
        dialer: Arc<Dialer>,
        transport: Transport,
        network: NetworkId,
        shutdown: CancellationToken,
    ) -> (Self, Neighbours, mpsc::Receiver<News>) {
        let (sessions, reached) = watch::channel(BTreeMap::new());
        let (news, heard) = mpsc::channel(64);
        let context =
            Context { dialer, transport, network, news, sessions: Arc::new(sessions), ended: shutdown };
        (Self { context, kept: Vec::new() }, Neighbours(reached), heard)
    }

    /// Makes the sessions those with these relays: one that is gone or has another key or address loses its
    /// own.
    pub(crate) fn follow(&mut self, relays: &[Relay]) {
        self.kept.retain(|(relay, ended)| {
            let stays = relays.contains(relay);
            if !stays {
                ended.cancel();
            }
            stays
        });
        for relay in relays {
            if !self.kept.iter().any(|(kept, _)| kept == relay) {
                let ended = self.context.ended.child_token();
                let context = Context { ended: ended.clone(), ..self.context.clone() };
                tokio::spawn(keep(relay.clone(), context));
                self.kept.push((relay.clone(), ended));
            }
        }
    }
}

async fn keep(relay: Relay, context: Context) {
    let mut backoff = Backoff::new();
    loop {
        let begun = Instant::now();
        let ended = tokio::select! {
            () = context.ended.cancelled() => break,
            ended = attempt(&relay, &context) => ended,
        };
        context.sessions.send_modify(|sessions| drop(sessions.remove(&*relay.name)));
        let (code, wait) = match ended {
            Err(code) => (code, backoff.after_failure(&mut rand::rng())),
            Ok(code) => (code, backoff.after_session(begun.elapsed(), &mut rand::rng())),
        };
        info!(relay = &*relay.name, code, "no session with another relay");
        tokio::select! {
            () = context.ended.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    // Another may have taken its place under the same name, and has a session of its own by now.
    context.sessions.send_if_modified(|sessions| {
        let ours = sessions.get(&*relay.name).is_some_and(|session| session.peer() == relay.transport);
        let gone = ours.then(|| sessions.remove(&*relay.name)).flatten();
        gone.inspect(|session| session.close(CloseCode::Done, "")).is_some()
    });
}

/// One session, from connecting to its end; over TCP it goes over to QUIC as soon as that works. `Err` when it
/// never came up.
async fn attempt(relay: &Relay, context: &Context) -> Result<&'static str, &'static str> {
    let address = resolve(relay).await.ok_or(NO_SUCH_ADDRESS)?;
    let connecting = context.dialer.connect_by(address, relay.transport, context.transport);
    let session = connecting.await.map_err(|error| error.code())?;
    let mut held = attach(session, context).await?;
    info!(relay = &*relay.name, carrier = held.0.carrier().name(), "connected to another relay");
    loop {
        context
            .sessions
            .send_modify(|sessions| drop(sessions.insert(relay.name.to_string(), held.0.clone())));
        let moved = tokio::select! {
            code = hear(relay, context, &held.0, &mut held.1) => return Ok(code),
            moved = back_to_quic(relay, context, held.0.carrier()) => moved,
        };
        info!(relay = &*relay.name, "QUIC gets through to another relay again");
        let (before, attached) = std::mem::replace(&mut held, moved);
        tokio::spawn(async move {
            // What was asked there is answered there. The stream on which it is attached is one.
            tokio::time::timeout(RETIRING, before.until_streams(1)).await.ok();
            before.close(CloseCode::Done, "moved to QUIC");
            drop(attached);
        });
    }
}

async fn resolve(relay: &Relay) -> Option<SocketAddr> {
    tokio::net::lookup_host(&*relay.address).await.ok()?.next()
}

async fn attach(session: Session, context: &Context) -> Result<(Session, Stream), &'static str> {
    let mut attached = session.open().await.map_err(|error| error.code())?.with_deadline(ATTACH_WITHIN);
    let hello = Attach { network: context.network.0, witnesses: false };
    attached.send_message(&hello).await.map_err(|error| error.code())?;
    attached.recv_message::<Attached>().await.map_err(|error| error.code())?;
    attached.set_deadline(None);
    Ok((session, attached))
}

/// A session over QUIC, attached, instead of one over TCP; where nothing is to be changed it never comes.
async fn back_to_quic(relay: &Relay, context: &Context, carrier: Carrier) -> (Session, Stream) {
    if carrier == Carrier::Quic || context.transport != Transport::Auto {
        return std::future::pending().await;
    }
    loop {
        let Some(address) = resolve(relay).await else {
            tokio::time::sleep(ATTACH_WITHIN).await;
            continue;
        };
        let session = context.dialer.until_quic(address, relay.transport).await;
        match attach(session, context).await {
            Ok(moved) => return moved,
            Err(code) => info!(relay = &*relay.name, code, "not attached over QUIC"),
        }
    }
}

/// Passes on what the relay tells of its directory. A stream that it opens is not answered: nobody asks a
/// relay. Cut off, it begins anew: news are told twice and never missed.
async fn hear(relay: &Relay, context: &Context, session: &Session, attached: &mut Stream) -> &'static str {
    loop {
        let news = News { relay: relay.name.to_string(), session: session.clone() };
        // The one who reads the news ends only with the relay.
        context.news.send(news).await.ok();
        tokio::select! {
            changed = attached.recv_message::<Changed>() => if let Err(error) = changed {
                return error.code();
            },
            error = session.closed() => return error.code(),
        }
    }
}

const ATTACH_WITHIN: Duration = Duration::from_secs(10);
/// How long what is under way has when a session moves to another carrier.
const RETIRING: Duration = Duration::from_secs(10);
/// The name in a relay's address leads nowhere. Told where a session's code would be.
const NO_SUCH_ADDRESS: &str = "POUCH-RLY-36";
