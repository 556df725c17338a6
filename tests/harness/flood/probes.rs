//! Honest nodes during a flood. Everything has a moment at which it should happen, fixed beforehand; how
//! long it took is counted from there, so that a stall counts for all that waited.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pouch_net::{CloseCode, Dialer, Limits};
use pouch_testkit::stage::StageError;
use pouch_wire::{EnvelopeId, Precedence};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::ground::{self, Ground, READERS, SENDERS, SENDING, office};
use crate::letters::Pen;
use crate::line::{Line, taken};
use crate::relay::Target;

/// Five flashes and five new sessions a second.
const EVERY: Duration = Duration::from_millis(200);
const FLASH_BYTES: usize = 1024;
/// What has not happened by then after its moment does not count as happened.
const LOST_AFTER: Duration = Duration::from_secs(4);
/// Offices that only connect, with a key of their own each.
const CONNECTING: usize = 4;

/// How long each thing took; `None` when it did not happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Honest {
    pub(crate) flashes: Vec<Option<Duration>>,
    pub(crate) sessions: Vec<Option<Duration>>,
}

/// Honest nodes with their sessions open.
#[derive(Debug)]
pub(crate) struct Probes {
    senders: Vec<Arc<Line>>,
    newcomers: Vec<Arc<Dialer>>,
    came: watch::Receiver<HashMap<EnvelopeId, Instant>>,
    reader: JoinHandle<()>,
}

impl Probes {
    /// Connects, and sees a flash through from each sender.
    pub(crate) async fn begin(ground: &Ground, target: &Target) -> Result<Self, StageError> {
        let failed = |error: &dyn core::fmt::Display| StageError(format!("honest node: {error}"));
        let reader = Line::dial(&office(READERS, 1), target).await.map_err(|error| failed(&error))?;
        let attached = reader.attach(ground).await.map_err(|error| failed(&error))?;
        let (seen, came) = watch::channel(HashMap::new());
        let seen = Arc::new(seen);
        let reader = tokio::spawn(async move {
            let _attached = attached;
            while let Ok(stream) = reader.session.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    if let Ok((id, _)) = taken(stream).await {
                        seen.send_modify(|came| {
                            came.entry(id).or_insert_with(Instant::now);
                        });
                    }
                });
            }
        });
        let mut senders = Vec::new();
        for n in 0..SENDING {
            let line = Line::dial(&ground::sender(n), target).await.map_err(|error| failed(&error))?;
            senders.push(Arc::new(line));
        }
        let limits = Limits { connect: LOST_AFTER, ..Limits::default() };
        let newcomer = |n| Dialer::new(ground::transport(&office(SENDERS, n)), limits.clone()).map(Arc::new);
        let newcomers = (1..=CONNECTING).map(newcomer).collect::<Result<_, _>>();
        let newcomers = newcomers.map_err(|error| failed(&error))?;
        let probes = Self { senders, newcomers, came, reader };
        let first = probes.during(ground, target, EVERY.saturating_mul(4)).await;
        if first.flashes.iter().chain(&first.sessions).any(Option::is_none) {
            return Err(StageError::new("honest nodes are not served before the flood"));
        }
        Ok(probes)
    }

    /// Sends and connects for so long.
    pub(crate) async fn during(&self, ground: &Ground, target: &Target, time: Duration) -> Honest {
        let begun = Instant::now() + EVERY;
        let count = (time.as_millis() / EVERY.as_millis()) as u32;
        let (mut sending, mut connecting) = (JoinSet::new(), JoinSet::new());
        for n in 0..count {
            let due = begun + EVERY * n;
            let line = self.senders[n as usize % SENDING].clone();
            let pen = Pen::of(&ground::sender(n as usize));
            let parcel = pen.parcel(ground, &[office(READERS, 1)], Precedence::Flash, FLASH_BYTES);
            sending.spawn(async move {
                tokio::time::sleep_until(due).await;
                line.submit(&parcel, LOST_AFTER).await.ok();
                (parcel.id, due)
            });
            let (dialer, target) = (self.newcomers[n as usize % CONNECTING].clone(), *target);
            // Half-way between two flashes.
            let due = due + EVERY / 2;
            connecting.spawn(async move {
                tokio::time::sleep_until(due).await;
                let session = dialer.connect(target.address, target.key).await.ok()?;
                let took = due.elapsed();
                session.close(CloseCode::Done, "");
                Some(took)
            });
        }
        let sent = sending.join_all().await;
        let sessions = connecting.join_all().await;
        let last = begun + EVERY * count + LOST_AFTER;
        let all = |came: &HashMap<_, _>| sent.iter().all(|(id, _)| came.contains_key(id));
        // What has not come by then did not come, and counts as that.
        timeout_at(last, self.came.clone().wait_for(all)).await.ok();
        let came = self.came.borrow();
        let took =
            |(id, due): &(EnvelopeId, Instant)| came.get(id).map(|at| at.saturating_duration_since(*due));
        Honest { flashes: sent.iter().map(took).collect(), sessions }
    }

    /// Ends their sessions.
    pub(crate) fn end(self) {
        self.reader.abort();
    }
}
