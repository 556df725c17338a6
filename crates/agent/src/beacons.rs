//! Beacons: this node's own go to every relay, others' come from any.

mod ears;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pouch_envelope::{Beacon, BeaconFacts, Early, HeardBeacon, Place};
use pouch_net::{RequestError, Session};
use pouch_store::Watching as _;
use pouch_wire::session::{Beacon as Frame, BeaconFor, BeaconKept};
use pouch_wire::{Canonical as _, ContactPoint, Digest, Environment, Timestamp, limits};
use rand::Rng as _;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::desk::{Desk, request_code};
use crate::error::AgentError;
use crate::inbox::wait_for_directory;

pub(crate) use ears::{Ears, Slot};

/// How long a relay may take to answer.
const WITHIN: Duration = Duration::from_secs(15);
/// When a relay that did not take a beacon is asked again.
const AGAIN: Duration = Duration::from_secs(3);
/// The first beacon comes at some moment of the first seconds, so that not all nodes speak at once.
const JITTER_MS: u64 = 2000;

fn later(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now)
}

/// A little before the announced interval is over, and not all nodes at once: readers count on the interval,
/// and a beacon takes its time.
fn before(every: Duration) -> Duration {
    let early = EARLY_MS.saturating_add(rand::rng().next_u64() % JITTER_MS);
    every.saturating_sub(Duration::from_millis(early))
}

/// How much earlier than announced a beacon leaves, at least.
const EARLY_MS: u64 = 2000;
/// How much newer than the last a relay wants the next one.
const APART_MS: u64 = 5000;

/// The beacon that is current, and which sessions have it.
#[derive(Default)]
struct Current {
    beacon: Option<Arc<Frame>>,
    /// By relay: the session that took it, or is being asked.
    given: BTreeMap<String, u64>,
}

type Given = (String, u64, Result<BeaconKept, RequestError>);

