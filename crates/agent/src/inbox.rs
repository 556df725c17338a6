//! What arrives: opened, verified, and only then put where people can see it.
//!
//! The row, the place in the sender's sequence and the receipt to send go into the database in one
//! transaction; the relay is told that the message was taken after that. Whatever is refused is kept
//! as a refusal with its reason, never shown, and does not keep the next message from being read.

mod by_courier;
mod kept;
mod reading;
mod refused;
mod remarks;
mod told;

use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_envelope::Arrived;
use pouch_net::{Stream, refusal};
use pouch_notice::{Facts, OpenError, Opened, RED_AFTER_MS, Refused, Verdict, open};
use pouch_store::{Inbox as _, Standing};
use pouch_wire::session::{Deliver, Taken};
use pouch_wire::{EnvelopeId, Environment, Timestamp, limits};
use tokio::time::timeout;
use tracing::info;

use crate::conduct::{Repeating, Taking};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::mirror::Believed;
use crate::receipts;

pub(crate) use by_courier::carried;
use kept::{notice_in, receipt_in};
pub(crate) use reading::{Reading, check_proof, confirmed_by, inclusion, is_proved, read, read_alone};
use refused::{Answer, one_clause, refuse};

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
        if let Err(refused) = by_courier::promised_since(&arrived, desk).await? {
            return Ok(by_courier::not_promised(&arrived, &refused));
        }
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
