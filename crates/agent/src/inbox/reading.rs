//! What arrived before, verified again as of now: nothing is shown because it was believed once.

use pouch_envelope::Arrived;
use pouch_notice::{
    Confirmation, Facts, Notice, Opened, Order, Reference, SenderLines, StanzaSecret, Verdict, Verified,
    prove_logged, reopen, standing,
};
use pouch_store::{ArrivalRow, Inbox as _};
use pouch_tlog::Inclusion;
use pouch_wire::Canonical as _;
use tracing::warn;

use super::refused::one_clause;
use crate::desk::Desk;
use crate::error::AgentError;

/// A kept arrival, opened and verified again as of now.
pub(crate) enum Reading {
    /// It holds.
    Verified(Box<Verified<Notice>>),
    /// It does not; the reason.
    Refused(Verdict),
}

/// Verifies a kept arrival again, with what its sender said of it later. A row that cannot be read any
/// more is refused by name, so that it keeps no other from being shown.
pub(crate) async fn read(row: &ArrivalRow, desk: &Desk) -> Reading {
    reading(row, desk).await.unwrap_or_else(|error| {
        warn!(envelope = %row.envelope.short(), code = error.code(), "a kept message cannot be read");
        let next = "ask the office to send it again";
        Reading::Refused(one_clause(
            error.code(),
            format!("This node's copy cannot be read: {error}."),
            next,
            25,
        ))
    })
}

async fn reading(row: &ArrivalRow, desk: &Desk) -> Result<Reading, AgentError> {
    let Amending { later, left_out } = match row.notice {
        Some(_) if row.refused.is_none() => amending(row, desk).await?,
        _ => Amending::default(),
    };
    let confirmations: Vec<Confirmation> = later.iter().filter_map(Confirmation::of).collect();
    let reading = read_alone(row, &confirmations, desk).await?;
    let Reading::Verified(verified) = reading else { return Ok(reading) };
    let mut standing = standing(verified.value(), verified.notice_id(), &later);
    if left_out {
        not_all_read(&mut standing, &later);
    }
    Ok(Reading::Verified(Box::new(verified.with_standing(&standing))))
}

/// What a sender's member said later that corrects, withdraws or confirms a notice.
#[derive(Debug, Default)]
struct Amending {
    /// Oldest first: the first withdrawal is the one that is named.
    later: Vec<Verified<Notice>>,
    /// There is more than is looked at.
    left_out: bool,
}

async fn amending(row: &ArrivalRow, desk: &Desk) -> Result<Amending, AgentError> {
    let Some(id) = row.notice else { return Ok(Amending::default()) };
    let member = &row.sender.member;
    let mut entries = desk.store.amending(id, member, AMENDING_MAX.saturating_add(1)).await?;
    let left_out = u32::try_from(entries.len()).unwrap_or(u32::MAX) > AMENDING_MAX;
    let mut later = Vec::new();
    entries.reverse();
    for entry in entries {
        let Some(row) = desk.store.arrival(entry.envelope).await? else { continue };
        // One that cannot be read is told of where it stands itself.
        if let Ok(Reading::Verified(verified)) = read_alone(&row, &[], desk).await
            && (!verified.value().confirms() || is_upheld(&verified, desk).await?)
        {
            later.push(*verified);
        }
    }
    Ok(Amending { later, left_out })
}

/// Whether a confirmation still counts: its member may have withdrawn or corrected it too.
async fn is_upheld(confirming: &Verified<Notice>, desk: &Desk) -> Result<bool, AgentError> {
    let member = &confirming.value().sender.member;
    let most = CONFIRMATION_AMENDED_MAX;
    let entries = desk.store.amending(confirming.notice_id(), member, most.saturating_add(1)).await?;
    // What is not looked at may withdraw it.
    if u32::try_from(entries.len()).unwrap_or(u32::MAX) > most {
        return Ok(false);
    }
    let mut amended_by = Vec::new();
    for entry in entries {
        let Some(row) = desk.store.arrival(entry.envelope).await? else { continue };
        if let Ok(Reading::Verified(verified)) = read_alone(&row, &[], desk).await {
            amended_by.push(*verified);
        }
    }
    Ok(Confirmation::upheld(confirming, &amended_by).is_some())
}

