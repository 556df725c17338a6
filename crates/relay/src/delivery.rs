//! Hands one recipient its messages: most urgent first, within one precedence in turn between the
//! senders. A message goes from the store only when the recipient says that it has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pouch_net::{CloseCode, RequestError, Session};
use pouch_store::{Mailboxes as _, Pending, StoreError};
use pouch_wire::session::{Deliver, Taken};
use pouch_wire::{Blob, ContactPoint, EnvelopeId, Fixed, Precedence};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::conduct::{Handing, Keeping};
use crate::run::Desk;

/// Messages under way to one recipient at a time. A flash has places of its own: it does not wait for
/// less urgent ones, nor may many of them fill the memory.
const UNDER_WAY: usize = 4;
/// And of how many bytes together, when there is more than one. The others wait in the store: a recipient
/// that takes nothing costs this much, and not what waits for it.
const BYTES_UNDER_WAY: u64 = 1024 * 1024;
/// How many waiting messages are looked at to choose the next.
const WINDOW: usize = 64;
/// How long a message that was not taken waits before it is tried again, at first and at most.
const AGAIN_MIN: Duration = Duration::from_secs(2);
const AGAIN_MAX: Duration = Duration::from_secs(300);

/// How far a rest grows that the recipient asked to be short: it expects to know more soon.
const AGAIN_ASKED: Duration = Duration::from_secs(60);

/// Delivers until the session or the relay ends.
pub(crate) async fn deliver(
    recipient: ContactPoint,
    session: Session,
    wake: Arc<Notify>,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
) {
    let mut under_way: JoinSet<(EnvelopeId, Result<(), NotTaken>)> = JoinSet::new();
    let mut turns = Turns::default();
    loop {
        let waiting = match desk.store.pending(&recipient, turns.window()).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(code = error.code(), "mailbox not read");
                // The recipient comes back, and it is read anew.
                session.close(CloseCode::Done, "the mailbox cannot be read");
                return;
            }
        };
        let waiting = match handed_over(waiting, &mut turns, &recipient, &desk).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(code = error.code(), "mailbox not read");
                session.close(CloseCode::Done, "the mailbox cannot be read");
                return;
            }
        };
        for next in turns.choose(waiting, Instant::now()) {
            under_way.spawn(hand_over(next, recipient.clone(), session.clone(), desk.clone()));
        }
        let again = turns.next_due();
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = session.closed() => return,
            () = wake.notified() => {}
            () = until(again), if again.is_some() => {}
            Some(done) = under_way.join_next(), if !under_way.is_empty() => match done {
                Ok((envelope, Ok(()))) => turns.taken(envelope),
                Ok((envelope, Err(not))) => turns.not_taken(envelope, not.retry_after, Instant::now()),
                Err(_) => {
                    session.close(CloseCode::Done, "a delivery ended unfinished");
                    return;
                }
            }
        }
    }
}