/// Sends a beacon every minute, and the newest to every relay that comes up.
pub(crate) async fn serve(desk: Arc<Desk>, shutdown: CancellationToken) -> Result<(), AgentError> {
    let mut links = desk.links.clone();
    let mut current = Current::default();
    let mut under_way: JoinSet<Given> = JoinSet::new();
    let jitter = Duration::from_millis(rand::rng().next_u64() % JITTER_MS);
    let mut next = later(jitter);
    let mut again: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = links.changed() => if !changed { return Ok(()) },
            () = tokio::time::sleep_until(next) => {
                next = later(before(desk.beacon_every));
                match make(&desk).await {
                    Ok(made) => current = Current { beacon: made.map(Arc::new), given: BTreeMap::new() },
                    Err(error) if error.is_fatal() => return Err(error),
                    Err(error) => warn!(code = error.code(), "no beacon this time"),
                }
                // Until the directory's first checkpoint is here there is nothing to cite.
                if current.beacon.is_none() {
                    next = later(AGAIN);
                }
            }
            () = until(again), if again.is_some() => again = None,
            Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                if let Ok((relay, session, Err(error))) = done {
                    debug!(relay, code = request_code(&error), "beacon not taken");
                    if current.given.get(&relay) == Some(&session) {
                        current.given.remove(&relay);
                    }
                    again = Some(later(AGAIN));
                }
                continue;
            }
        }
        let Some(beacon) = &current.beacon else { continue };
        for line in desk.links.all() {
            let Some(session) = line.session else { continue };
            if again.is_some() && !current.given.contains_key(&line.relay.name) {
                continue;
            }
            if current.given.insert(line.relay.name.clone(), session.id()) != Some(session.id()) {
                under_way.spawn(give(line.relay.name, session, beacon.clone()));
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

async fn give(relay: String, session: Session, beacon: Arc<Frame>) -> Given {
    let kept = session.request(&*beacon, WITHIN).await;
    (relay, session.id(), kept)
}

/// Signs what this node last sent to each; `None` while it cannot speak: its directory has no checkpoint
/// yet, or its new key waits to be taken into use.
async fn make(desk: &Desk) -> Result<Option<Frame>, AgentError> {
    let believed = desk.believed.borrow().clone();
    let key = desk.signing_key();
    let view = believed.directory.now_view();
    let speaks = view.may_sign(&desk.me, Environment::Live, key.public().id()).is_ok();
    if believed.size == 0 || !speaks {
        return Ok(None);
    }
    let live = view.contact_points(Environment::Live).map(|entry| entry.contact_point.clone());
    let peers: Vec<ContactPoint> = live.filter(|point| *point != desk.me).collect();
    let at = (desk.clock)();
    let announced = desk.store.announced(peers, at).await?;
    let mut leaves: Vec<(ContactPoint, Place)> = announced
        .into_iter()
        .map(|one| {
            let place = one.newest.map(|(epoch, n, last)| Place { epoch, n, last });
            (one.recipient, place.unwrap_or(Place::NOTHING))
        })
        .collect();
    if leaves.len() > limits::BEACON_PEERS {
        warn!(peers = leaves.len(), most = limits::BEACON_PEERS, "more peers than a beacon can speak to");
        // Those first to whom there is something to say.
        leaves.sort_by_key(|(_, place)| *place == Place::NOTHING);
        leaves.truncate(limits::BEACON_PEERS);
    }
    let at = next_at(desk.store.beacon_at().await?, at);
    // Before it goes out: a restart must not begin before it.
    desk.store.put_beacon_at(at).await?;
    let facts = BeaconFacts {
        network: desk.network,
        sender: desk.me.clone(),
        at,
        every_s: u16::try_from(desk.beacon_every.as_secs()).unwrap_or(u16::MAX),
        directory_size: believed.size,
        directory_root: believed.root,
        nonce: random(),
    };
    Ok(Some(facts.sign(leaves.into_iter().map(|(peer, place)| (peer, place, random())), &key)?))
}

fn random() -> Digest {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    Digest::new(bytes)
}

/// The time of the next beacon: readers and relays take only what is newer than the last. After the clock
/// was set back it goes on from the last, as far as others' clocks may differ; what was beyond that nobody took.
fn next_at(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let ahead = Timestamp(now.0.saturating_add(limits::CLOCK_SKEW_MS_MAX));
    match last {
        Some(last) if last < ahead => now.max(Timestamp(last.0.saturating_add(APART_MS)).min(ahead)),
        _ => now,
    }
}

/// Takes another's beacon in, from whichever relay it comes first. What is forged is refused before anything
/// is waited for.
pub(crate) async fn heard(frame: BeaconFor, slot: Slot, desk: Arc<Desk>) -> Result<(), AgentError> {
    let relay = slot.relay();
    let Ok(said) = Beacon::from_bytes(&frame.beacon) else {
        debug!(relay, "what a relay handed over is no beacon");
        return Ok(());
    };
    if !desk.watching.is_news(&said) {
        return Ok(());
    }
    match said.early(&frame, &desk.directory(), (desk.clock)()) {
        Ok(Early::Now) => {}
        Ok(Early::SignedAhead | Early::UnknownKey) => {
            let Some(_waits) = slot.wait(&said.sender) else { return Ok(()) };
            wait_for_directory(said.directory_size, &desk).await;
        }
        Err(error) => {
            debug!(relay, sender = %said.sender, code = error.code(), "beacon not believed");
            return Ok(());
        }
    }
    let (directory, now) = (desk.directory(), (desk.clock)());
    let cited = match HeardBeacon::verify(&frame, &desk.me, &directory, now) {
        Ok(beacon) => {
            // The same from another relay, meanwhile, changes nothing.
            desk.watching.hear(beacon, now).ok();
            true
        }
        Err(error) => {
            debug!(relay, sender = %said.sender, code = error.code(), "beacon not believed");
            said.is_signed_ahead(&frame, &directory)
        }
    };
    if cited {
        let signed = [&*frame.beacon, frame.signature.0.as_slice()].concat();
        desk.heard_checkpoint(&said.sender, said.directory_size, said.directory_root, signed).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_clock_was_set_back_the_next_beacon_is_newer_all_the_same() {
        let at = |second: u64| Timestamp(1_000_000 + second * 1000);
        assert_eq!(next_at(None, at(0)), at(0));
        assert_eq!(next_at(Some(at(0)), at(60)), at(60), "the clock runs on");
        // Set back by 100 s: each is newer by as much as a relay asks for, until the clock has caught up.
        let mut last = at(160);
        for turn in 1..10 {
            let now = at(turn * 60);
            let next = next_at(Some(last), now);
            assert!(next.0 >= last.0 + APART_MS && next.0 <= now.0 + limits::CLOCK_SKEW_MS_MAX);
            last = next;
        }
        assert_eq!(last, at(540));
        // So far ahead nobody believed it.
        assert_eq!(next_at(Some(at(121)), at(0)), at(0));
        assert_eq!(next_at(Some(at(119)), at(0)), at(120));
    }
}
