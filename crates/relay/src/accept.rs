//! Accepting a message: the head is checked before a byte of payload is taken, the answer is given
//! only when the message is on durable storage.
//!
//! What costs least is asked first: whoever is over its rate hears so before a signature is checked.

use core::time::Duration;

use pouch_envelope::{Admitted, AdmittedHead, Demotion, MessageLeaf, Refusal, SealedHead};
use pouch_net::{Stream, StreamError, refusal};
use pouch_store::{Burden, Mailboxes as _, MessageLog as _, NewMessage, RelayStore, StoreError};
use pouch_wire::session::{Accepted, Refused, Submit};
use pouch_wire::{Blob, Canonical as _, ContactPoint, EnvelopeId, Precedence, Timestamp, limits};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::conduct::Accepting;
use crate::hours::Hour;
use crate::quota::{Over, Ticket};
use crate::rates::{Taken, TooFast};
use crate::run::Desk;
use crate::session::Peer;

/// Answers a submission.
pub(crate) async fn submit(
    mut stream: Stream,
    submit: Submit,
    peer: &Peer,
    desk: &Desk,
) -> Result<(), StreamError> {
    let head = match admit(submit, peer, desk) {
        Ok(head) => head,
        Err(refused) => return refuse(stream, refused).await,
    };
    let homed = homed_here(&head, desk);
    if homed.is_empty() {
        desk.rates.refused(&head.header().sender, Instant::now());
        let none = refusal("POUCH-ADM-30", &"no recipient collects messages at this relay", None);
        return refuse(stream, none).await;
    }
    // Held until the message is stored: what is on its way counts.
    let mut place = match place(&head, desk).await {
        Ok(place) => place,
        Err(refused) => return refuse(stream, refused).await,
    };
    place.begins();
    stream.set_priority(place.class);
    let payload = stream.recv_payload(head.header().payload_len, as_u64(limits::PAYLOAD_BYTES)).await?;
    let accepting = desk.conduct.accepts(peer, head.header());
    if accepting != Accepting::Keep {
        return answer_unkept(stream, accepting, head, payload, homed, place, desk).await;
    }
    let (turn, bytes) = (turn_of(&head, desk), head.header().payload_len);
    let message = match head.with_payload(payload) {
        Ok(message) => message,
        Err(error) => {
            // Whoever sent all of a wrong payload spent what the message would have.
            place.spent();
            return refuse(stream, refusal(error.code(), &error, None)).await;
        }
    };
    let turn = desk.gate.enter(&turn, place.class, bytes).await;
    let done = commit(message, homed.clone(), &place, desk).await;
    // The answer may take as long as its reader likes.
    drop(turn);
    match done {
        Ok(accepted) => {
            place.spent();
            desk.switchboard.arrived(homed).await;
            desk.message_log.grown();
            stream.answer(&accepted).await
        }
        Err(refused) => refuse(stream, refused).await,
    }
}

async fn refuse(stream: Stream, refused: Refused) -> Result<(), StreamError> {
    debug!(code = &*refused.code, "submission refused");
    stream.refuse(&refused).await
}

fn admit(submit: Submit, peer: &Peer, desk: &Desk) -> Result<AdmittedHead, Refused> {
    let Peer::ContactPoint(owner) = peer else {
        return Err(refusal("POUCH-ADM-31", &"only contact points submit messages", None));
    };
    if desk.board.knows_no_time() {
        // Nothing that is signed can be dated; by the time that the sender asks again, witnesses said it.
        let words = "this relay has just begun, and does not know the time yet";
        return Err(refusal("POUCH-RLY-76", &words, Some(Duration::from_secs(1))));
    }
    let head = SealedHead::from_submit(submit).map_err(|error| refusal(error.code(), &error, None))?;
    if desk.conduct.defences().quotas
        && let Some(too_fast) = desk.rates.is_over(owner, head.header().precedence, Instant::now())
    {
        return Err(slower(owner, too_fast));
    }
    let directory = desk.directory.borrow().clone();
    head.admit(owner, &directory, desk.board.now()).map_err(|error| {
        // It cost the check of a signature.
        desk.rates.refused(owner, Instant::now());
        refusal(error.code(), &error, retry_after(&error, desk.board.hour()))
    })
}

