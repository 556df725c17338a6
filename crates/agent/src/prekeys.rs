//! Sealing keys, a day at a time: made and published ahead, destroyed after.
//!
//! A prekey is used by senders for one day. Its secret is destroyed 24 hours after that, and not before
//! the node has caught up with its home relays since, so that what was sent to it in time can still be
//! opened; but 72 hours after it at the latest, whatever relays do. What comes later cannot be read by
//! anybody any more; that is the point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::PrekeySecret;
use pouch_directory::{Act, Prekey};
use pouch_store::{PrekeyRow, Prekeys as _};
use pouch_wire::{Environment, KeyId, List, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::caught_up::QUIET;
use crate::desk::Desk;
use crate::error::AgentError;
use crate::exercises::{Place, places};

/// For how long senders use one key.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far ahead keys are published.
const AHEAD_DAYS: u32 = 3;
/// How long a secret outlives its day.
pub(crate) const KEPT_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How long at most, whatever the home relays do.
const KEPT_AT_MOST: Duration = Duration::from_secs(72 * 3600);

/// Makes what is due, publishes what the directory lacks, destroys what is over. Called when the node
/// starts, whenever a relay's session comes up, and every minute.
///
/// Nothing is done while the time is not sure: one minute of a wrong clock would destroy every key that
/// is in use, and make others that nobody may use for years.
pub(crate) async fn tend(desk: &Arc<Desk>, tended: &mut Tended) -> Result<(), AgentError> {
    if !desk.time_is_sure() {
        return Ok(());
    }
    drop_strays(desk).await?;
    for place in places(desk) {
        make_ahead(desk, &place).await?;
        publish(desk, &place, tended.handed_in.entry(place.environment).or_default()).await?;
    }
    destroy(desk, tended).await
}

/// What is remembered from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Tended {
    handed_in: BTreeMap<Environment, HandedIn>,
    /// Keys that are past their limit, and since when this was seen: a node that was off for days gets
    /// the time to fetch what waits for it.
    past_limit: BTreeMap<KeyId, Instant>,
}

/// Whether a key's secret is destroyed.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// What is sealed to it may still come.
    NotYet,
    /// The node has what its home relays kept.
    CaughtUp,
    /// The node may lack something; the secret is not kept any longer for that.
    Limit,
}

impl Tended {
    fn end_of(&mut self, key: &PrekeyRow, now: Timestamp, at: Instant, caught_up: bool) -> End {
        let over_for = now.since(key.usable_until);
        if caught_up && over_for > KEPT_AFTER.saturating_add(QUIET) {
            return End::CaughtUp;
        }
        if over_for <= KEPT_AT_MOST {
            return End::NotYet;
        }
        let seen = *self.past_limit.entry(key.id).or_insert(at);
        if at.saturating_duration_since(seen) >= QUIET { End::Limit } else { End::NotYet }
    }
}

/// Which keys a relay took to publish, and when.
#[derive(Debug, Default)]
pub(crate) struct HandedIn {
    keys: BTreeSet<KeyId>,
    at: Timestamp,
}

impl HandedIn {
    /// Whether these must be handed in now. A relay that took them and does not publish them is asked
    /// again after a while, and not as fast as it answers.
    fn is_due(&self, missing: &BTreeSet<KeyId>, now: Timestamp) -> bool {
        !missing.is_empty() && (!missing.is_subset(&self.keys) || now.since(self.at) >= PUBLISHED_WITHIN)
    }
}

/// The beginning of the last day for which a key may be kept or published now. What lies beyond was made
/// by a clock that was wrong.
fn last_day(now: Timestamp) -> Timestamp {
    now.after(DAY.saturating_mul(AHEAD_DAYS.saturating_add(1)))
}

