//! What contradicts this node's directory, and how fresh the directory is.

use pouch_control::{BrokenPromiseView, Bytes, ContradictionView, DisputesView, Finding, ForkView};
use pouch_notice::{Freshness, visible};
use pouch_store::{Gossip as _, Mirror as _, Promises as _};

use crate::desk::Desk;
use crate::error::AgentError;

pub(crate) async fn disputes(desk: &Desk) -> Result<DisputesView, AgentError> {
    let forks = desk.store.forks().await?.into_iter();
    let contradictions = desk.store.contradictions().await?.into_iter();
    let broken = desk.store.broken_promises().await?.into_iter();
    Ok(DisputesView {
        forks: forks.map(|row| ForkView { accepted: Bytes(row.one), other: Bytes(row.other) }).collect(),
        contradictions: contradictions
            .map(|row| ContradictionView {
                office: row.cited.office,
                size: row.cited.size,
                theirs: row.cited.root,
                ours: row.ours,
                at: row.cited.at,
                settled_at: row.settled_at,
                signed: Bytes(row.cited.signed),
                checkpoint: Bytes(row.note),
            })
            .collect(),
        broken_promises: broken
            .filter_map(|row| {
                Some(BrokenPromiseView {
                    relay: visible(&row.relay, true),
                    index: row.index,
                    at: row.at,
                    broken_at: row.broken_at?,
                    statement: Bytes(row.statement),
                })
            })
            .collect(),
    })
}

/// Alarms that stand for as long as what they tell of, however many others came since.
pub(crate) async fn standing(desk: &Desk) -> Result<Vec<String>, AgentError> {
    let disputes = disputes(desk).await?;
    let mut standing = Vec::new();
    if !disputes.forks.is_empty() {
        standing.push("the directory log showed two faces; both are kept (POUCH-MIR-02)".to_owned());
    }
    for row in disputes.contradictions.iter().filter(|row| row.settled_at.is_none()) {
        standing.push(format!(
            "the directory log shows {} and us different pasts; both are kept (POUCH-MIR-05)",
            row.office
        ));
    }
    Ok(standing)
}

/// How fresh the directory is: in steps, and none of them stops the node.
pub(crate) fn freshness(desk: &Desk) -> Finding {
    let cosigned_at = desk.believed.borrow().cosigned_at;
    let step = Freshness::of(cosigned_at, (desk.clock)(), desk.time_is_sure());
    let next = match step {
        Freshness::Fresh => "",
        Freshness::Aging => "nothing yet; it is looked again every minute",
        Freshness::Stale => "look whether a relay is connected and enough witnesses answer",
        Freshness::Old => "use the telephone; get a relay connected that witnesses answer",
    };
    Finding {
        colour: step.colour().as_str().to_owned(),
        code: step.code().to_owned(),
        words: step.words(cosigned_at, (desk.clock)()),
        next: next.to_owned(),
    }
}