/// The notices that confirm a kept one, named by those that are themselves without reservation.
pub(crate) async fn confirmed_by(row: &ArrivalRow, desk: &Desk) -> Result<Vec<Reference>, AgentError> {
    let Amending { later, .. } = amending(row, desk).await?;
    let confirmations: Vec<Confirmation> = later.iter().filter_map(Confirmation::of).collect();
    if confirmations.is_empty() {
        return Ok(Vec::new());
    }
    let opened = reopened(row, desk)?;
    Ok(opened.confirmed_by(&confirmations).map(|confirmation| confirmation.by().clone()).collect())
}

/// How many of these are looked at of one notice; nobody corrects so often.
const AMENDING_MAX: u32 = 64;
/// The same for one that only confirms another: each of those is gone through for each of these.
const CONFIRMATION_AMENDED_MAX: u32 = 8;

/// What was not looked at may withdraw it. So it does not stand unchanged, whatever the others say.
fn not_all_read(standing: &mut pouch_notice::Standing, later: &[Verified<Notice>]) {
    if standing.cancelled_by.is_none() && standing.corrected_by.is_empty() {
        standing.corrected_by.extend(later.last().map(|verified| Reference {
            sender: verified.value().sender.clone(),
            number: verified.value().number,
            id: verified.notice_id(),
        }));
    }
}

/// A kept arrival, opened again.
fn reopened(row: &ArrivalRow, desk: &Desk) -> Result<Opened, AgentError> {
    let arrived = arrived(row)?;
    let secret = StanzaSecret::from_bytes(&desk.vault.unwrap(row.envelope.as_bytes(), &row.wrapped)?)?;
    let opened = reopen(arrived, secret).map_err(|e| AgentError::Damaged(e.to_string()))?;
    Ok(match row.courier_at {
        Some(since) => opened.by_courier(since),
        None => opened,
    })
}

/// Verifies a kept arrival again, with the proof that it is logged when there is one.
pub(crate) async fn read_alone(
    row: &ArrivalRow,
    confirmations: &[Confirmation],
    desk: &Desk,
) -> Result<Reading, AgentError> {
    if let Some(kept) = &row.refused {
        return Ok(Reading::Refused(serde_json::from_str(kept).unwrap_or_default()));
    }
    let opened = reopened(row, desk)?;
    let believed = desk.believed.borrow().clone();
    let inclusion = row.proof.as_ref().and_then(|proof| inclusion(proof, opened.arrived(), desk));
    let facts = Facts {
        directory: &believed.directory,
        cosigned_at: believed.cosigned_at,
        time_is_sure: desk.time_is_sure(),
        inclusion: inclusion.as_ref(),
        now: (desk.clock)(),
    };
    // It was verified when it came, or it would not be here.
    match opened.verify_confirmed(&facts, confirmations) {
        Ok(verified) => {
            let verified = verified.with_doubt(desk.doubt().await);
            let kept: Order = serde_json::from_str(&row.order).unwrap_or(Order::InOrder);
            let order = order_now(kept, &verified, desk).await?;
            Ok(Reading::Verified(Box::new(verified.with_order(&order))))
        }
        Err(refused) => Ok(Reading::Refused(refused.verdict)),
    }
}

/// What was missing before a message may have come since.
async fn order_now(kept: Order, verified: &Verified<Notice>, desk: &Desk) -> Result<Order, AgentError> {
    let Order::Gap { from, to } = kept else { return Ok(kept) };
    let header = verified.arrived().header();
    let Some(bytes) = desk.store.sequence_in(&header.sender, header.environment).await? else {
        return Ok(kept);
    };
    let lines = SenderLines::from_bytes(&bytes)?;
    Ok(lines.gap_now(header.sender_key, verified.secret().epoch, from, to))
}

/// Whether a proof proves that a kept arrival is logged where its relay promised. What is inside has no part in
/// that, and is not opened for it.
pub(crate) fn check_proof(row: &ArrivalRow, proof: &[u8], desk: &Desk) -> Result<bool, AgentError> {
    Ok(inclusion(proof, &arrived(row)?, desk).is_some())
}

/// Whether a proof is kept that still proves it: one that was made about when its network changed may not.
pub(crate) fn is_proved(row: &ArrivalRow, desk: &Desk) -> bool {
    row.proof.as_ref().is_some_and(|proof| check_proof(row, proof, desk).unwrap_or_default())
}

pub(crate) fn inclusion(proof: &[u8], arrived: &Arrived, desk: &Desk) -> Option<Inclusion> {
    prove_logged(proof, arrived, &desk.directory()).ok().map(|(inclusion, _)| inclusion)
}

fn arrived(row: &ArrivalRow) -> Result<Arrived, AgentError> {
    Arrived::from_bytes(&row.stored).map_err(|error| AgentError::Damaged(error.to_string()))
}
