//! Hands one recipient its messages: most urgent first, within one class in turn between the senders, by
//! bytes. A message goes from the store only when the recipient says that it has it.

use std::collections::{BTreeMap, HashMap};
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
use crate::rounds::{Rounds, weight};
use crate::run::Desk;

/// Messages under way to one recipient at a time: flashes, immediate ones, all others. What is urgent has places
/// of its own: it does not wait for what is less so, nor may much of it fill the memory. Together they stay
/// below the streams that a peer allows, and below what a session keeps unacknowledged.
const UNDER_WAY: [usize; 3] = [4, 2, 4];
/// And of how many bytes together, of those that are larger than one piece, when there is more than one. The
/// others wait in the store: a recipient that takes nothing costs this much, and not what waits for it.
const BYTES_UNDER_WAY: u64 = 1024 * 1024;
/// What is no larger has room beside what is large: it must not wait until that is taken.
const SMALL: u64 = 64 * 1024;
/// How many waiting messages are looked at to choose the next: the first ones of every sender in every class.
const WINDOW: u32 = 4096;
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
    let mut turns = Turns { oldest_first: !desk.conduct.defences().turns, ..Turns::default() };
    loop {
        // A flash must not wait in the store's line before it is known to wait here.
        let waiting = match desk.store.urgent().first_of_each(&recipient, turns.each(), WINDOW).await {
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
        let now = Instant::now();
        for next in turns.choose(waiting, now) {
            under_way.spawn(hand_over(next, recipient.clone(), session.clone(), desk.clone()));
        }
        let again = turns.next_due(now);
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
    /// Whose turn it is, in each class.
    rounds: BTreeMap<Precedence, Rounds>,
    /// Nobody takes turns: whoever came first goes first.
    oldest_first: bool,
}

/// Which places a class has.
const fn places(class: Precedence) -> usize {
    match class {
        Precedence::Flash => 0,
        Precedence::Immediate => 1,
        Precedence::Priority | Precedence::Routine => 2,
    }
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
    /// How many of one sender in one class to look at: the one that is next, and one that is under way. What
    /// cannot be chosen now must not hide what can.
    fn each(&self) -> u32 {
        u32::try_from(self.later.len().saturating_add(2)).unwrap_or(u32::MAX)
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

    /// Takes what may go now out of what waits: each class before the next, each sender in its turn.
    fn choose(&mut self, waiting: Vec<Pending>, now: Instant) -> Vec<Pending> {
        let mut chosen = Vec::new();
        let mut classes: BTreeMap<Precedence, HashMap<ContactPoint, Pending>> = BTreeMap::new();
        for message in waiting {
            let is_due = self.later.get(&message.envelope).is_none_or(|later| later.due <= now);
            let before =
                |busy: &UnderWay| busy.precedence == message.precedence && busy.sender == message.sender;
            if is_due && !self.busy.values().any(before) {
                let heads = classes.entry(message.precedence).or_default();
                heads.entry(message.sender.clone()).or_insert(message);
            }
        }
        for (class, mut heads) in classes {
            // Who is passed over for want of room keeps its turn.
            let mut passed = Vec::new();
            while self.places_left(class)
                && let Some(sender) = self.next_of(class, &heads, &passed)
            {
                let Some(message) = heads.remove(&sender) else { break };
                if self.has_room(&message) {
                    let under_way = UnderWay { precedence: class, sender, bytes: message.payload_len };
                    self.busy.insert(message.envelope, under_way);
                    chosen.push(message);
                } else {
                    self.rounds.entry(class).or_default().not_now(&sender, weight(message.payload_len));
                    passed.push(sender);
                }
            }
        }
        chosen
    }

    fn next_of(
        &mut self,
        class: Precedence,
        heads: &HashMap<ContactPoint, Pending>,
        passed: &[ContactPoint],
    ) -> Option<ContactPoint> {
        if self.oldest_first {
            return heads.values().min_by_key(|message| message.index).map(|message| message.sender.clone());
        }
        let weights = heads.iter().map(|(sender, message)| (sender.clone(), weight(message.payload_len)));
        let (busy, rounds) = (&self.busy, self.rounds.entry(class).or_default());
        // Whoever has one under way comes again with its next.
        let stays = |sender: &ContactPoint| {
            let is_its = |busy: &UnderWay| busy.precedence == class && busy.sender == *sender;
            passed.contains(sender) || busy.values().any(is_its)
        };
        rounds.next(&weights.collect(), stays)
    }

    /// What is under way in the places that a class shares.
    fn alike(&self, class: Precedence) -> impl Iterator<Item = &UnderWay> {
        let place = places(class);
        self.busy.values().filter(move |busy| places(busy.precedence) == place)
    }

    fn places_left(&self, class: Precedence) -> bool {
        UNDER_WAY.get(places(class)).is_some_and(|most| self.alike(class).count() < *most)
    }

    /// Whether what is large still finds room; what is small does.
    fn has_room(&self, message: &Pending) -> bool {
        let sizes = self.alike(message.precedence).map(|busy| busy.bytes);
        let large = sizes.filter(|size| *size > SMALL).fold(0, u64::saturating_add);
        let all = large.saturating_add(message.payload_len);
        message.payload_len <= SMALL || large == 0 || all <= BYTES_UNDER_WAY
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

    /// When the next one is to be tried that could not go at `now`. What was due by then and did not go waits for a
    /// place, or is here no more.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let waits = self.later.iter().filter(|(envelope, _)| !self.busy.contains_key(*envelope));
        waits.map(|(_, later)| later.due).filter(|due| *due > now).min()
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
    let urgent = message.precedence == Precedence::Flash;
    let store = if urgent { desk.store.urgent() } else { desk.store.clone() };
    let parcel = match store.load(envelope, recipient).await {
        Ok(Some(parcel)) => parcel,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error.code().into()),
    };
    let receipt = desk.receipt(envelope, parcel.index, parcel.accepted_at, parcel.demotion);
    let receipt = receipt.map_err(|_| "POUCH-STO-90")?;
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
        store.taken(envelope, recipient).await.map_err(|error| error.code())?;
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
mod tests;