/// Destroys keys of days that are far ahead, unless they are published.
async fn drop_strays(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let directory = desk.directory();
    let now = (desk.clock)();
    for key in desk.store.prekeys().await? {
        if key.usable_from > last_day(now) && directory.now_view().prekey(key.id).is_none() {
            desk.store.destroy_prekey(key.id).await?;
            warn!(prekey = key.id.short(), "a prekey of a day far ahead was dropped");
        }
    }
    Ok(())
}

/// Makes keys until the next [`AHEAD_DAYS`] days are covered.
async fn make_ahead(desk: &Arc<Desk>, place: &Place) -> Result<(), AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let mut rows = desk.store.prekeys().await?;
    // One that was published and does not stand any more covers no day: its publisher's key was revoked.
    rows.retain(|key| key.environment == place.environment);
    rows.retain(|key| view.prekey(key.id).is_none() || view.prekey_stands(key.id));
    for (from, until) in uncovered(&rows, (desk.clock)()) {
        if place.until.is_none_or(|end| from < end) {
            make(desk, place.environment, from, until).await?;
        }
    }
    Ok(())
}

/// The days that lack a key. Days overlap by an hour, so that a clock that differs a little finds a key.
fn uncovered(rows: &[PrekeyRow], now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let near = rows.iter().filter(|key| key.usable_from <= last_day(now));
    let covered = near.map(|key| key.usable_until).max().unwrap_or_default();
    let horizon = now.after(DAY.saturating_mul(AHEAD_DAYS));
    let mut from = if covered > now { covered } else { now.before(OVERLAP) };
    let mut days = Vec::new();
    while from < horizon {
        let until = from.after(DAY);
        days.push((from.before(OVERLAP), until));
        from = until;
    }
    days
}

async fn make(
    desk: &Arc<Desk>,
    environment: Environment,
    from: Timestamp,
    until: Timestamp,
) -> Result<(), AgentError> {
    let secret = PrekeySecret::generate(&mut rand::rng());
    let id = secret.public().id();
    let wrapped = desk.vault.wrap(id.as_bytes(), secret.seed().as_ref(), &mut rand::rng())?;
    let row = PrekeyRow { id, environment, wrapped, usable_from: from, usable_until: until };
    desk.store.put_prekey(row).await?;
    Ok(())
}

/// Publishes the keys that the directory does not have yet.
async fn publish(desk: &Arc<Desk>, place: &Place, handed_in: &mut HandedIn) -> Result<(), AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    let mut missing = Vec::new();
    for key in desk.store.prekeys().await? {
        let wanted = key.usable_until > now && key.usable_from <= last_day(now);
        if wanted && key.environment == place.environment && view.prekey(key.id).is_none() {
            let secret = desk.prekey(key.id).await?;
            let public = secret.public().clone();
            missing.push(Prekey { public, usable_from: key.usable_from, usable_until: key.usable_until });
        }
    }
    let keys: BTreeSet<KeyId> = missing.iter().map(|prekey| prekey.public.id()).collect();
    if !handed_in.is_due(&keys, now) {
        return Ok(());
    }
    let count = missing.len();
    let act = Act::PublishPrekeys {
        contact_point: desk.me.clone(),
        environment: place.environment,
        prekeys: List::new(missing)?,
    };
    match desk.publish(act, &place.key).await {
        Ok(index) => {
            info!(count, index, "prekeys published");
            *handed_in = HandedIn { keys, at: now };
            desk.wake_mirror();
        }
        Err(AgentError::NoRelay) => info!(count, "prekeys are published when a relay is reached"),
        Err(error) => warn!(code = error.code(), "prekeys not published yet"),
    }
    Ok(())
}

