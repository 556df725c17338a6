//! The newest beacon of each node, and who was handed which.
//!
//! In memory alone: every node sends its beacon again within a minute. One beacon per contact point of the
//! directory is kept, and nothing is queued for anybody: a session that is slow gets the newest of each
//! sender when its turn comes.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pouch_envelope::AdmittedBeacon;
use pouch_net::{Stream, StreamError, refusal};
use pouch_wire::session::{Beacon, BeaconFor, BeaconKept, Refused};
use pouch_wire::{ContactPoint, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::debug;

use crate::conduct::{Conduct, Handing};
use crate::run::Desk;
use crate::session::Peer;

/// How far apart a node's beacons are at least: each one goes to everybody.
const APART_MIN: Duration = Duration::from_secs(5);
/// How long a beacon is kept that no newer one followed; nobody believes it any more by then.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// When a sender that is ahead of us may try again.
const AGAIN: Duration = Duration::from_secs(1);

/// The newest beacons.
#[derive(Debug, Default)]
pub(crate) struct Beacons {
    kept: RwLock<Kept>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By sender, with a number that rises with every beacon.
    by_sender: BTreeMap<ContactPoint, (u64, Arc<AdmittedBeacon>)>,
    last: u64,
}

/// What one session was handed.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    up_to: u64,
    /// What is held back, and until when.
    held: BTreeMap<ContactPoint, Instant>,
}

/// Answers a beacon.
pub(crate) async fn submitted(
    stream: Stream,
    beacon: Beacon,
    peer: &Peer,
    desk: &Desk,
) -> Result<(), StreamError> {
    match admit(beacon, peer, desk) {
        Ok(at) => stream.answer(&BeaconKept { at }).await,
        Err(refused) => {
            debug!(code = &*refused.code, "beacon refused");
            stream.refuse(&refused).await
        }
    }
}

fn admit(beacon: Beacon, peer: &Peer, desk: &Desk) -> Result<Timestamp, Refused> {
    let Peer::ContactPoint(owner) = peer else {
        return Err(refusal("POUCH-BCN-14", &"only contact points send beacons", None));
    };
    let directory = desk.directory.borrow().clone();
    let now = desk.board.now();
    let admitted = AdmittedBeacon::admit(beacon, owner, &directory, now).map_err(|error| {
        let ahead = matches!(error, pouch_envelope::BeaconRefused::DirectoryAhead { .. });
        refusal(error.code(), &error, ahead.then_some(AGAIN))
    })?;
    desk.beacons.keep(admitted, now)
}

impl Beacons {
    /// Keeps a sender's beacon in the place of the one before; its time.
    fn keep(&self, beacon: AdmittedBeacon, now: Timestamp) -> Result<Timestamp, Refused> {
        let (sender, at) = (beacon.beacon().sender.clone(), beacon.beacon().at);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = kept.by_sender.get(&sender) {
            if before.beacon() == beacon.beacon() {
                return Ok(at);
            }
            if at < before.beacon().at.after(APART_MIN) {
                let words = format!("not {} s newer than the one before", APART_MIN.as_secs());
                return Err(refusal("POUCH-BCN-13", &words, Some(APART_MIN)));
            }
        }
        kept.by_sender.retain(|_, (_, old)| now.since(old.beacon().at) <= KEPT_FOR);
        kept.last = kept.last.saturating_add(1);
        let number = kept.last;
        kept.by_sender.insert(sender, (number, Arc::new(beacon)));
        drop(kept);
        self.newest.send_replace(number);
        Ok(at)
    }

    /// Says when there is a newer beacon.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What an attached node was not handed yet: the newest of each sender, its own leaf of it.
    pub(crate) fn next(
        &self,
        reader: &ContactPoint,
        handed: &mut Handed,
        conduct: &dyn Conduct,
        now: Instant,
    ) -> Vec<BeaconFor> {
        let new: Vec<(ContactPoint, Arc<AdmittedBeacon>)> = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            let is_due = |sender: &ContactPoint, number: u64| match handed.held.get(sender) {
                Some(until) => *until <= now,
                None => number > handed.up_to,
            };
            let others = kept.by_sender.iter().filter(|(sender, _)| *sender != reader);
            let due = others.filter(|(sender, (number, _))| is_due(sender, *number));
            let due = due.map(|(sender, (_, beacon))| (sender.clone(), beacon.clone())).collect();
            handed.up_to = kept.last;
            due
        };
        handed.held.retain(|_, until| *until > now);
        let mut going = Vec::new();
        for (sender, beacon) in new {
            match conduct.hands_beacon(reader, beacon.beacon()) {
                Handing::Now => going.extend(beacon.for_peer(reader)),
                Handing::Hold(wait) => {
                    handed.held.insert(sender, now.checked_add(wait).unwrap_or(now));
                }
                Handing::Drop => {}
            }
        }
        going
    }
}

impl Handed {
    /// When something that is held back is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.held.values().min().copied()
    }
}