/// What of the waiting messages is handed over at all.
async fn handed_over(
    waiting: Vec<Pending>,
    turns: &mut Turns,
    recipient: &ContactPoint,
    desk: &Desk,
) -> Result<Vec<Pending>, StoreError> {
    let now = Instant::now();
    let mut going = Vec::with_capacity(waiting.len());
    for message in waiting {
        if !turns.could_come(message.envelope, now) {
            continue;
        }
        match desk.conduct.hands_over(recipient, &message) {
            Handing::Now => going.push(message),
            Handing::Hold(wait) => turns.hold(message.envelope, wait, now),
            Handing::Drop => desk.store.taken(message.envelope, recipient).await?,
        }
    }
    Ok(going)
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

/// What is under way to one recipient, and what waits to be tried again.
#[derive(Debug, Default)]
struct Turns {
    busy: HashMap<EnvelopeId, UnderWay>,
    later: HashMap<EnvelopeId, Later>,
}

/// A message under way. A sender's next message of one precedence follows when the one before was taken: side
/// by side they would overtake each other, and the recipient would miss what is only on its way.
#[derive(Debug)]
struct UnderWay {
    precedence: Precedence,
    sender: ContactPoint,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Later {
    due: Instant,
    waited: Duration,
}

impl Turns {
    /// How many waiting messages to look at: what cannot be chosen now must not hide what can.
    fn window(&self) -> u32 {
        let passed = self.busy.len().saturating_add(self.later.len());
        u32::try_from(WINDOW.saturating_add(passed)).unwrap_or(u32::MAX)
    }

    /// Whether a message neither is under way nor waits to be tried again.
    fn could_come(&self, envelope: EnvelopeId, now: Instant) -> bool {
        !self.busy.contains_key(&envelope) && self.later.get(&envelope).is_none_or(|later| later.due <= now)
    }

    /// It waits, and counts as not yet tried.
    fn hold(&mut self, envelope: EnvelopeId, wait: Duration, now: Instant) {
        let due = now.checked_add(wait).unwrap_or(now);
        self.later.insert(envelope, Later { due, waited: Duration::ZERO });
    }

    /// Takes what may go now out of what waits, in its order.
    fn choose(&mut self, waiting: Vec<Pending>, now: Instant) -> Vec<Pending> {
        let mut chosen = Vec::new();
        for message in waiting {
            let is_due = self.later.get(&message.envelope).is_none_or(|later| later.due <= now);
            let before =
                |busy: &UnderWay| busy.precedence == message.precedence && busy.sender == message.sender;
            let in_line = self.busy.values().any(before);
            if is_due && !in_line && self.has_place(&message) {
                let Pending { precedence, payload_len: bytes, .. } = message;
                let sender = message.sender.clone();
                self.busy.insert(message.envelope, UnderWay { precedence, sender, bytes });
                chosen.push(message);
            }
        }
        chosen
    }

    fn has_place(&self, message: &Pending) -> bool {
        let flash = message.precedence == Precedence::Flash;
        let alike = || self.busy.values().filter(move |busy| (busy.precedence == Precedence::Flash) == flash);
        let bytes = alike().map(|busy| busy.bytes).fold(message.payload_len, u64::saturating_add);
        let count = alike().count();
        count == 0 || (count < UNDER_WAY && bytes <= BYTES_UNDER_WAY)
    }

    fn taken(&mut self, envelope: EnvelopeId) {
        self.busy.remove(&envelope);
        self.later.remove(&envelope);
    }

    /// It is tried again, ever later, as long as it is kept: nobody else would bring it.
    fn not_taken(&mut self, envelope: EnvelopeId, asked: Option<Duration>, now: Instant) {
        self.busy.remove(&envelope);
        let waited = self.later.get(&envelope).map_or(AGAIN_MIN, |later| later.waited.saturating_mul(2));
        // No sooner than was asked, and ever later all the same: what cannot be judged for days must not
        // come every few seconds.
        let waited = asked.map_or(waited, |asked| asked.max(waited.min(AGAIN_ASKED)));
        let waited = waited.clamp(AGAIN_MIN, AGAIN_MAX);
        let due = now.checked_add(waited).unwrap_or(now);
        self.later.insert(envelope, Later { due, waited });
    }

    fn next_due(&self) -> Option<Instant> {
        let waits = self.later.iter().filter(|(envelope, _)| !self.busy.contains_key(*envelope));
        waits.map(|(_, later)| later.due).min()
    }
}

/// Why a message was not taken now.
#[derive(Debug, Clone, Copy)]
struct NotTaken {
    code: &'static str,
    /// When the recipient asked to be tried again.
    retry_after: Option<Duration>,
}

impl From<&'static str> for NotTaken {
    fn from(code: &'static str) -> Self {
        Self { code, retry_after: None }
    }
}

impl From<RequestError> for NotTaken {
    fn from(error: RequestError) -> Self {
        let retry_after = match &error {
            RequestError::Refused(refused) => refused.retry_after_ms,
            RequestError::NoAnswer { .. } | RequestError::Stream(_) => None,
        };
        let retry_after = retry_after.map(|ms| Duration::from_millis(u64::from(ms)));
        Self { code: error.code(), retry_after }
    }
}

async fn hand_over(
    message: Pending,
    recipient: ContactPoint,
    session: Session,
    desk: Arc<Desk>,
) -> (EnvelopeId, Result<(), NotTaken>) {
    let envelope = message.envelope;
    let sent = attempt(&message, &recipient, &session, &desk).await;
    if let Err(not) = &sent {
        info!(envelope = %envelope.short(), code = not.code, "not taken");
    }
    (envelope, sent)
}

async fn attempt(
    message: &Pending,
    recipient: &ContactPoint,
    session: &Session,
    desk: &Desk,
) -> Result<(), NotTaken> {
    let envelope = message.envelope;
    let parcel = match desk.store.load(envelope, recipient).await {
        Ok(Some(parcel)) => parcel,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error.code().into()),
    };
    let receipt = desk.receipt(envelope, parcel.index, parcel.accepted_at).map_err(|_| "POUCH-STO-90")?;
    let deliver = Deliver {
        header: Blob::new(parcel.header).map_err(|_| "POUCH-STO-90")?,
        signature: Fixed(parcel.signature),
        stanza: Blob::new(parcel.stanza).map_err(|_| "POUCH-STO-90")?,
        receipt: Blob::new(receipt).map_err(|_| "POUCH-STO-90")?,
    };
    let taken: Taken = session
        .request_with_payload(&deliver, &parcel.payload, message.precedence, time_for(parcel.payload.len()))
        .await?;
    if taken.envelope != envelope {
        return Err("POUCH-RLY-23".into());
    }
    if desk.conduct.forgets(recipient, message) == Keeping::Forget {
        desk.store.taken(envelope, recipient).await.map_err(|error| error.code())?;
    }
    debug!(envelope = %envelope.short(), "taken");
    Ok(())
}