async fn destroy(desk: &Arc<Desk>, tended: &mut Tended) -> Result<(), AgentError> {
    let now = (desk.clock)();
    let caught_up = desk.is_caught_up();
    let rows = desk.store.prekeys().await?;
    tended.past_limit.retain(|id, _| rows.iter().any(|key| key.id == *id));
    for key in rows {
        let end = tended.end_of(&key, now, Instant::now(), caught_up);
        if end == End::NotYet {
            continue;
        }
        desk.store.destroy_prekey(key.id).await?;
        info!(prekey = key.id.short(), "prekey destroyed");
        if end == End::Limit {
            let words = format!(
                "sealing key {} was destroyed {} h after its day, though the home relays were never all there and \
                 quiet: what they still hold for it cannot be opened any more",
                key.id.short(),
                now.since(key.usable_until).as_secs() / 3600
            );
            desk.alarm("POUCH-AGT-25", words).await?;
        }
    }
    Ok(())
}

const OVERLAP: Duration = Duration::from_secs(3600);
/// How long a relay may take to publish what it took.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(50);

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Digest;

    #[test]
    fn a_relay_that_takes_keys_and_does_not_publish_them_is_not_asked_as_fast_as_it_answers() {
        let keys = |range: std::ops::Range<u8>| -> BTreeSet<KeyId> {
            range.map(|n| KeyId(Digest::new([n; 32]))).collect()
        };
        let handed_in = HandedIn { keys: keys(0..3), at: Timestamp(1_000_000) };
        assert!(!handed_in.is_due(&keys(0..3), Timestamp(1_049_999)));
        assert!(!handed_in.is_due(&keys(1..2), Timestamp(1_000_000)));
        assert!(handed_in.is_due(&keys(0..3), Timestamp(1_050_000)));
        assert!(handed_in.is_due(&keys(2..4), Timestamp(1_000_000)), "a new key does not wait");
        assert!(!handed_in.is_due(&keys(0..0), Timestamp(2_000_000)));
    }

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn key(n: u8, from: Timestamp) -> PrekeyRow {
        let until = from.after(DAY);
        PrekeyRow {
            id: KeyId(Digest::new([n; 32])),
            environment: Environment::Live,
            wrapped: vec![n],
            usable_from: from,
            usable_until: until,
        }
    }

    fn hours(n: u64) -> Duration {
        Duration::from_secs(n.saturating_mul(3600))
    }

    #[test]
    fn keys_of_days_far_ahead_cover_nothing() {
        assert_eq!(uncovered(&[], NOW).len(), 4);
        let ten_years = key(1, NOW.after(hours(24 * 3650)));
        assert_eq!(uncovered(&[ten_years], NOW), uncovered(&[], NOW));
        let tomorrow = key(2, NOW.after(hours(24)));
        assert_eq!(uncovered(&[tomorrow], NOW).len(), 1);
    }

    #[test]
    fn every_day_that_is_made_may_be_published() {
        let days = uncovered(&[], NOW);
        assert!(days.iter().all(|(from, _)| *from <= last_day(NOW)), "{days:?}");
        assert!(days.windows(2).all(|two| two[1].0 < two[0].1), "{days:?}");
    }

    #[test]
    fn a_secret_goes_a_day_after_its_own_once_the_home_relays_were_quiet() {
        let (mut tended, at) = (Tended::default(), Instant::now());
        let over = |hours_ago: u64| key(1, NOW.before(hours(24 + hours_ago)));
        assert_eq!(tended.end_of(&over(24), NOW, at, true), End::NotYet);
        assert_eq!(tended.end_of(&over(25), NOW, at, true), End::CaughtUp);
        assert_eq!(tended.end_of(&over(72), NOW, at, false), End::NotYet);
    }

    #[test]
    fn a_secret_goes_three_days_after_its_own_whatever_relays_deliver() {
        let (mut tended, at) = (Tended::default(), Instant::now());
        let key = key(1, NOW.before(hours(24 + 73)));
        assert_eq!(tended.end_of(&key, NOW, at, false), End::NotYet, "a node that was off fetches first");
        let later = at + QUIET;
        assert_eq!(tended.end_of(&key, NOW.after(QUIET), later, false), End::Limit);
    }
}
