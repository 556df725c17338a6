//! Who is there: the sessions of each peer, whose deliveries to wake, and who cosigns. One task owns
//! this; the others hold a handle.
//!
//! A peer has a few sessions at a time, whatever it opens, and each session attaches once: what a
//! hostile member can make the relay hold is bounded here.

use std::collections::BTreeMap;
use std::sync::Arc;

use pouch_net::{CloseCode, Session};
use pouch_wire::ContactPoint;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::session::Peer;

/// Sessions of one peer at a time: a node, and the same node coming back.
const SESSIONS_PER_PEER: usize = 3;

/// A session that cosigns.
#[derive(Debug, Clone)]
pub(crate) struct WitnessSession {
    /// Whose session it is. Only of a witness with a transport key of its own is it certain which one it is.
    pub(crate) peer: Peer,
    pub(crate) session: Session,
}

enum Message {
    Came { peer: Peer, session: Session },
    Attached { session: u64, witnesses: bool, wake: oneshot::Sender<Arc<Notify>> },
    Gone { session: u64 },
    Arrived { recipients: Vec<ContactPoint> },
}

/// Reaches the switchboard.
#[derive(Debug, Clone)]
pub(crate) struct Switchboard {
    tx: mpsc::Sender<Message>,
    witnesses: watch::Receiver<Vec<WitnessSession>>,
}

impl Switchboard {
    /// Starts the task that owns it.
    pub(crate) fn start(shutdown: CancellationToken) -> Self {
        let (tx, rx) = mpsc::channel(1024);
        let (witness_tx, witnesses) = watch::channel(Vec::new());
        tokio::spawn(serve(rx, witness_tx, shutdown));
        Self { tx, witnesses }
    }

    /// A session is there; whoever calls this says when it is [`Switchboard::gone`].
    pub(crate) async fn came(&self, peer: Peer, session: &Session) {
        // The task ends only at shutdown, when nothing is delivered any more.
        self.tx.send(Message::Came { peer, session: session.clone() }).await.ok();
    }

    /// A session wants what waits for it. The answer wakes its deliveries; `None` when it is attached
    /// already, or gone.
    pub(crate) async fn attach(&self, session: &Session, witnesses: bool) -> Option<Arc<Notify>> {
        let (wake, rx) = oneshot::channel();
        self.tx.send(Message::Attached { session: session.id(), witnesses, wake }).await.ok()?;
        rx.await.ok()
    }

    /// A session is gone.
    pub(crate) async fn gone(&self, session: &Session) {
        self.tx.send(Message::Gone { session: session.id() }).await.ok();
    }

    /// Something is stored for these recipients.
    pub(crate) async fn arrived(&self, recipients: Vec<ContactPoint>) {
        self.tx.send(Message::Arrived { recipients }).await.ok();
    }

    /// The sessions that cosign, as they come and go.
    pub(crate) fn witnesses(&self) -> watch::Receiver<Vec<WitnessSession>> {
        self.witnesses.clone()
    }
}

async fn serve(
    mut rx: mpsc::Receiver<Message>,
    witnesses: watch::Sender<Vec<WitnessSession>>,
    shutdown: CancellationToken,
) {
    let mut lines = Lines::default();
    loop {
        let message = tokio::select! {
            () = shutdown.cancelled() => return,
            message = rx.recv() => match message {
                Some(message) => message,
                None => return,
            },
        };
        let changed = match message {
            Message::Came { peer, session } => {
                let replaced: Option<Session> = lines.came(session.id(), peer, session);
                if let Some(oldest) = &replaced {
                    oldest.close(CloseCode::Replaced, "a newer session took its place");
                }
                replaced.is_some()
            }
            Message::Attached { session, witnesses, wake } => {
                let attached = lines.attach(session, witnesses);
                let new = attached.is_some();
                if let Some(notify) = attached {
                    // Whoever attached may have gone.
                    wake.send(notify).ok();
                }
                new
            }
            Message::Gone { session } => lines.gone(session),
            Message::Arrived { recipients } => {
                lines.wake(&recipients);
                false
            }
        };
        if changed {
            let cosigning = lines
                .witnesses()
                .map(|(peer, session)| WitnessSession { peer: peer.clone(), session: session.clone() });
            witnesses.send_replace(cosigning.collect());
        }
    }
}

/// The sessions, oldest first.
struct Lines<S> {
    by_id: BTreeMap<u64, Line<S>>,
}

impl<S> Default for Lines<S> {
    fn default() -> Self {
        Self { by_id: BTreeMap::new() }
    }
}

struct Line<S> {
    peer: Peer,
    session: S,
    attached: Option<Attached>,
}

struct Attached {
    witnesses: bool,
    wake: Arc<Notify>,
}