/// How long a delivery may take: a minute, and the payload at 32 KiB/s.
fn time_for(payload: usize) -> Duration {
    let seconds = u64::try_from(payload / (32 * 1024)).unwrap_or(u64::MAX);
    Duration::from_secs(60_u64.saturating_add(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::{Digest, Timestamp};

    fn pending(n: u8, precedence: Precedence) -> Pending {
        Pending {
            envelope: id(n),
            sender: format!("NL/office-{n}").parse().unwrap(),
            precedence,
            index: u64::from(n),
            payload_len: 0,
            not_after: Timestamp(0),
        }
    }

    fn id(n: u8) -> EnvelopeId {
        EnvelopeId(Digest::new([n; 32]))
    }

    fn numbers(chosen: &[Pending]) -> Vec<u64> {
        chosen.iter().map(|message| message.index).collect()
    }

    #[test]
    fn a_flash_does_not_wait_for_a_place_and_many_do() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let routine: Vec<_> = (10..16).map(|n| pending(n, Precedence::Routine)).collect();
        assert_eq!(numbers(&turns.choose(routine.clone(), now)), [10, 11, 12, 13]);
        let flash: Vec<_> = (1..7).map(|n| pending(n, Precedence::Flash)).collect();
        let waiting = || [flash.clone(), routine.clone()].concat();
        assert_eq!(numbers(&turns.choose(waiting(), now)), [1, 2, 3, 4]);
        assert_eq!(numbers(&turns.choose(waiting(), now)), [0_u64; 0]);
        turns.taken(id(12));
        turns.taken(id(2));
        assert_eq!(numbers(&turns.choose(vec![flash[4].clone(), routine[4].clone()], now)), [5, 14]);
    }

    #[test]
    fn large_messages_go_one_by_one_and_the_rest_waits_in_the_store() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let sized = |n, precedence, payload_len| Pending { payload_len, ..pending(n, precedence) };
        let (half, whole) = (BYTES_UNDER_WAY / 2, BYTES_UNDER_WAY);
        let routine = |n, size| sized(n, Precedence::Routine, size);
        let waiting = || vec![routine(1, whole), routine(2, 1), routine(3, half), routine(4, half)];
        assert_eq!(numbers(&turns.choose(waiting(), now)), [1]);
        // A flash has its own room, also when it is as large.
        let flash = |n| sized(n, Precedence::Flash, whole);
        assert_eq!(numbers(&turns.choose(vec![flash(5), flash(6)], now)), [5]);
        turns.taken(id(1));
        assert_eq!(numbers(&turns.choose(waiting()[1..].to_vec(), now)), [2, 3]);
        turns.not_taken(id(2), None, now);
        turns.taken(id(3));
        assert_eq!(numbers(&turns.choose(vec![routine(4, half), routine(7, half)], now)), [4, 7]);
    }

    #[test]
    fn one_senders_messages_of_one_precedence_do_not_overtake_each_other() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let nl =
            |n, precedence| Pending { sender: "NL/technical".parse().unwrap(), ..pending(n, precedence) };
        let waiting = || {
            let flash = Precedence::Flash;
            vec![nl(1, flash), nl(2, flash), nl(3, Precedence::Routine), nl(4, Precedence::Routine)]
        };
        assert_eq!(numbers(&turns.choose(waiting(), now)), [1, 3]);
        turns.taken(id(1));
        assert_eq!(numbers(&turns.choose(waiting()[1..].to_vec(), now)), [2]);
        // One that is not taken waits alone: the others do not wait with it.
        turns.not_taken(id(3), None, now);
        assert_eq!(numbers(&turns.choose(waiting()[2..].to_vec(), now)), [4]);
    }

    #[test]
    fn what_was_not_taken_is_tried_again_without_other_traffic() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let waiting = || vec![pending(1, Precedence::Routine)];
        turns.choose(waiting(), now);
        assert_eq!(turns.next_due(), None, "nothing to wait for while it is under way");
        turns.not_taken(id(1), None, now);
        assert_eq!(turns.next_due(), Some(now + AGAIN_MIN));
        assert_eq!(numbers(&turns.choose(waiting(), now)), [0_u64; 0]);
        let due = now + AGAIN_MIN;
        assert_eq!(numbers(&turns.choose(waiting(), due)), [1]);
        turns.not_taken(id(1), None, due);
        assert_eq!(turns.next_due(), Some(due + AGAIN_MIN * 2), "ever later");
        turns.not_taken(id(1), Some(AGAIN_MIN), due);
        assert_eq!(turns.next_due(), Some(due + AGAIN_MIN * 4), "also when it is asked for soon");
        turns.not_taken(id(1), Some(Duration::from_secs(86_400)), due);
        assert_eq!(turns.next_due(), Some(due + AGAIN_MAX), "but not as late as somebody asks");
        turns.taken(id(1));
        assert_eq!(turns.next_due(), None);
    }

    #[test]
    fn messages_that_nobody_takes_do_not_hide_the_others() {
        let mut turns = Turns::default();
        let now = Instant::now();
        for n in 0..100 {
            turns.choose(vec![pending(n, Precedence::Immediate)], now);
            turns.not_taken(id(n), None, now);
        }
        assert!(turns.window() >= 101, "{}", turns.window());
        let stuck = (0..100).map(|n| pending(n, Precedence::Immediate));
        let waiting = stuck.chain([pending(200, Precedence::Routine)]).collect();
        assert_eq!(numbers(&turns.choose(waiting, now)), [200]);
    }
}