/// A sender that is ahead of us may try again when we have caught up. What only our clock says is never
/// the last word: a relay whose clock is wrong must not make a sender give up.
fn retry_after(error: &Refusal, hour: Hour) -> Option<Duration> {
    let skew_s = limits::CLOCK_SKEW_MS_MAX / 1000;
    match error {
        Refusal::DirectoryAhead { .. } => Some(Duration::from_secs(1)),
        Refusal::FromTheFuture { .. } | Refusal::ExerciseNotBegun { .. } => Some(BY_THE_CLOCK),
        Refusal::Expired { late_s } if *late_s <= skew_s || hour != Hour::Confirmed => Some(BY_THE_CLOCK),
        _ => None,
    }
}

/// When a sender is asked to bring again what our clock kept out.
const BY_THE_CLOCK: Duration = Duration::from_secs(30);

fn homed_here(head: &AdmittedHead, desk: &Desk) -> Vec<ContactPoint> {
    let directory = desk.directory.borrow().clone();
    let view = directory.now_view();
    let here = |point: &ContactPoint| view.home_relays(point).iter().any(|relay| *relay.name == *desk.name);
    head.header().recipients.iter().map(|r| r.contact_point.clone()).filter(here).collect()
}

/// A message's place: in its sender's quotas, and in a class.
struct Place {
    class: Precedence,
    demotion: Option<Demotion>,
    taken: Option<Taken>,
    _on_its_way: Ticket,
}

impl Place {
    fn begins(&mut self) {
        if let Some(taken) = &mut self.taken {
            taken.begins();
        }
    }

    /// What it took stays taken.
    fn spent(self) {
        if let Some(taken) = self.taken {
            taken.spent();
        }
    }
}

async fn place(head: &AdmittedHead, desk: &Desk) -> Result<Place, Refused> {
    let header = head.header();
    let (sender, marked, bytes) = (&header.sender, header.precedence, head.bytes());
    let (ticket, coming) = desk.on_its_way.begin(sender, bytes);
    let defences = desk.conduct.defences();
    let mut place = Place { class: marked, demotion: None, taken: None, _on_its_way: ticket };
    if defences.quotas {
        // Before anything is asked of the store: what is marked flash, and is none, must not go first there.
        let taken = desk.rates.take(sender, marked, bytes, Instant::now());
        let taken = taken.map_err(|too_fast| slower(sender, too_fast))?;
        place.demotion = taken.demotion;
        place.class = taken.demotion.map_or(marked, |demotion| demotion.to);
        place.taken = Some(taken);
    }
    let store = store_for(place.class, desk);
    let mut burden = store.burden(head.id(), sender).await.map_err(|error| stored(&error))?;
    if burden.known {
        // What was accepted before adds nothing, and its sender needs the receipt that got lost. It takes no place
        // in its class again, but its bytes come, and are looked at.
        place.begins();
        (burden, place.taken) = (Burden::default(), None);
    }
    if defences.quotas {
        let quota = *desk.quota.borrow();
        quota.holds(&burden, &coming, place.class).map_err(|over| full(sender, over))?;
    }
    if !defences.precedence {
        (place.class, place.demotion) = (Precedence::Routine, None);
    }
    Ok(place)
}

/// What is a flash does not wait in the store's line.
fn store_for(class: Precedence, desk: &Desk) -> RelayStore {
    let urgent = class == Precedence::Flash && desk.conduct.defences().precedence;
    if urgent { desk.store.urgent() } else { desk.store.clone() }
}

/// Whose turn it takes.
fn turn_of(head: &AdmittedHead, desk: &Desk) -> ContactPoint {
    let header = head.header();
    // Without turns all are one sender: first come, first served.
    let all = header.recipients.iter().next().filter(|_| !desk.conduct.defences().turns);
    all.map_or_else(|| header.sender.clone(), |recipient| recipient.contact_point.clone())
}

fn full(sender: &ContactPoint, over: Over) -> Refused {
    let (code, who) = match over.member {
        false => ("POUCH-ADM-32", sender.to_string()),
        true => ("POUCH-ADM-60", format!("the offices of {} together", sender.member)),
    };
    let words = format!(
        "{who}: {} messages of {} bytes stored and not yet delivered; at most {} and {} are kept",
        over.stored.messages, over.stored.bytes, over.most.messages, over.most.bytes
    );
    refusal(code, &words, Some(WHEN_FULL))
}

/// When a sender whose quota is used up is asked to come again: somebody has to collect first.
const WHEN_FULL: Duration = Duration::from_secs(30);

fn slower(sender: &ContactPoint, too_fast: TooFast) -> Refused {
    let (code, who) = match too_fast.member {
        false => ("POUCH-ADM-61", sender.to_string()),
        true => ("POUCH-ADM-62", format!("the offices of {} together", sender.member)),
    };
    let words = format!("{who}: more bytes or messages than the rate allows; there is room again soon");
    refusal(code, &words, Some(too_fast.wait.max(SOONEST)))
}

