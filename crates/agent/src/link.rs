//! The node's sessions: one to each relay of the network, made again with jittered backoff for as long as the
//! node runs. What arrives on a session goes to whoever handles it; what others want to ask goes
//! through [`Links`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::PublicKey;
use pouch_net::{Backoff, Carrier, CloseCode, Dialer, Session, Stream, StreamError, Transport};
use pouch_wire::session::{Attach, Attached, BeaconFor, Changed};
use pouch_wire::{Frame, FrameKind, NetworkId, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::AgentConfig;

/// A relay to keep a session with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) key: PublicKey,
}

/// A relay and its session, when there is one.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) relay: Relay,
    pub(crate) session: Option<Session>,
    /// The epoch that the relay told.
    pub(crate) epoch: u64,
}

impl Line {
    /// Its relay, whether there is a session, and what carries it.
    pub(crate) fn shown(self) -> (String, bool, Option<String>) {
        let carrier = self.session.map(|session| session.carrier().name().to_owned());
        (self.relay.name, carrier.is_some(), carrier)
    }
}

/// What happens on the links.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A session is there, and the relay delivers to us.
    Up { relay: String, relay_now: Timestamp, carrier: Carrier, wanted: Transport },
    /// The session went over from TCP to QUIC.
    Back { relay: String },
    /// The session is gone.
    Down { relay: String, code: &'static str },
    /// The relay told its clock and its newest directory size.
    Heard { relay: String, now: Timestamp, directory_size: u64 },
    /// The relay handed over another node's beacon.
    Beacon { relay: String, beacon: Box<BeaconFor> },
    /// The relay opened a stream: a delivery, or a checkpoint to cosign.
    Stream { relay: String, stream: Box<Stream> },
}

/// The sessions as they are now.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    lines: watch::Receiver<Vec<Line>>,
}

impl Links {
    /// All relays, with a session or without.
    pub(crate) fn all(&self) -> Vec<Line> {
        self.lines.borrow().clone()
    }

    /// The session with a relay, when there is one.
    pub(crate) fn session(&self, relay: &str) -> Option<Session> {
        self.lines.borrow().iter().find(|line| line.relay.name == relay).and_then(|line| line.session.clone())
    }

    /// Every session there is by its relay's name, one relay's first.
    pub(crate) fn starting_with(&self, first: Option<&str>) -> Vec<(String, Session)> {
        let lines = self.lines.borrow();
        let there = lines.iter().filter_map(|line| Some((line.relay.name.clone(), line.session.clone()?)));
        let mut sessions: Vec<_> = there.collect();
        sessions.sort_by_key(|(relay, _)| Some(relay.as_str()) != first);
        sessions
    }

    /// Waits for the lines to change.
    pub(crate) async fn changed(&mut self) -> bool {
        self.lines.changed().await.is_ok()
    }
}

/// How relays are reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transports {
    pub(crate) all: Transport,
    /// Those that are reached otherwise, by name.
    pub(crate) single: BTreeMap<String, Transport>,
}

impl Transports {
    pub(crate) fn of(config: &AgentConfig) -> Self {
        Self { all: config.transport, single: config.transport_to.clone() }
    }

    fn to(&self, relay: &str) -> Transport {
        self.single.get(relay).copied().unwrap_or(self.all)
    }
}

/// What every link needs.
#[derive(Debug, Clone)]
pub(crate) struct LinkContext {
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) network: NetworkId,
    pub(crate) witnesses: bool,
    pub(crate) transports: Transports,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    pub(crate) shutdown: CancellationToken,
}

/// Keeps a link per relay that the directory names: a relay that is new gets one, one that is gone or has
/// another key or address loses its own.
#[derive(Debug)]
pub(crate) struct LinkKeeper {
    context: LinkContext,
    lines: Arc<watch::Sender<Vec<Line>>>,
    kept: Vec<(Relay, CancellationToken)>,
}

impl LinkKeeper {
    /// Begins without links.
    pub(crate) fn new(context: LinkContext) -> (Self, Links) {
        let (lines, rx) = watch::channel(Vec::new());
        (Self { context, lines: Arc::new(lines), kept: Vec::new() }, Links { lines: rx })
    }

    /// Begins with links to these relays.
    pub(crate) fn following(context: LinkContext, relays: &[Relay]) -> (Self, Links) {
        let (mut keeper, links) = Self::new(context);
        keeper.follow(relays);
        (keeper, links)
    }

    /// Makes the links those of these relays, in their order.
    pub(crate) fn follow(&mut self, relays: &[Relay]) {
        if self.kept.iter().map(|(relay, _)| relay).eq(relays) {
            return;
        }
        for (_, ended) in self.kept.iter().filter(|(relay, _)| !relays.contains(relay)) {
            ended.cancel();
        }
        self.kept.retain(|(relay, _)| relays.contains(relay));
        // A link may come up at once: its line is there before it begins.
        self.lines.send_modify(|lines| {
            let mut before = std::mem::take(lines);
            lines.extend(relays.iter().map(|relay| {
                let known = before.iter().position(|line| line.relay == *relay);
                known.map_or_else(
                    || Line { relay: relay.clone(), session: None, epoch: 0 },
                    |at| before.swap_remove(at),
                )
            }));
        });
        let mut kept = Vec::new();
        for relay in relays {
            let known = self.kept.iter().position(|(known, _)| known == relay);
            kept.push(match known {
                Some(at) => self.kept.swap_remove(at),
                None => (relay.clone(), self.begin(relay)),
            });
        }
        self.kept = kept;
    }

