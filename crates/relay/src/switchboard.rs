//! Who is attached: for each contact point the sessions that deliver to it, and the sessions that
//! cosign. One task owns this; the others hold a handle.

use std::collections::HashMap;
use std::sync::Arc;

use pouch_net::{CloseCode, Session};
use pouch_wire::ContactPoint;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Sessions of one contact point at a time: a node, and the same node coming back.
const SESSIONS_PER_PARTY: usize = 3;

/// A session that cosigns.
#[derive(Debug, Clone)]
pub(crate) struct WitnessSession {
    pub(crate) session: Session,
}

enum Message {
    Attached { owner: Option<ContactPoint>, session: Session, witnesses: bool, wake: Arc<Notify> },
    Detached { session: u64 },
    Arrived { recipients: Vec<ContactPoint> },
}

/// Reaches the switchboard.
#[derive(Debug, Clone)]
pub(crate) struct Switchboard {
    tx: mpsc::Sender<Message>,
    witnesses: watch::Receiver<Vec<WitnessSession>>,
}

struct Line {
    owner: Option<ContactPoint>,
    session: Session,
    witnesses: bool,
    wake: Arc<Notify>,
}

impl Switchboard {
    /// Starts the task that owns it.
    pub(crate) fn start(shutdown: CancellationToken) -> Self {
        let (tx, rx) = mpsc::channel(1024);
        let (witness_tx, witnesses) = watch::channel(Vec::new());
        tokio::spawn(serve(rx, witness_tx, shutdown));
        Self { tx, witnesses }
    }

    /// A session is there. The answer wakes its deliveries.
    pub(crate) async fn attach(
        &self,
        owner: Option<ContactPoint>,
        session: &Session,
        witnesses: bool,
    ) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let message = Message::Attached { owner, session: session.clone(), witnesses, wake: wake.clone() };
        // The task ends only at shutdown, when nothing is delivered any more.
        self.tx.send(message).await.ok();
        wake
    }

    /// A session is gone.
    pub(crate) async fn detach(&self, session: &Session) {
        self.tx.send(Message::Detached { session: session.id() }).await.ok();
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
    let mut lines: HashMap<u64, Line> = HashMap::new();
    loop {
        let message = tokio::select! {
            () = shutdown.cancelled() => return,
            message = rx.recv() => match message {
                Some(message) => message,
                None => return,
            },
        };
        match message {
            Message::Attached { owner, session, witnesses: cosigns, wake } => {
                make_room(&mut lines, owner.as_ref());
                lines.insert(session.id(), Line { owner, session, witnesses: cosigns, wake });
                publish(&lines, &witnesses);
            }
            Message::Detached { session } => {
                if lines.remove(&session).is_some_and(|line| line.witnesses) {
                    publish(&lines, &witnesses);
                }
            }
            Message::Arrived { recipients } => {
                for line in
                    lines.values().filter(|l| l.owner.as_ref().is_some_and(|o| recipients.contains(o)))
                {
                    line.wake.notify_one();
                }
            }
        }
    }
}

/// Ends a party's oldest session when it has too many.
fn make_room(lines: &mut HashMap<u64, Line>, owner: Option<&ContactPoint>) {
    let Some(owner) = owner else { return };
    let mut own: Vec<u64> =
        lines.iter().filter(|(_, line)| line.owner.as_ref() == Some(owner)).map(|(id, _)| *id).collect();
    own.sort_unstable();
    if own.len() >= SESSIONS_PER_PARTY
        && let Some(line) = own.first().and_then(|oldest| lines.remove(oldest))
    {
        line.session.close(CloseCode::Replaced, "a newer session took its place");
    }
}

fn publish(lines: &HashMap<u64, Line>, witnesses: &watch::Sender<Vec<WitnessSession>>) {
    let now = lines
        .values()
        .filter(|l| l.witnesses)
        .map(|l| WitnessSession { session: l.session.clone() })
        .collect();
    witnesses.send_replace(now);
}
