//! What this node knows of the others: who is heard of, what they announced, what has not come.
//!
//! The judgement is [`pouch_notice::SenderWatch`]'s and pure; here stand its memory, its clock and the words in which it
//! is told. What is missing and what was told of it outlasts a restart, what was announced comes again
//! with the next beacon.

mod alone;
mod state;
mod waiting;
mod words;

use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_net::Session;
use pouch_notice::{Around, GRACE, OpenGap, Turn};
use pouch_store::Watching as _;
use pouch_wire::ContactPoint;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

pub(crate) use state::{PeerNow, Watching};

/// How often time passes.
const EVERY: Duration = Duration::from_millis(500);
/// How long an announced message may be on its way while deliveries are, beside what their bytes take;
/// and while a home relay is away, or only just came back.
const GRACE_BUSY: Duration = Duration::from_secs(60);
/// The same while a session is fresh, and whatever the bytes take: what piled up meanwhile comes first.
const GRACE_MAX: Duration = Duration::from_secs(600);
/// From which round trip on the way to a relay is poor.
const POOR: Duration = Duration::from_millis(200);
/// A slow line: bytes a second.
const SLOW: u64 = 32 * 1024;

/// Watches until the node ends.
pub(crate) async fn serve(desk: Arc<Desk>, shutdown: CancellationToken) -> Result<(), AgentError> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = every.tick() => {}
            () = desk.watching.woken() => {}
        }
        if let Err(error) = look(&desk).await {
            if error.is_fatal() {
                return Err(error);
            }
            warn!(code = error.code(), "what is missing is told again soon");
        }
    }
}

async fn look(desk: &Desk) -> Result<(), AgentError> {
    let directory = desk.directory();
    desk.watching.follow(&directory, &desk.me);
    let around = around(desk);
    if let Some(happening) = desk.watching.pass_alone(around.up, &desk.beacon_every, (desk.clock)()) {
        desk.tell(happening).await?;
    }
    for (sender, turns, told) in desk.watching.pass(around) {
        tell(&sender, turns, &told, desk).await?;
    }
    Ok(())
}

/// Whether the way to a relay is so poor that anything may take minutes.
pub(crate) fn is_poor(session: &Session) -> bool {
    session.round_trip() >= POOR
}

/// How it is around this node.
fn around(desk: &Desk) -> Around {
    let directory = desk.directory();
    let home = directory.now_view().home_relays(&desk.me);
    let home: Vec<&str> = home.iter().map(|relay| relay.name.as_str()).collect();
    let busy = desk.busy(&home, Instant::now());
    let up = desk.links.all().iter().any(|line| line.session.is_some());
    let poor = home.iter().filter_map(|relay| desk.links.session(relay)).any(|session| is_poor(&session));
    let grace = match &busy {
        None if poor || desk.is_settling(&home, Instant::now()) => GRACE_BUSY,
        None => GRACE,
        Some(busy) if busy.fresh => GRACE_MAX,
        Some(busy) => {
            let bytes = Duration::from_secs(busy.bytes / SLOW);
            GRACE_BUSY.saturating_add(bytes).min(GRACE_MAX)
        }
    };
    let under_way = busy.is_some_and(|busy| busy.under_way);
    Around { now: desk.watching.now(), grace, busy: under_way, up, poor }
}

/// Tells what changed. What is told of gaps is remembered in the same step.
async fn tell(
    sender: &ContactPoint,
    turns: Vec<Turn>,
    told: &[OpenGap],
    desk: &Desk,
) -> Result<(), AgentError> {
    let now = (desk.clock)();
    let (gaps, others): (Vec<Turn>, Vec<Turn>) =
        turns.into_iter().partition(|turn| matches!(turn, Turn::Missing(_)));
    if !gaps.is_empty() {
        let events = gaps.iter().filter_map(|turn| words::of(sender, turn, None)).map(|told| told.row(now));
        let remembered = serde_json::to_string(told).unwrap_or_default();
        let numbers = desk.store.tell_gaps(sender, remembered, events.collect()).await?;
        desk.events.announce(&numbers);
    }
    for turn in others {
        let since = desk.watching.heard_here(sender);
        if let Some(happening) = words::of(sender, &turn, since) {
            desk.tell(happening).await?;
        }
    }
    Ok(())
}

/// A message came late although its relay could have brought it.
pub(crate) fn late(sender: &ContactPoint, relay: &str, by: Duration) -> Happening {
    let words = format!(
        "a message from {sender} was delivered late: {relay} had it for {} s while this node was connected",
        by.as_secs()
    );
    Happening::new(EventKind::Contact, "POUCH-BCN-40", words)
}
