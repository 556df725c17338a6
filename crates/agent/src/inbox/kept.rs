//! What holds is stored, with its place in the sender's sequence, the receipt that it gets, and what is told of
//! it, in one transaction.

use std::sync::Arc;

use pouch_control::EventKind;
use pouch_notice::{Notice, Order, RecipientReceipt, Said, SenderLines, StanzaSecret, Verified};
use pouch_store::{Arrival, Inbox as _, Kept, NewEvent, Outgoing, Rung, RungRow};
use pouch_wire::{Canonical as _, ContactPoint, Environment, Timestamp};
use tracing::{info, warn};

use super::refused::{Answer, refuse};
use super::remarks::{late, restored};
use super::told::{amends, came, confirms, emergency};
use crate::answers;
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::joint;
use crate::receipts;
use crate::reconfirm;

pub(super) async fn notice_in(verified: Verified<Notice>, desk: &Arc<Desk>) -> Result<(), AgentError> {
    let (order, lines) = order_of(&verified, desk).await?;
    let verified = verified.with_order(&order);
    if verified.verdict().is_refusal() {
        return refuse(verified.arrived(), verified.verdict(), Some(&order), Answer::Refusal, desk).await;
    }
    let notice = verified.value();
    let id = verified.notice_id();
    // The same notice in another envelope is one notice: its receipt is told, and it is shown once.
    let again = desk.store.has_notice(id).await?;
    let said = receipts::verified(id, verified.verdict().code(), desk);
    let _outgoing = desk.outgoing.lock().await;
    // A receipt that cannot be sent now is owed; it keeps no notice from being read.
    let receipt = receipts::seal_receipt(verified.arrived(), said, desk).await;
    let receipt = receipt.or_else(not_now)?;
    let number = notice.full_number();
    let answered = answers::answered(&verified, desk).await?;
    let row = arrival(&verified, &lines, &order, desk)?;
    let mut happenings = vec![came(&number, notice, again, row.courier_at.is_some()).of(row.envelope)];
    let environment = notice.environment;
    if let Some((ours, rung)) = &answered {
        let words = format!("message {} answered by {}", ours.short(), rung.recipient);
        happenings.push(Happening::new(EventKind::Progress, "", words).of(*ours));
    }
    happenings.extend(restored(&order, &notice.sender));
    happenings.extend(late(&verified, desk).await);
    happenings.extend(emergency(&verified, desk).map(|happening| happening.of(row.envelope)));
    happenings.extend(confirms(&verified, desk).await?.map(|happening| happening.of(row.envelope)));
    let sender = notice.sender.clone();
    let row = Arrival {
        progress: answered,
        notice: (!again).then_some(id),
        concerns: notice.concerns.as_ref().map(|named| named.id),
        amends: amends(notice),
        keys: verified.signed().map(reconfirm::keys_of).unwrap_or_default(),
        number: (!again).then(|| number.clone()),
        receipt,
        events: rows_of(happenings, environment, row.arrived_at, desk),
        ..row
    };
    let new = !again;
    keep(row, desk).await?;
    has_its_place(&sender, environment, lines, desk);
    if new { joint::tell(verified.value(), desk).await } else { Ok(()) }
}