    fn begin(&self, relay: &Relay) -> CancellationToken {
        let ended = self.context.shutdown.child_token();
        let context = LinkContext { shutdown: ended.clone(), ..self.context.clone() };
        tokio::spawn(keep(relay.clone(), context, self.lines.clone()));
        ended
    }
}

async fn keep(relay: Relay, context: LinkContext, lines: Arc<watch::Sender<Vec<Line>>>) {
    let mut backoff = Backoff::new();
    loop {
        let begun = Instant::now();
        let mut up = None;
        let ended = tokio::select! {
            () = context.shutdown.cancelled() => {
                // The relay is no longer the network's, and its line may be gone; or the node stops.
                set(&lines, &relay, None);
                if let Some(session) = up {
                    session.close(CloseCode::Done, "");
                    let down = LinkEvent::Down { relay: relay.name.clone(), code: "POUCH-NET-31" };
                    context.events.send(down).await.ok();
                }
                return;
            }
            ended = attempt(&relay, &context, &lines, &mut up) => ended,
        };
        let wait = match ended {
            Err(code) => {
                info!(relay = relay.name, code, "relay not reached");
                backoff.after_failure(&mut rand::rng())
            }
            Ok(code) => {
                set(&lines, &relay, None);
                let down = LinkEvent::Down { relay: relay.name.clone(), code };
                context.events.send(down).await.ok();
                backoff.after_session(begun.elapsed(), &mut rand::rng())
            }
        };
        tokio::select! {
            () = context.shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One session, from connecting to its end; over TCP it goes over to QUIC as soon as that works. `Err` when it
/// never came up.
async fn attempt(
    relay: &Relay,
    context: &LinkContext,
    lines: &watch::Sender<Vec<Line>>,
    up: &mut Option<Session>,
) -> Result<&'static str, &'static str> {
    let address = resolve(&relay.address).await.ok_or(NO_SUCH_ADDRESS)?;
    let wanted = context.transports.to(&relay.name);
    let session =
        context.dialer.connect_by(address, relay.key, wanted).await.map_err(|error| error.code())?;
    let (mut held, welcome) = Held::attach(session, context).await?;
    set_epoch(lines, relay, welcome.epoch);
    set(lines, relay, Some(held.session.clone()));
    *up = Some(held.session.clone());
    let carrier = held.session.carrier();
    let risen = LinkEvent::Up { relay: relay.name.clone(), relay_now: welcome.now, carrier, wanted };
    context.events.send(risen).await.ok();
    heard(relay, context, welcome.now, welcome.directory_size).await;
    loop {
        let back = back_to_quic(relay, context, held.session.carrier(), wanted);
        let (moved, welcome) = match serve(relay, context, lines, &mut held, back).await {
            Ended::Over(code) => return Ok(code),
            Ended::Back(moved) => *moved,
        };
        // What is asked from now on is asked there; what was asked here is answered here.
        set_epoch(lines, relay, welcome.epoch);
        set(lines, relay, Some(moved.session.clone()));
        *up = Some(moved.session.clone());
        let before = std::mem::replace(&mut held, moved);
        tokio::spawn(retire(relay.clone(), context.clone(), lines.clone(), before));
        context.events.send(LinkEvent::Back { relay: relay.name.clone() }).await.ok();
        heard(relay, context, welcome.now, welcome.directory_size).await;
    }
}

/// A session on which the relay delivers to us.
struct Held {
    session: Session,
    attached: Stream,
}

impl Held {
    async fn attach(session: Session, context: &LinkContext) -> Result<(Self, Attached), &'static str> {
        let attached = session.open().await.map_err(|error| error.code())?;
        let mut attached = attached.with_deadline(ATTACH_WITHIN);
        let hello = Attach { network: context.network.0, witnesses: context.witnesses };
        attached.send_message(&hello).await.map_err(|error| error.code())?;
        let welcome: Attached = attached.recv_message().await.map_err(|error| error.code())?;
        attached.set_deadline(None);
        Ok((Self { session, attached }, welcome))
    }
}

/// How serving a session ended.
enum Ended {
    Over(&'static str),
    Back(Box<(Held, Attached)>),
}

async fn serve(
    relay: &Relay,
    context: &LinkContext,
    lines: &watch::Sender<Vec<Line>>,
    held: &mut Held,
    back: impl Future<Output = (Held, Attached)>,
) -> Ended {
    tokio::pin!(back);
    loop {
        tokio::select! {
            told = held.attached.recv() => if let Err(error) = told_by(relay, context, lines, told).await {
                warn!(relay = relay.name, code = error.code(), "relay hung up");
                return Ended::Over(error.code());
            },
            stream = held.session.accept() => match stream {
                Ok(stream) => {
                    let event = LinkEvent::Stream { relay: relay.name.clone(), stream: Box::new(stream) };
                    context.events.send(event).await.ok();
                }
                Err(error) => return Ended::Over(error.code()),
            },
            moved = back.as_mut() => return Ended::Back(Box::new(moved)),
        }
    }
}

/// A session over QUIC, attached, instead of one over TCP; where nothing is to be changed it never comes.
async fn back_to_quic(
    relay: &Relay,
    context: &LinkContext,
    carrier: Carrier,
    wanted: Transport,
) -> (Held, Attached) {
    if carrier == Carrier::Quic || wanted != Transport::Auto {
        return std::future::pending().await;
    }
    loop {
        // The name may lead elsewhere by now.
        let Some(address) = resolve(&relay.address).await else {
            tokio::time::sleep(ATTACH_WITHIN).await;
            continue;
        };
        let session = context.dialer.until_quic(address, relay.key).await;
        match Held::attach(session, context).await {
            Ok(moved) => return moved,
            Err(code) => info!(relay = relay.name, code, "not attached over QUIC"),
        }
    }
}

/// Lets what is under way on a session come to its end, and closes it.
async fn retire(relay: Relay, context: LinkContext, lines: watch::Sender<Vec<Line>>, mut held: Held) {
    let session = held.session.clone();
    // The stream on which it is attached is one.
    let quiet = session.until_streams(1);
    tokio::select! {
        () = quiet => {}
        () = tokio::time::sleep(RETIRING) => {}
        () = context.shutdown.cancelled() => {}
        _ = serve(&relay, &context, &lines, &mut held, std::future::pending()) => {}
    }
    session.close(CloseCode::Done, "moved to QUIC");
}

/// What a relay tells of itself: its log grew, its clock, another's beacon.
async fn told_by(
    relay: &Relay,
    context: &LinkContext,
    lines: &watch::Sender<Vec<Line>>,
    told: Result<Option<Frame>, StreamError>,
) -> Result<(), StreamError> {
    let frame = told?.ok_or(StreamError::Ended { expected: FrameKind::Changed })?;
    if frame.kind() == FrameKind::BeaconFor {
        let beacon = Box::new(frame.read::<BeaconFor>()?);
        context.events.send(LinkEvent::Beacon { relay: relay.name.clone(), beacon }).await.ok();
        return Ok(());
    }
    let changed: Changed = frame.read()?;
    set_epoch(lines, relay, changed.epoch);
    heard(relay, context, changed.now, changed.size).await;
    Ok(())
}

async fn heard(relay: &Relay, context: &LinkContext, now: Timestamp, directory_size: u64) {
    let event = LinkEvent::Heard { relay: relay.name.clone(), now, directory_size };
    context.events.send(event).await.ok();
}

/// Puts a session in a relay's line, if it still has one.
fn set(lines: &watch::Sender<Vec<Line>>, relay: &Relay, session: Option<Session>) {
    lines.send_modify(|lines| {
        if let Some(line) = lines.iter_mut().find(|line| line.relay == *relay) {
            line.session = session;
        }
    });
}

/// Puts what a relay says of its epoch in its line; whoever sends looks when it is another.
fn set_epoch(lines: &watch::Sender<Vec<Line>>, relay: &Relay, epoch: u64) {
    lines.send_if_modified(|lines| {
        let line = lines.iter_mut().find(|line| line.relay == *relay && line.epoch != epoch);
        line.map(|line| line.epoch = epoch).is_some()
    });
}

async fn resolve(address: &str) -> Option<SocketAddr> {
    tokio::net::lookup_host(address).await.ok()?.next()
}

const ATTACH_WITHIN: Duration = Duration::from_secs(10);
/// How long what is under way has when a session moves to another carrier.
const RETIRING: Duration = Duration::from_secs(10);
/// The name in a relay's address leads nowhere. Told where a session's code would be.
const NO_SUCH_ADDRESS: &str = "POUCH-AGT-22";

#[cfg(test)]
mod tests {
    use pouch_crypto::SigningKey;
    use pouch_net::{Limits, TransportIdentity};

    use super::*;

    #[tokio::test]
    async fn an_address_that_leads_nowhere_has_a_code_of_its_own() {
        let ours = SigningKey::generate(&mut rand::rng());
        let identity = TransportIdentity::from_key(&ours).unwrap();
        let (events, _heard) = mpsc::channel(1);
        let context = LinkContext {
            dialer: Arc::new(Dialer::new(identity, Limits::default()).unwrap()),
            network: NetworkId(pouch_wire::Digest::new([7; 32])),
            witnesses: false,
            transports: Transports::default(),
            events,
            shutdown: CancellationToken::new(),
        };
        let theirs = SigningKey::generate(&mut rand::rng()).public();
        // Without a port nothing is looked up: the test needs no name service.
        let relay = Relay { name: "relay-1".into(), address: "no-port".into(), key: theirs };
        let (lines, _seen) = watch::channel(Vec::new());
        assert_eq!(attempt(&relay, &context, &lines, &mut None).await, Err("POUCH-AGT-22"));
    }
}
