//! F11: a relay is started anew, and two hundred nodes come back at once. Not a flood like the others: what is
//! measured is how long it takes until all are back, and until the first flash of each is accepted.

use std::path::Path;
use std::time::{Duration, Instant};

use pouch_net::{Backoff, Dialer, Limits};
use pouch_testkit::stage::StageError;
use pouch_wire::Precedence;
use pouch_wire::session::{Attach, Attached};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::ground::{self, Ground, HERD, READERS, office};
use crate::letters::{Parcel, Pen};
use crate::place::Place;
use crate::relay::{Running, Target};

const NODES: usize = 200;
/// All are back within so long after the relay serves again.
const BACK: Duration = Duration::from_secs(30);
/// And each has a flash accepted so long after it is back.
const FLASH: Duration = Duration::from_secs(5);

/// A node's session with the relay, made again as the product makes it.
struct Node {
    dialer: Dialer,
    attach: Attach,
    flash: Parcel,
}

impl Node {
    /// Connects and attaches, as often as it takes.
    async fn comes(&self, target: &Target) -> pouch_net::Session {
        let mut backoff = Backoff::new();
        loop {
            if let Ok(session) = self.dialer.connect(target.address, target.key).await
                && self.attaches(&session).await.is_some()
            {
                return session;
            }
            let wait = backoff.after_failure(&mut rand::rng());
            tokio::time::sleep(wait).await;
        }
    }

    async fn attaches(&self, session: &pouch_net::Session) -> Option<()> {
        let mut stream = session.open().await.ok()?.with_deadline(Duration::from_secs(10));
        stream.send_message(&self.attach).await.ok()?;
        stream.recv_message::<Attached>().await.ok().map(drop)
    }

    /// Comes, loses its session when the relay ends, comes back and sends; when it was back, and how long
    /// its flash took.
    async fn lives(self, target: Target, there: tokio::sync::mpsc::Sender<()>) -> (Instant, Duration) {
        let session = self.comes(&target).await;
        there.send(()).await.ok();
        drop(there);
        session.closed().await;
        let mut backoff = Backoff::new();
        let wait = backoff.after_session(Duration::from_secs(60), &mut rand::rng());
        tokio::time::sleep(wait).await;
        let session = self.comes(&target).await;
        let back = Instant::now();
        let answers = crate::shovel::Answers::default();
        crate::shovel::bring(&session, &self.flash, &answers).await;
        let accepted = answers.accepted.into_inner() == 1;
        (back, if accepted { back.elapsed() } else { Duration::MAX })
    }
}

/// The herd, as figures; `held` among them.
pub(crate) async fn comes_back(place: &Place, ground: &Ground, dir: &Path) -> Result<Value, StageError> {
    let relay = Running::start(place, ground, dir, &[]).await?;
    let target = relay.target;
    let (there, mut are_there) = tokio::sync::mpsc::channel(NODES);
    let mut nodes = JoinSet::new();
    for n in 1..=NODES {
        let me = office(HERD, n);
        let dialer = Dialer::new(ground::transport(&me), Limits::default())
            .map_err(|error| StageError(error.to_string()))?;
        let attach = Attach { network: ground.directory.network().0, witnesses: false };
        let flash = Pen::of(&me).parcel(ground, &[office(READERS, 1)], Precedence::Flash, 1024);
        nodes.spawn(Node { dialer, attach, flash }.lives(target, there.clone()));
    }
    drop(there);
    for _ in 0..NODES {
        let came = tokio::time::timeout(Duration::from_secs(120), are_there.recv()).await;
        came.ok().flatten().ok_or_else(|| StageError::new("not all nodes came before the restart"))?;
    }
    relay.end().await?;
    let relay = Running::start(place, ground, dir, &[]).await?;
    let serves = Instant::now();
    let back = tokio::time::timeout(Duration::from_secs(120), nodes.join_all()).await;
    let back = back.map_err(|_| StageError::new("not all nodes came back within two minutes"))?;
    let memory = relay.target.memory_kib().unwrap_or_default().div_ceil(1024);
    relay.end().await?;
    let mut took: Vec<Duration> = back.iter().map(|(at, _)| at.saturating_duration_since(serves)).collect();
    took.sort_unstable();
    let flash = back.iter().map(|(_, took)| *took).max().unwrap_or(Duration::MAX);
    let last = took.last().copied().unwrap_or(Duration::MAX);
    let held = last <= BACK && flash <= FLASH;
    eprintln!(
        "F11 {NODES} nodes back after a restart: half in {:?}, all in {last:?}, slowest flash {flash:?}, {memory} MiB",
        took[took.len() / 2]
    );
    Ok(json!({
        "flood": "F11", "words": format!("{NODES} nodes come back after a restart of the relay"),
        "bounds": { "all_back_ms": BACK.as_millis() as u64, "flash_ms": FLASH.as_millis() as u64 },
        "half_back_ms": took[took.len() / 2].as_millis() as u64, "all_back_ms": last.as_millis() as u64,
        "slowest_flash_ms": flash.as_millis().min(u128::from(u64::MAX)) as u64,
        "relay_memory_mib": memory, "control": Value::Null, "held": held,
    }))
}
