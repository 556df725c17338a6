//! What arrives: opened, verified, and only then put where people can see it.
//!
//! The row, the place in the sender's sequence and the receipt to send go into the database in one
//! transaction; the relay is told that the message was taken after that. Whatever is refused is kept
//! as a refusal with its reason, never shown, and does not keep the next message from being read.

mod by_courier;
mod reading;
mod remarks;
mod told;

use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_envelope::Arrived;
use pouch_net::{Stream, refusal};
use pouch_notice::{
    Clause, ClauseResult, Facts, Notice, OpenError, Opened, Order, RED_AFTER_MS, RecipientReceipt, Refused,
    Said, SenderLines, StanzaSecret, State, Verdict, Verified, open,
};
use pouch_store::{Arrival, Inbox as _, Kept, NewEvent, NewRefusal, Outgoing, Rung, RungRow, Standing};
use pouch_wire::session::{Deliver, Taken};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, Environment, Timestamp, limits};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::answers;
use crate::conduct::{Repeating, Taking};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::joint;
use crate::mirror::Believed;
use crate::receipts;
use crate::reconfirm;
use told::{amends, came, confirms, emergency};

pub(crate) use by_courier::carried;
pub(crate) use reading::{Reading, check_proof, confirmed_by, inclusion, read, read_alone};
use remarks::{equivocation_of, late, outside_of, restored, two_in_one_place};

/// How long a message waits for the directory that its sender used.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(20);

/// When a relay shall bring again what could not be kept or judged.
const AGAIN: Duration = Duration::from_secs(10);

/// How many bytes a delivery announces.
pub(crate) fn announced_bytes(deliver: &Deliver) -> u64 {
    Arrived::payload_len(deliver).unwrap_or(0)
}

/// Answers a relay's delivery.
pub(crate) async fn delivery(
    mut stream: Stream,
    deliver: Deliver,
    relay: &str,
    desk: &Arc<Desk>,
) -> Result<(), AgentError> {
    let max = u64::try_from(limits::PAYLOAD_BYTES).unwrap_or(u64::MAX);
    let arrived = match Arrived::payload_len(&deliver) {
        Ok(len) => match stream.recv_payload(len, max).await {
            Ok(payload) => Arrived::parse(&desk.me, deliver, payload),
            // The relay will deliver it again.
            Err(_) => return Ok(()),
        },
        Err(error) => Err(error),
    };
    let arrived = match arrived {
        Ok(arrived) => arrived,
        Err(error) => {
            info!(relay, code = error.code(), "delivery malformed");
            stream.refuse(&refusal(error.code(), &error, None)).await.ok();
            return Ok(());
        }
    };
    let envelope = arrived.id();
    if let Taking::Unkept(late) = desk.conduct.takes() {
        stream.answer(&Taken { envelope }).await.ok();
        tokio::time::sleep(late).await;
        return take_in(arrived, desk).await.map(drop);
    }
    match take_in(arrived, desk).await {
        // The relay may have gone; it will deliver again and hear that we have it.
        Ok(kept @ (Judged::Kept | Judged::Known)) => {
            if matches!(kept, Judged::Known) {
                tell_repeated(relay, envelope, desk).await?;
            }
            let answered = stream.answer(&Taken { envelope }).await;
            if answered.is_ok() {
                desk.handed.lock().await.taken(relay, envelope);
            }
            answered.ok()
        }
        Ok(Judged::NotYet(verdict)) => {
            stream.refuse(&refusal(verdict.code(), &"cannot be judged yet; keep it", Some(AGAIN))).await.ok()
        }
        Err(error) => {
            // Not acknowledged, so it is not lost: the relay keeps it and brings it again.
            stream.refuse(&refusal(error.code(), &"not stored; keep it", Some(AGAIN))).await.ok();
            return Err(error);
        }
    };
    Ok(())
}

/// Tells of a relay that brings again what it heard to be here.
async fn tell_repeated(relay: &str, envelope: EnvelopeId, desk: &Desk) -> Result<(), AgentError> {
    if !desk.handed.lock().await.again(relay, envelope) {
        return Ok(());
    }
    let words = format!(
        "{relay} handed over message {} again, after it heard that it is here; it is shown once",
        envelope.short()
    );
    desk.tell(Happening::new(EventKind::Link, "POUCH-AGT-51", words).of(envelope)).await
}