pub(super) async fn receipt_in(
    verified: Verified<RecipientReceipt>,
    desk: &Arc<Desk>,
) -> Result<(), AgentError> {
    let (order, lines) = order_of(&verified, desk).await?;
    let verified = verified.with_order(&order);
    if verified.verdict().is_refusal() {
        return refuse(verified.arrived(), verified.verdict(), Some(&order), Answer::Nothing, desk).await;
    }
    let receipt = verified.value();
    let from = verified.arrived().header().sender.clone();
    if let (Said::Verified { directory_size, directory_root, .. }, Some(signed)) =
        (&receipt.said, verified.signed_receipt())
    {
        desk.heard_checkpoint(&from, *directory_size, *directory_root, signed.to_bytes()?).await?;
    }
    let concerned = receipt.envelope;
    let (rung, detail) = answers::rung_of(&receipt.said);
    let mut happenings = Vec::new();
    let mut progress = None;
    if answers::confirmed(&verified, desk).await? {
        let word = match rung {
            Rung::Verified => "verified by the node of",
            Rung::Acknowledged => "acknowledged by an officer of",
            _ => "REFUSED by the node of",
        };
        let words = format!("message {} {word} {from}", concerned.short());
        happenings.push(Happening::new(EventKind::Progress, "", words).of(concerned));
        let row = RungRow { recipient: from.clone(), rung, at: Some(receipt.at), detail };
        progress = Some((concerned, row));
    } else {
        // It has its place in the sender's sequence, and says nothing that anybody need know.
        info!(envelope = %concerned.short(), "a receipt for what was not sent to its sender");
    }
    happenings.extend(restored(&order, &from));
    happenings.extend(late(&verified, desk).await);
    let kept = arrival(&verified, &lines, &order, desk)?;
    let environment = verified.arrived().header().environment;
    let events = rows_of(happenings, environment, kept.arrived_at, desk);
    keep(Arrival { progress, events, ..kept }, desk).await?;
    has_its_place(&from, environment, lines, desk);
    Ok(())
}

/// Moves the sender's sequence on by one message.
async fn order_of<T>(verified: &Verified<T>, desk: &Desk) -> Result<(Order, SenderLines), AgentError> {
    let header = verified.arrived().header();
    let mut lines = match desk.store.sequence_in(&header.sender, header.environment).await? {
        Some(bytes) => SenderLines::from_bytes(&bytes)?,
        None => SenderLines::default(),
    };
    let StanzaSecret { epoch, n, previous, .. } = verified.secret();
    let order = lines.accept(header.sender_key, *epoch, *n, *previous, verified.arrived().id());
    Ok((order, lines))
}

fn arrival<T>(
    verified: &Verified<T>,
    lines: &SenderLines,
    order: &Order,
    desk: &Desk,
) -> Result<Arrival, AgentError> {
    let arrived = verified.arrived();
    let header = arrived.header();
    let secret = zeroize::Zeroizing::new(verified.secret().to_bytes()?);
    let receipt = verified.receipt();
    Ok(Arrival {
        envelope: arrived.id(),
        environment: header.environment,
        notice: None,
        concerns: None,
        amends: false,
        number: None,
        sender: header.sender.clone(),
        precedence: header.precedence,
        created: header.created,
        arrived_at: (desk.clock)(),
        stored: arrived.to_bytes()?,
        wrapped: desk.vault.wrap(arrived.id().as_bytes(), &secret, &mut rand::rng())?,
        sequence: lines.to_bytes()?,
        order: serde_json::to_string(order).unwrap_or_default(),
        progress: None,
        receipt: None,
        log: receipt.map(|receipt| (receipt.relay.to_string(), receipt.index)),
        // What a relay delivers without a promise that counts is not verified. The time is the one that it was
        // verified by: two readings of a clock are two moments.
        courier_at: receipt.is_none().then(|| verified.came_at()),
        keys: Vec::new(),
        events: Vec::new(),
    })
}

/// Stores an arrival with what is told of it, and tells it when it is new.
async fn keep(row: Arrival, desk: &Desk) -> Result<(), AgentError> {
    if let Kept::New { events } = desk.store.take_in(row).await? {
        desk.events.announce(&events);
        desk.wake_outbox();
    }
    Ok(())
}

/// Beacons speak of live messages only, and so does what is missing by them.
fn has_its_place(sender: &ContactPoint, environment: Environment, lines: SenderLines, desk: &Desk) {
    if environment == Environment::Live {
        desk.watching.came(sender, lines);
    }
}

/// What is told of a message, with the mark of its exercise.
fn rows_of(
    happenings: impl IntoIterator<Item = Happening>,
    environment: Environment,
    at: Timestamp,
    desk: &Desk,
) -> Vec<NewEvent> {
    happenings.into_iter().map(|happening| happening.within(environment, desk).row(at)).collect()
}

/// What cannot be sealed now keeps nothing from being stored.
pub(super) fn not_now(error: AgentError) -> Result<Option<Outgoing>, AgentError> {
    warn!(code = error.code(), "a receipt cannot be sealed now");
    if error.is_storage() { Err(error) } else { Ok(None) }
}
