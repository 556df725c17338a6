//! Sealing keys, a day at a time: made and published ahead, destroyed after.
//!
//! A prekey is used by senders for one day. Its secret is destroyed 24 hours after that, and not before
//! the node has caught up with its home relays since, so that what was sent to it in time can still be
//! opened. What comes later cannot be read by anybody any more; that is the point.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::PrekeySecret;
use pouch_directory::{Act, Prekey};
use pouch_store::{PrekeyRow, Prekeys as _};
use pouch_wire::{Environment, KeyId, List, Timestamp};
use tracing::{info, warn};

use crate::desk::Desk;
use crate::error::AgentError;

/// For how long senders use one key.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far ahead keys are published.
const AHEAD_DAYS: u32 = 3;
/// How long a secret outlives its day.
pub(crate) const KEPT_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Makes what is due, publishes what the directory lacks, destroys what is over. Called when the node
/// starts, whenever a relay's session comes up, and every minute.
pub(crate) async fn tend(desk: &Arc<Desk>, handed_in: &mut HandedIn) -> Result<(), AgentError> {
    make_ahead(desk).await?;
    publish(desk, handed_in).await?;
    destroy(desk).await
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

/// Makes keys until the next [`AHEAD_DAYS`] days are covered. Days overlap by an hour, so that a
/// clock that differs a little finds a key.
async fn make_ahead(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let now = (desk.clock)();
    let covered = desk.store.prekeys().await?.iter().map(|key| key.usable_until).max().unwrap_or_default();
    let horizon = now.after(DAY.saturating_mul(AHEAD_DAYS));
    let mut from = if covered > now { covered } else { now.before(OVERLAP) };
    while from < horizon {
        let until = from.after(DAY);
        make(desk, from.before(OVERLAP), until).await?;
        from = until;
    }
    Ok(())
}

async fn make(desk: &Arc<Desk>, from: Timestamp, until: Timestamp) -> Result<(), AgentError> {
    let secret = PrekeySecret::generate(&mut rand::rng());
    let id = secret.public().id();
    let wrapped = desk.vault.wrap(id.as_bytes(), secret.seed().as_ref(), &mut rand::rng())?;
    desk.store.put_prekey(PrekeyRow { id, wrapped, usable_from: from, usable_until: until }).await?;
    Ok(())
}

/// Publishes the keys that the directory does not have yet.
async fn publish(desk: &Arc<Desk>, handed_in: &mut HandedIn) -> Result<(), AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    let mut missing = Vec::new();
    for key in desk.store.prekeys().await? {
        if key.usable_until > now && view.prekey(key.id).is_none() {
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
        environment: Environment::Live,
        prekeys: List::new(missing)?,
    };
    match desk.publish(act).await {
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

async fn destroy(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let now = (desk.clock)();
    for key in desk.store.prekeys().await? {
        let due = key.usable_until.after(KEPT_AFTER);
        if now > due && desk.caught_up_since(due) {
            desk.store.destroy_prekey(key.id).await?;
            info!(prekey = key.id.short(), "prekey destroyed");
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
}
