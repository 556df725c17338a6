//! What is remarked of an arrival beside what it is: that its sender counts anew, that its relay kept it
//! too long, that another message stands in its place.

use std::time::Duration;

use pouch_control::EventKind;
use pouch_envelope::Arrived;
use pouch_notice::{Order, Verified};
use pouch_store::{Equivocation, Inbox as _};
use pouch_wire::{ContactPoint, EnvelopeId};
use tokio::time::Instant;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::watching;

/// What is missing is told by who watches that: it may be on its way.
pub(super) fn restored(order: &Order, sender: &ContactPoint) -> Option<Happening> {
    let anew = matches!(order, Order::NewEpoch | Order::NewEpochGap { .. });
    let words = || format!("{sender} was restored from a backup");
    anew.then(|| Happening::new(EventKind::Alarm, "POUCH-ORD-02", words()))
}

/// How much later than it could have a message may come before that is told.
const LATE: Duration = Duration::from_secs(60);

/// Whether a message came late though its relay could have brought it: our session with it was up all the
/// time, and it was not busy with others. What this node itself could not judge at first is not late.
pub(super) async fn late<T>(verified: &Verified<T>, desk: &Desk) -> Option<Happening> {
    let arrived = verified.arrived();
    if desk.waiting.lock().await.knows(arrived.id()) {
        return None;
    }
    // What a courier brought has no relay that held it.
    let receipt = verified.receipt()?;
    let theirs = i128::from((desk.clock)().0).saturating_add(i128::from(desk.clock_offset_ms()?));
    let late = theirs.saturating_sub(i128::from(receipt.at.0));
    let late = Duration::from_millis(u64::try_from(late).ok()?);
    // On a poor way anything may take minutes.
    let poor = desk.links.session(&receipt.relay).is_none_or(|session| watching::is_poor(&session));
    if poor {
        return None;
    }
    let (up, busy) = desk.could_deliver(&receipt.relay, Instant::now())?;
    is_held(late, up, busy).then(|| watching::late(&arrived.header().sender, &receipt.relay, late))
}

/// Whether a relay held a message back that it delivers now: so late, while our session has been up for so
/// long and it has been delivering without a pause for so long.
fn is_held(late: Duration, up: Duration, busy: Duration) -> bool {
    up > late && late > LATE.saturating_add(busy)
}

/// A message's header and the signature over it: what proves who made it.
pub(super) fn outside_of(arrived: &Arrived) -> Vec<u8> {
    [arrived.header_bytes(), &arrived.signature().0.0].concat()
}

/// Both of two messages that cannot both be, as far as this node has them. They are kept on their own:
/// what is kept of a message to read it may be destroyed in time.
pub(super) async fn equivocation_of(
    arrived: &Arrived,
    other: EnvelopeId,
    desk: &Desk,
) -> Result<Equivocation, AgentError> {
    let row = desk.store.arrival(other).await?;
    let kept = row.and_then(|row| Arrived::from_bytes(&row.stored).ok());
    Ok(Equivocation {
        sender: arrived.header().sender.clone(),
        one: arrived.id(),
        one_outside: outside_of(arrived),
        other,
        other_outside: kept.as_ref().map(outside_of),
        at: (desk.clock)(),
    })
}

pub(super) fn two_in_one_place(found: &Equivocation) -> Happening {
    let (sender, one, other) = (&found.sender, found.one.short(), found.other.short());
    let words = if found.other_outside.is_some() {
        format!("{sender} signed two messages for one place: {one} and {other}. Both signatures are kept.")
    } else {
        format!("{sender} signed {one} where another of its messages names {other}; that one is not here.")
    };
    Happening::new(EventKind::Alarm, "POUCH-ORD-03", words).of(found.one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_late_when_its_relay_could_have_brought_it_and_did_nothing_else() {
        let s = Duration::from_secs;
        assert!(is_held(s(600), s(1000), s(1)));
        assert!(is_held(s(62), s(1000), s(1)));
        assert!(!is_held(s(60), s(1000), s(0)), "anything may take a minute");
        assert!(!is_held(s(600), s(599), s(1)), "we were away when the relay accepted it");
        assert!(!is_held(s(600), s(1000), s(545)), "the relay was busy with what lay before it");
    }
}
