//! Hands one recipient its messages: most urgent first, within one precedence in turn between the
//! senders. A message goes from the store only when the recipient says that it has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pouch_net::{RequestError, Session};
use pouch_store::Pending;
use pouch_wire::session::{Deliver, Taken};
use pouch_wire::{Blob, ContactPoint, EnvelopeId, Fixed, Precedence};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::run::Desk;

/// Messages under way to one recipient at a time; a flash does not wait for a place.
const UNDER_WAY: usize = 4;
/// However soon a recipient wants a message again.
const AGAIN_MIN: Duration = Duration::from_secs(1);
/// The longest rest of a message that a recipient cannot judge yet.
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// How many waiting messages are looked at to choose the next.
const WINDOW: u32 = 256;

/// Delivers until the session or the relay ends.
pub(crate) async fn deliver(
    recipient: ContactPoint,
    session: Session,
    wake: Arc<Notify>,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
) {
    let mut under_way: JoinSet<(EnvelopeId, Sent)> = JoinSet::new();
    // A sender's next message of one precedence follows when the one before was taken: side by side
    // they would overtake each other, and the recipient would miss what is only on its way.
    let mut busy: HashMap<EnvelopeId, (Precedence, ContactPoint)> = HashMap::new();
    let mut resting: HashMap<EnvelopeId, Rest> = HashMap::new();
    loop {
        let waiting = match desk.store.pending(&recipient, WINDOW).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(code = error.code(), "mailbox not read");
                return;
            }
        };
        let now = Instant::now();
        for next in in_turn(waiting) {
            let rests = resting.get(&next.envelope).is_some_and(|rest| rest.lasts_at(now));
            let line = (next.precedence, next.sender.clone());
            if rests || busy.values().any(|before| *before == line) {
                continue;
            }
            if under_way.len() >= UNDER_WAY && next.precedence != Precedence::Flash {
                break;
            }
            busy.insert(next.envelope, line);
            under_way.spawn(hand_over(next, recipient.clone(), session.clone(), desk.clone()));
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = session.closed() => return,
            () = wake.notified() => {}
            Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                if let Ok((envelope, sent)) = done {
                    busy.remove(&envelope);
                    match sent {
                        Sent::Taken => drop(resting.remove(&envelope)),
                        Sent::NotTaken { again } => resting.entry(envelope).or_default().begin(again),
                    }
                }
            }
            () = sleep_until(resting.values().filter_map(|rest| rest.ends_after(now)).min()) => {}
        }
    }
}

/// A message that was not taken: until when it is left alone. Without an end it is tried again on the
/// next session only.
#[derive(Debug, Default)]
struct Rest {
    times: u32,
    until: Option<Instant>,
}

impl Rest {
    /// It was not taken once more; each rest is longer than the one before.
    fn begin(&mut self, again: Option<Duration>) {
        self.times = self.times.saturating_add(1);
        let wait = again.map(|wait| wait.saturating_mul(self.times).min(AGAIN_MAX));
        self.until = wait.and_then(|wait| Instant::now().checked_add(wait));
    }

    fn lasts_at(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    fn ends_after(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

/// Waits until a moment, or for ever when there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => core::future::pending().await,
    }
}

/// Sorts waiting messages: precedence, then each sender's first, each sender's second, and so on.
fn in_turn(waiting: Vec<Pending>) -> Vec<Pending> {
    let mut turns: HashMap<(Precedence, ContactPoint), u64> = HashMap::new();
    let mut ranked: Vec<((Precedence, u64, u64), Pending)> = waiting
        .into_iter()
        .map(|message| {
            let turn = turns.entry((message.precedence, message.sender.clone())).or_default();
            let rank = (message.precedence, *turn, message.index);
            *turn = turn.saturating_add(1);
            (rank, message)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, message)| message).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Taken,
    NotTaken {
        /// When the recipient wants to be asked again, at the soonest [`AGAIN_MIN`] from now.
        again: Option<Duration>,
    },
}

async fn hand_over(
    message: Pending,
    recipient: ContactPoint,
    session: Session,
    desk: Arc<Desk>,
) -> (EnvelopeId, Sent) {
    let envelope = message.envelope;
    let sent = match attempt(&message, &recipient, &session, &desk).await {
        Ok(()) => Sent::Taken,
        Err(not_taken) => {
            info!(envelope = %envelope.short(), code = not_taken.code, "not taken");
            Sent::NotTaken { again: not_taken.again }
        }
    };
    (envelope, sent)
}

/// Why a recipient does not have a message yet.
struct NotTaken {
    code: String,
    again: Option<Duration>,
}

impl From<&'static str> for NotTaken {
    fn from(code: &'static str) -> Self {
        Self { code: code.to_owned(), again: None }
    }
}

impl From<RequestError> for NotTaken {
    fn from(error: RequestError) -> Self {
        let RequestError::Refused(refused) = error else { return error.code().into() };
        let wait = |millis| Duration::from_millis(u64::from(millis)).max(AGAIN_MIN);
        Self { code: refused.code.to_string(), again: refused.retry_after_ms.map(wait) }
    }
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
    desk.store.taken(envelope, recipient).await.map_err(|error| error.code())?;
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

    fn pending(sender: &str, precedence: Precedence, index: u64) -> Pending {
        Pending {
            envelope: EnvelopeId(Digest::new([u8::try_from(index).unwrap(); 32])),
            sender: sender.parse().unwrap(),
            precedence,
            index,
            payload_len: 0,
            not_after: Timestamp(0),
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_rests_longer_each_time_and_for_the_session_when_no_end_is_named() {
        let now = Instant::now();
        let mut rest = Rest::default();
        rest.begin(Some(Duration::from_secs(10)));
        assert!(rest.lasts_at(now + Duration::from_secs(9)) && !rest.lasts_at(now + Duration::from_secs(15)));
        rest.begin(Some(Duration::from_secs(10)));
        assert!(
            rest.lasts_at(now + Duration::from_secs(19)) && !rest.lasts_at(now + Duration::from_secs(25))
        );
        assert!(rest.ends_after(now).is_some_and(|until| !rest.lasts_at(until)));
        rest.begin(Some(Duration::MAX));
        assert!(!rest.lasts_at(now + AGAIN_MAX + Duration::from_secs(5)));
        rest.begin(None);
        assert!(rest.lasts_at(now + Duration::from_secs(1_000_000)));
        assert_eq!(rest.ends_after(now), None);
    }

    #[test]
    fn urgent_goes_first_and_no_sender_waits_for_all_of_another() {
        let order: Vec<u64> = in_turn(vec![
            pending("NL/technical", Precedence::Routine, 1),
            pending("NL/technical", Precedence::Routine, 2),
            pending("NL/technical", Precedence::Routine, 3),
            pending("MD/policy", Precedence::Routine, 4),
            pending("BA/policy", Precedence::Flash, 5),
        ])
        .iter()
        .map(|p| p.index)
        .collect();
        assert_eq!(order, [5, 1, 4, 2, 3]);
    }
}
