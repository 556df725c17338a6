//! What is refused is kept with its reason, and its sender is told.

use std::sync::Arc;

use pouch_control::EventKind;
use pouch_envelope::Arrived;
use pouch_notice::{Clause, ClauseResult, Order, State, Verdict};
use pouch_store::{Inbox as _, Kept, NewRefusal};
use pouch_wire::Environment;
use tracing::info;

use super::kept::not_now;
use super::remarks::{equivocation_of, outside_of, two_in_one_place};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::receipts;

/// What the sender of a refused message hears. A receipt is never answered, so that no two nodes talk
/// about receipts for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// That it was refused, and the code of the reason.
    Refusal,
    /// Nothing.
    Nothing,
}

pub(super) async fn refuse(
    arrived: &Arrived,
    verdict: &Verdict,
    order: Option<&Order>,
    answer: Answer,
    desk: &Arc<Desk>,
) -> Result<(), AgentError> {
    if receipts::is_by_its_sender(arrived, desk) {
        came_in_vain(arrived, desk);
    }
    let _outgoing = desk.outgoing.lock().await;
    let receipt = match answer {
        Answer::Refusal => receipts::seal_refusal(arrived, verdict.code(), desk).await.or_else(not_now)?,
        Answer::Nothing => None,
    };
    let header = arrived.header();
    let now = (desk.clock)();
    let reason = verdict.decisive().map(|c| c.words.clone()).unwrap_or_default();
    let words = format!("a message that claims to be from {} was refused: {reason}", header.sender);
    let equivocation = match order {
        Some(Order::Contradiction { other }) => Some(equivocation_of(arrived, *other, desk).await?),
        _ => None,
    };
    let mut happening = Happening::new(EventKind::RefusedArrival, "", words).of(arrived.id());
    happening.code = verdict.code().to_owned();
    happening.precedence = Some(header.precedence);
    // What is refused is only claimed to be of an exercise; two messages in one place are proved to be.
    let proved = equivocation.as_ref().map(|found| two_in_one_place(found).within(header.environment, desk));
    let kept = NewRefusal {
        envelope: arrived.id(),
        sender: header.sender.clone(),
        precedence: header.precedence,
        created: header.created,
        arrived_at: now,
        verdict: serde_json::to_string(verdict).unwrap_or_default(),
        stored: evidence_of(arrived, desk)?,
        receipt,
        events: [Some(happening), proved].into_iter().flatten().map(|happening| happening.row(now)).collect(),
        equivocation,
    };
    if let Kept::New { events } = desk.store.refuse_in(kept).await? {
        info!(envelope = %arrived.id().short(), code = verdict.code(), "arrival refused");
        desk.events.announce(&events);
        desk.wake_outbox();
    }
    Ok(())
}

/// A verdict of one failing clause: the message is not whole.
pub(super) fn one_clause(code: &str, words: String, next: &str, exit: u8) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.clauses.push(ClauseResult {
        clause: Clause::Whole,
        state: State::Fails,
        code: code.to_owned(),
        words,
        next: next.to_owned(),
        exit,
    });
    verdict
}

/// It is not missing: it came, whatever it is.
fn came_in_vain(arrived: &Arrived, desk: &Desk) {
    if arrived.header().environment == Environment::Live {
        desk.watching.came_in_vain(&arrived.header().sender, arrived.id());
    }
}

/// What is kept of a refused message: all of it when its sender is proved to have made it; else its header,
/// which names the digest of the rest, and the signature over it. A relay alone must not fill the disk.
fn evidence_of(arrived: &Arrived, desk: &Desk) -> Result<Vec<u8>, AgentError> {
    if receipts::is_by_its_sender(arrived, desk) {
        return Ok(arrived.to_bytes()?);
    }
    Ok(outside_of(arrived))
}