impl<S> Lines<S> {
    /// Adds a session; the peer's oldest makes room when it has too many.
    fn came(&mut self, id: u64, peer: Peer, session: S) -> Option<S> {
        let own: Vec<u64> =
            self.by_id.iter().filter(|(_, line)| line.peer == peer).map(|(id, _)| *id).collect();
        let oldest = own.first().filter(|_| own.len() >= SESSIONS_PER_PEER);
        let replaced = oldest.and_then(|oldest| self.by_id.remove(oldest)).map(|line| line.session);
        self.by_id.insert(id, Line { peer, session, attached: None });
        replaced
    }

    fn attach(&mut self, id: u64, witnesses: bool) -> Option<Arc<Notify>> {
        let line = self.by_id.get_mut(&id).filter(|line| line.attached.is_none())?;
        let wake = Arc::new(Notify::new());
        line.attached = Some(Attached { witnesses, wake: wake.clone() });
        Some(wake)
    }

    /// Whether the sessions that cosign are others now.
    fn gone(&mut self, id: u64) -> bool {
        self.by_id.remove(&id).and_then(|line| line.attached).is_some_and(|attached| attached.witnesses)
    }

    fn wake(&self, recipients: &[ContactPoint]) {
        for line in self.by_id.values() {
            let concerned = matches!(&line.peer, Peer::ContactPoint(point) if recipients.contains(point));
            if let Some(attached) = line.attached.as_ref().filter(|_| concerned) {
                attached.wake.notify_one();
            }
        }
    }

    fn witnesses(&self) -> impl Iterator<Item = (&Peer, &S)> {
        let cosigns = |line: &&Line<S>| line.attached.as_ref().is_some_and(|attached| attached.witnesses);
        self.by_id.values().filter(cosigns).map(|line| (&line.peer, &line.session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn md() -> Peer {
        Peer::ContactPoint("MD/policy".parse().unwrap())
    }

    fn is_woken(wake: &Notify) -> bool {
        use std::future::Future as _;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(wake.notified()).as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn a_peer_keeps_its_newest_sessions_whatever_it_opens() {
        let mut lines = Lines::default();
        let witness = Peer::Witness("w".into());
        assert_eq!(lines.came(1, witness.clone(), 'w'), None);
        for (id, session) in [(2, 'a'), (3, 'b'), (4, 'c')] {
            assert_eq!(lines.came(id, md(), session), None);
        }
        assert_eq!(lines.came(5, md(), 'd'), Some('a'), "its own oldest, nobody else's");
        assert_eq!(lines.came(6, md(), 'e'), Some('b'));
        for (id, session) in [(7, 'x'), (8, 'y')] {
            assert_eq!(lines.came(id, witness.clone(), session), None);
        }
        assert_eq!(lines.came(9, witness, 'z'), Some('w'), "witnesses are bounded like everybody");
        assert_eq!(lines.by_id.len(), 6);
    }

    #[test]
    fn a_session_attaches_once_and_not_after_it_is_gone() {
        let mut lines = Lines::default();
        lines.came(1, md(), ());
        assert!(lines.attach(1, false).is_some());
        assert!(lines.attach(1, true).is_none());
        assert!(!lines.gone(1));
        assert!(lines.attach(1, true).is_none());
        assert_eq!(lines.witnesses().count(), 0, "nothing is left of a session that is gone");
    }

    #[test]
    fn what_arrives_wakes_every_session_of_its_recipients_and_no_other() {
        let mut lines = Lines::default();
        lines.came(1, md(), ());
        lines.came(2, md(), ());
        lines.came(3, Peer::ContactPoint("BA/policy".parse().unwrap()), ());
        lines.came(4, Peer::Witness("MD/policy".into()), ());
        let wakes: Vec<_> = (1..=4).map(|id| lines.attach(id, id == 4).unwrap()).collect();
        lines.wake(&["MD/policy".parse().unwrap()]);
        assert_eq!(wakes.iter().map(|wake| is_woken(wake)).collect::<Vec<_>>(), [true, true, false, false]);
        // It was not waiting yet: the wake-up is kept, so nothing is lost between a look and a wait.
        lines.wake(&["BA/policy".parse().unwrap()]);
        assert!(is_woken(&wakes[2]));
    }

    #[test]
    fn who_cosigns_is_told_as_they_come_and_go() {
        let mut lines = Lines::default();
        lines.came(1, Peer::Witness("w".into()), 'w');
        lines.came(2, md(), 'm');
        lines.attach(1, true);
        lines.attach(2, false);
        assert_eq!(lines.witnesses().map(|(_, session)| session).collect::<Vec<_>>(), [&'w']);
        assert!(!lines.gone(2));
        assert!(lines.gone(1));
        assert_eq!(lines.witnesses().count(), 0);
    }
}
