//! Where a message stands among its sender's messages to us, and what that means for its verdict.

use pouch_wire::EnvelopeId;
use serde::{Deserialize, Serialize};

use crate::verdict::{Clause, Verdict};

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Order {
    /// Next in line, and what it says stands before it is what came before it.
    InOrder,
    /// The sender's first message to us.
    First,
    /// Messages before it are missing.
    Gap {
        /// The first missing number.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// Messages before it were missing; all of them came since.
    Filled,
    /// It was missing; now it is here.
    Late,
    /// The sender was restored from a backup and counts anew.
    NewEpoch,
    /// The same, and of what it sent since, messages before this one are missing.
    NewEpochGap {
        /// The first missing number, which is 1.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// Another message stands in this place already, or before it stands another than it says: the
    /// sender said two things.
    Contradiction {
        /// The other message.
        other: EnvelopeId,
    },
    /// It is of an epoch that is over.
    OldEpoch,
    /// The very same message again.
    Repeated,
    /// Another key of the sender left the count where no honest message follows; from here on it is
    /// counted beside that.
    Beside,
    /// Its place is so far back that what stood there is no longer known.
    Forgotten,
    /// It has no place: epochs and numbers count from 1.
    Nowhere,
}

/// The clause "it stands in its place".
pub(crate) fn judge_order(verdict: &mut Verdict, order: &Order) {
    match order {
        Order::First => verdict.holds(Clause::Order, "The first message from this office to us."),
        Order::InOrder => verdict.holds(Clause::Order, "Nothing before it is missing."),
        Order::Filled => verdict.holds(Clause::Order, "What was missing before it came since."),
        Order::Late => verdict.holds(Clause::Order, "It was missing, and came late."),
        Order::Repeated => verdict.holds(Clause::Order, "It came again: it is one message, shown once."),
        Order::Gap { from, to } => {
            let count = to.saturating_sub(*from).saturating_add(1);
            let words =
                format!("{count} of this office's messages to us before it are missing ({from} to {to}).");
            let next = "ask the office by telephone what it sent before";
            verdict.unsure(Clause::Order, "POUCH-ORD-01", words, next, 13);
        }
        Order::NewEpoch => {
            let words = "The sender's node was restored from a backup and counts anew.";
            let next = "ask the office whether earlier messages are still open";
            verdict.unsure(Clause::Order, "POUCH-ORD-02", words, next, 13);
        }
        Order::NewEpochGap { from, to } => {
            let count = to.saturating_sub(*from).saturating_add(1);
            let words = format!(
                "The sender's node was restored from a backup and counts anew; {count} of its messages to us since are missing ({from} to {to})."
            );
            let next = "ask the office by telephone what it sent since, and what is still open";
            verdict.unsure(Clause::Order, "POUCH-ORD-07", words, next, 13);
        }
        Order::Beside => {
            let words = "Another key of this office spoilt the count of its messages: whether any before this one are missing is not known.";
            let next = "ask the office by telephone what it sent before, and whether its keys are safe";
            verdict.unsure(Clause::Order, "POUCH-ORD-08", words, next, 13);
        }
        Order::Contradiction { .. } => {
            let words = "The sender's messages contradict each other: two stand in one place. Both are kept.";
            verdict.fails(Clause::Order, "POUCH-ORD-03", words, ASK_BOTH, 16);
        }
        Order::OldEpoch => {
            let words = "It is from before the sender's node was restored from a backup.";
            verdict.fails(Clause::Order, "POUCH-ORD-04", words, ASK_BOTH, 13);
        }
        Order::Forgotten => {
            let words = "It is so old that its place among the sender's messages is no longer known.";
            let next = "ask the office whether it still holds";
            verdict.unsure(Clause::Order, "POUCH-ORD-05", words, next, 13);
        }
        Order::Nowhere => {
            let words = "It has no place among the sender's messages: the sender's program is at fault.";
            verdict.fails(Clause::Order, "POUCH-ORD-06", words, ASK_BOTH, 16);
        }
    }
}

const ASK_BOTH: &str = "do not act on it; ask the office by telephone what it sent";