/// What became of a delivery.
pub(crate) enum Judged {
    /// It is stored, as what it is; the relay may forget it.
    Kept,
    /// It was here already; the relay may forget it.
    Known,
    /// It may still hold, when this node knows more: the relay must keep it.
    NotYet(Verdict),
}

async fn take_in(arrived: Arrived, desk: &Arc<Desk>) -> Result<Judged, AgentError> {
    let proved = desk.heard_header(&arrived).await?;
    // Before the turn: a relay that names a directory that does not exist must keep no other back.
    wait_for_directory(arrived.header().directory_size, desk).await;
    if !proved {
        // Its key may stand in what came meanwhile.
        desk.heard_header(&arrived).await?;
    }
    // One at a time: what is known of a sender's order is read, moved on and written in one go.
    let _turn = desk.incoming.lock().await;
    // What was refused is judged again: somebody may have spoiled the first copy on its way.
    if desk.store.standing(arrived.id()).await? == Some(Standing::Verified) {
        by_courier::promised_since(&arrived, desk).await?;
        if desk.conduct.repeats() == Repeating::New {
            tell_as_new(&arrived, desk).await?;
        }
        return Ok(Judged::Known);
    }
    open_and_judge(arrived, None, desk).await
}

/// Opens and judges what is not here yet. A courier brought it at a time, or a relay did. The caller holds the
/// incoming turn.
async fn open_and_judge(
    arrived: Arrived,
    carried: Option<Timestamp>,
    desk: &Arc<Desk>,
) -> Result<Judged, AgentError> {
    let opened = match desk.prekey(arrived.stanza().prekey).await {
        Ok(prekey) => open(arrived.clone(), &prekey),
        Err(AgentError::NoPrekey(_)) => Err(OpenError::NoPrekey),
        Err(error) => return Err(error),
    };
    match opened {
        Ok(opened) => match carried {
            Some(since) => judge(opened.by_courier(since), desk).await,
            None => judge(opened, desk).await,
        },
        Err(error) => {
            let words = format!("It {error}.");
            let next = "ask the office by telephone whether it sent this, and to send it again";
            let verdict = one_clause(error.code(), words, next, 10);
            refuse(&arrived, &verdict, None, Answer::Refusal, desk).await?;
            Ok(Judged::Kept)
        }
    }
}

/// What a node would do that does not know what it told before.
async fn tell_as_new(arrived: &Arrived, desk: &Desk) -> Result<(), AgentError> {
    let row = desk.store.arrival(arrived.id()).await?;
    let Some(number) = row.and_then(|row| row.number) else { return Ok(()) };
    let happening = Happening::new(EventKind::Received, "", number.clone()).of(arrived.id());
    desk.tell(happening.numbered(number, arrived.header().precedence)).await
}

