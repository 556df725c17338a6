//! One agent's session: each stream it opens is a question, answered by a task of its own; when it
//! attaches, its messages are delivered and it is told what changes.

use std::sync::Arc;

use pouch_crypto::PublicKey;
use pouch_directory::{TransportOwner, View};
use pouch_net::{CloseCode, ResetCode, Session, Stream, StreamError, refusal};
use pouch_wire::session::{Attach, Attached, Beacon, Changed, LogName, Publish, Published, Submit};
use pouch_wire::{ContactPoint, FrameKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::run::Desk;
use crate::{accept, beacons, delivery, reading};

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// A node of this contact point.
    ContactPoint(ContactPoint),
    /// The witness of this name.
    Witness(String),
    /// The relay of this name. It reads logs and passes statements on, and nothing is delivered to it.
    Relay(String),
    /// A relay that had this name and is no longer named: it reads the directory, to learn so.
    FormerRelay(String),
}

/// Serves a session until it ends.
pub(crate) async fn serve(session: Session, desk: Arc<Desk>, shutdown: CancellationToken) {
    let Some(peer) = identify(&session, &desk) else {
        session.close(CloseCode::NoLongerKnown, "key not in the directory");
        return;
    };
    debug!(session = session.id(), "session began");
    desk.switchboard.came(peer.clone(), &session).await;
    let mut directory = desk.directory.clone();
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            // A key that was revoked since speaks for nobody, and gets nothing, on a session that is
            // open already too.
            changed = directory.changed() => {
                if changed.is_err() || !speaks_still(&session, &peer, &desk) {
                    break;
                }
                continue;
            }
            stream = session.accept() => match stream {
                Ok(stream) => stream,
                Err(error) => {
                    debug!(session = session.id(), code = error.code(), "session ended");
                    break;
                }
            },
        };
        if !speaks_still(&session, &peer, &desk) {
            break;
        }
        tokio::spawn(answer(stream, peer.clone(), desk.clone(), shutdown.clone()));
    }
    desk.switchboard.gone(&session).await;
}

/// Whether the peer is who it was; the session is closed when it is not.
fn speaks_still(session: &Session, peer: &Peer, desk: &Desk) -> bool {
    let same = identify(session, desk).as_ref() == Some(peer);
    if !same {
        session.close(CloseCode::NoLongerKnown, "key no longer in the directory");
    }
    same
}

fn identify(session: &Session, desk: &Desk) -> Option<Peer> {
    desk.known.peer(&session.peer())
}

/// Whose transport key it is, if there may be a session with it.
pub(crate) fn peer_with(key: &PublicKey, view: &View<'_>) -> Option<Peer> {
    match view.who_has_transport(key) {
        Some(TransportOwner::ContactPoint(point)) => Some(Peer::ContactPoint(point)),
        Some(TransportOwner::Witness(name)) => Some(Peer::Witness(name)),
        Some(TransportOwner::Relay(name)) => Some(Peer::Relay(name)),
        None => view.former_relay(key).map(|name| Peer::FormerRelay(name.to_owned())),
    }
}