/// Nobody is asked to come back sooner.
const SOONEST: Duration = Duration::from_millis(100);

async fn commit(
    message: Admitted,
    homed: Vec<ContactPoint>,
    place: &Place,
    desk: &Desk,
) -> Result<Accepted, Refused> {
    let envelope = message.id();
    let accepted_at = desk.board.now();
    let leaf = MessageLeaf { envelope, accepted_at }
        .to_bytes()
        .map_err(|error| refusal("POUCH-STO-90", &error, None))?;
    let parts = message.into_parts();
    let mut stanzas = Vec::new();
    for (addressee, stanza) in parts.header.recipients.iter().zip(parts.stanzas) {
        if homed.contains(&addressee.contact_point) {
            stanzas.push((addressee.contact_point.clone(), stanza));
        }
    }
    let stored_message = NewMessage {
        envelope,
        header: parts.header_bytes,
        signature: parts.signature.0.0,
        sender: parts.header.sender.clone(),
        // Without a demotion the class is what the sender marked, or all are alike.
        precedence: if place.demotion.is_some() { parts.header.precedence } else { place.class },
        demotion: place.demotion,
        not_after: parts.header.not_after,
        stanzas,
        payload: parts.payload,
        leaf,
        accepted_at,
    };
    let store = store_for(place.class, desk);
    let done = store.accept(stored_message).await.map_err(|error| stored(&error))?;
    receipt(envelope, done.index, done.accepted_at, done.demotion, desk)
}

fn receipt(
    envelope: EnvelopeId,
    index: u64,
    at: Timestamp,
    demotion: Option<Demotion>,
    desk: &Desk,
) -> Result<Accepted, Refused> {
    let receipt = desk
        .receipt(envelope, index, at, demotion)
        .and_then(|bytes| Blob::new(bytes).map_err(|_| "receipt too large"))
        .map_err(|error| refusal("POUCH-STO-90", &error, None))?;
    Ok(Accepted { receipt })
}

/// Answers as a relay does that does not keep its word, or not yet.
async fn answer_unkept(
    stream: Stream,
    accepting: Accepting,
    head: AdmittedHead,
    payload: Vec<u8>,
    homed: Vec<ContactPoint>,
    place: Place,
    desk: &Desk,
) -> Result<(), StreamError> {
    match promise(&head, desk).await {
        Ok(accepted) => stream.answer(&accepted).await?,
        Err(refused) => return refuse(stream, refused).await,
    }
    let Accepting::AnswerFirst(late) = accepting else { return Ok(()) };
    tokio::time::sleep(late).await;
    let Ok(message) = head.with_payload(payload) else { return Ok(()) };
    if commit(message, homed.clone(), &place, desk).await.is_ok() {
        place.spent();
        desk.switchboard.arrived(homed).await;
        desk.message_log.grown();
    }
    Ok(())
}

/// Its receipt.
async fn promise(head: &AdmittedHead, desk: &Desk) -> Result<Accepted, Refused> {
    let index = desk.store.leaf_count().await.map_err(|error| stored(&error))?;
    receipt(head.id(), index, desk.board.now(), None, desk)
}

fn stored(error: &StoreError) -> Refused {
    warn!(code = error.code(), "store");
    refusal(error.code(), error, Some(Duration::from_secs(5)))
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_relays_clock_says_is_not_the_last_word() {
        for not_yet in [
            Refusal::FromTheFuture { ahead_s: 10_000_000 },
            Refusal::ExerciseNotBegun { ahead_s: 1 },
            Refusal::Expired { late_s: 120 },
        ] {
            assert_eq!(retry_after(&not_yet, Hour::Confirmed), Some(BY_THE_CLOCK), "{not_yet}");
        }
        for final_word in [Refusal::Expired { late_s: 121 }, Refusal::BadSignature, Refusal::OtherNetwork] {
            assert_eq!(retry_after(&final_word, Hour::Confirmed), None, "{final_word}");
        }
        // A relay that is years ahead would make every sender give up.
        for hour in [Hour::Unheard, Hour::Disputed(Timestamp(0))] {
            assert_eq!(retry_after(&Refusal::Expired { late_s: 300_000_000 }, hour), Some(BY_THE_CLOCK));
            assert_eq!(retry_after(&Refusal::BadSignature, hour), None);
        }
    }
}