/// A verdict of one failing clause: the message is not whole.
fn one_clause(code: &str, words: String, next: &str, exit: u8) -> Verdict {
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

/// A sender may use a newer directory than ours, and ours may be of yesterday because we were away: catch
/// up before judging.
pub(crate) async fn wait_for_directory(size: u64, desk: &Arc<Desk>) {
    let mut believed = desk.believed.clone();
    let lacks = |believed: &Believed| {
        let old = |at| (desk.clock)().since(at) > Duration::from_millis(RED_AFTER_MS);
        believed.directory.size() < size || believed.cosigned_at.is_none_or(old)
    };
    if !lacks(&believed.borrow()) {
        return;
    }
    desk.wake_mirror();
    let caught_up = async {
        while lacks(&believed.borrow_and_update()) {
            if believed.changed().await.is_err() {
                return;
            }
        }
    };
    // If it does not come in time, the verdict says that the directory is behind.
    timeout(CATCH_UP_WITHIN, caught_up).await.ok();
}

async fn judge(opened: Opened, desk: &Arc<Desk>) -> Result<Judged, AgentError> {
    let believed = desk.believed.borrow().clone();
    let facts = Facts {
        directory: &believed.directory,
        cosigned_at: believed.cosigned_at,
        time_is_sure: desk.time_is_sure(),
        inclusion: None,
        now: (desk.clock)(),
    };
    let answer = if opened.is_receipt() { Answer::Nothing } else { Answer::Refusal };
    let refused = if opened.is_receipt() {
        match opened.verify_receipt(&facts) {
            Ok(verified) => return receipt_in(verified, desk).await.map(|()| Judged::Kept),
            Err(refused) => refused,
        }
    } else {
        match opened.verify(&facts) {
            Ok(verified) => {
                let verified = verified.with_doubt(desk.doubt().await);
                return notice_in(verified, desk).await.map(|()| Judged::Kept);
            }
            Err(refused) => refused,
        }
    };
    if !refused.is_final() {
        // WHY: a relay that gives a bad receipt, or a directory that is late, must not make this node
        // refuse an honest message for ever.
        tell_waiting(&refused, desk).await?;
        return Ok(Judged::NotYet(refused.verdict));
    }
    refuse(&refused.arrived, &refused.verdict, None, answer, desk).await?;
    Ok(Judged::Kept)
}

/// Tells once of a message that cannot be judged yet, however often it is brought.
async fn tell_waiting(refused: &Refused, desk: &Desk) -> Result<(), AgentError> {
    let (envelope, sender) = (refused.arrived.id(), &refused.arrived.header().sender);
    // What anybody could have written in its name explains nothing; and drills have places of their own.
    let live = refused.arrived.header().environment == Environment::Live;
    if live && receipts::is_by_its_sender(&refused.arrived, desk) {
        desk.watching.waits(sender, envelope);
    }
    if !desk.waiting.lock().await.is_new(envelope) {
        return Ok(());
    }
    let reason = refused.verdict.decisive().map(|c| c.words.clone()).unwrap_or_default();
    let words = format!("a message that claims to be from {sender} cannot be judged yet: {reason}");
    info!(envelope = %envelope.short(), code = refused.verdict.code(), "arrival waits");
    let mut happening = Happening::new(EventKind::RefusedArrival, "", words).of(envelope);
    happening.code = refused.verdict.code().to_owned();
    desk.tell(happening).await
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
        // What a relay delivers without a promise that counts is not verified.
        by_courier: receipt.is_none(),
        keys: Vec::new(),
        events: Vec::new(),
    })
}

async fn notice_in(verified: Verified<Notice>, desk: &Arc<Desk>) -> Result<(), AgentError> {
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
    let mut happenings = vec![came(&number, notice, again, row.by_courier).of(row.envelope)];
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

/// It is not missing: it came, whatever it is.
fn came_in_vain(arrived: &Arrived, desk: &Desk) {
    if arrived.header().environment == Environment::Live {
        desk.watching.came_in_vain(&arrived.header().sender, arrived.id());
    }
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

/// Stores an arrival with what is told of it, and tells it when it is new.
async fn keep(row: Arrival, desk: &Desk) -> Result<(), AgentError> {
    if let Kept::New { events } = desk.store.take_in(row).await? {
        desk.events.announce(&events);
        desk.wake_outbox();
    }
    Ok(())
}

async fn receipt_in(verified: Verified<RecipientReceipt>, desk: &Arc<Desk>) -> Result<(), AgentError> {
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

/// What the sender of a refused message hears. A receipt is never answered, so that no two nodes talk
/// about receipts for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// That it was refused, and the code of the reason.
    Refusal,
    /// Nothing.
    Nothing,
}

/// What cannot be sealed now keeps nothing from being stored.
fn not_now(error: AgentError) -> Result<Option<Outgoing>, AgentError> {
    warn!(code = error.code(), "a receipt cannot be sealed now");
    if error.is_storage() { Err(error) } else { Ok(None) }
}

async fn refuse(
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

/// What is kept of a refused message: all of it when its sender is proved to have made it; else its header,
/// which names the digest of the rest, and the signature over it. A relay alone must not fill the disk.
fn evidence_of(arrived: &Arrived, desk: &Desk) -> Result<Vec<u8>, AgentError> {
    if receipts::is_by_its_sender(arrived, desk) {
        return Ok(arrived.to_bytes()?);
    }
    Ok(outside_of(arrived))
}