async fn answer(mut stream: Stream, peer: Peer, desk: Arc<Desk>, shutdown: CancellationToken) {
    let session = stream.session().id();
    let frame = match stream.recv().await {
        Ok(Some(frame)) => frame,
        Ok(None) => return,
        Err(error) => {
            debug!(session, code = error.code(), "request not understood");
            stream.session().refused(error.code());
            if matches!(error, StreamError::TooSlow { .. }) {
                stream.stop(ResetCode::TooSlow);
                stream.reset(ResetCode::TooSlow);
            }
            return;
        }
    };
    let done = match frame.kind() {
        kind if !may_ask(&peer, kind) => {
            let words = "a relay that is no longer named only reads the directory";
            stream.refuse(&refusal("POUCH-RLY-29", &words, None)).await
        }
        FrameKind::Submit => match frame.read::<Submit>() {
            Ok(submit) => accept::submit(stream, submit, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::Attach => match frame.read::<Attach>() {
            Ok(attach) => attached(stream, attach, &peer, &desk, shutdown).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::Beacon => match frame.read::<Beacon>() {
            Ok(beacon) => beacons::submitted(stream, beacon, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::Publish => match frame.read::<Publish>() {
            Ok(publish) => statement(stream, publish, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::ReadLog => match frame.read() {
            Ok(read) => reading::entries(stream, &read, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::ReadProof => match frame.read() {
            Ok(read) => reading::proof(stream, &read, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        FrameKind::ReadConsistency => match frame.read() {
            Ok(read) => reading::consistency(stream, &read, &peer, &desk).await,
            Err(error) => malformed(stream, error).await,
        },
        _ => stream.refuse(&refusal("POUCH-RLY-21", &"no request begins with this frame", None)).await,
    };
    if let Err(error) = done {
        debug!(session, code = error.code(), "answer not taken");
    }
}

/// A relay that is no longer named learns so, and nothing more.
const fn may_ask(peer: &Peer, kind: FrameKind) -> bool {
    let reads = matches!(kind, FrameKind::Attach | FrameKind::ReadLog | FrameKind::ReadConsistency);
    reads || !matches!(peer, Peer::FormerRelay(_))
}

async fn malformed(stream: Stream, error: pouch_wire::FrameError) -> Result<(), StreamError> {
    let error = StreamError::from(error);
    stream.refuse(&refusal(error.code(), &error, None)).await
}

async fn statement(stream: Stream, publish: Publish, peer: &Peer, desk: &Desk) -> Result<(), StreamError> {
    match desk.statements.publish(peer, publish.statement.into_vec()).await {
        Ok(index) => stream.answer(&Published { index }).await,
        Err(refused) => stream.refuse(&refused).await,
    }
}

/// Delivers to an agent and tells it what changes, until the session or the relay ends.
async fn attached(
    mut stream: Stream,
    attach: Attach,
    peer: &Peer,
    desk: &Arc<Desk>,
    shutdown: CancellationToken,
) -> Result<(), StreamError> {
    let directory = desk.directory.borrow().clone();
    if attach.network != directory.network().0 {
        return stream.refuse(&refusal("POUCH-RLY-20", &"another network's charter", None)).await;
    }
    let session = stream.session().clone();
    // A relay that cosigned its own log, or another's, would be no witness.
    let witnesses = attach.witnesses && !matches!(peer, Peer::Relay(_) | Peer::FormerRelay(_));
    let Some(wake) = desk.switchboard.attach(&session, witnesses).await else {
        return stream.refuse(&refusal("POUCH-RLY-24", &"this session is attached already", None)).await;
    };
    let mut published = desk.directory_log.published();
    let mut epoch = desk.epoch.clone();
    let directory_size = published.borrow_and_update().as_ref().map_or(0, |p| p.size);
    let welcome = Attached { now: (desk.clock)(), directory_size, epoch: *epoch.borrow_and_update() };
    stream.send_message(&desk.conduct.welcomes(peer, welcome)).await?;
    if let Peer::ContactPoint(owner) = peer {
        tokio::spawn(delivery::deliver(owner.clone(), session.clone(), wake, desk.clone(), shutdown.clone()));
    }
    let mut newest = desk.beacons.newest();
    let mut handed = beacons::Handed::default();
    hand_beacons(&mut stream, peer, &mut handed, desk).await?;
    let mut refresh = tokio::time::interval(CLOCK_EVERY);
    loop {
        let held = handed.next_due();
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = session.closed() => break,
            changed = newest.changed() => if changed.is_err() { break } else {
                hand_beacons(&mut stream, peer, &mut handed, desk).await?;
                continue;
            },
            () = until(held), if held.is_some() => {
                hand_beacons(&mut stream, peer, &mut handed, desk).await?;
                continue;
            }
            changed = published.changed() => if changed.is_err() { break },
            changed = epoch.changed() => if changed.is_err() { break },
            _ = refresh.tick() => {}
        }
        let size = published.borrow_and_update().as_ref().map_or(0, |p| p.size);
        let changed =
            Changed { log: LogName::Directory, size, now: (desk.clock)(), epoch: *epoch.borrow_and_update() };
        if let Some(told) = desk.conduct.tells(peer, changed) {
            stream.send_message(&told).await?;
        }
    }
    Ok(())
}

/// Hands over the beacons that a node was not handed yet.
async fn hand_beacons(
    stream: &mut Stream,
    peer: &Peer,
    handed: &mut beacons::Handed,
    desk: &Desk,
) -> Result<(), StreamError> {
    let Peer::ContactPoint(reader) = peer else { return Ok(()) };
    for beacon in desk.beacons.next(reader, handed, &*desk.conduct, Instant::now()) {
        stream.send_message(&beacon).await?;
    }
    Ok(())
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

/// How often an attached agent hears the relay's clock even when nothing changes.
const CLOCK_EVERY: core::time::Duration = core::time::Duration::from_secs(30);
