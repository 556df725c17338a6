//! Sending: every message goes to each home relay of each recipient, again and again until a relay has
//! it on durable storage; the node keeps its copy until the recipient confirms.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::View;
use pouch_envelope::SignedReceipt;
use pouch_net::{RequestError, Session};
use pouch_notice::SealedOut;
use pouch_store::{Carriage, Ladder as _, Outbox as _, Rung, RungRow};
use pouch_wire::session::Accepted;
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, Environment, Precedence};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::demoted;
use crate::desk::{Desk, request_code};
use crate::error::AgentError;
use crate::events::Happening;
use crate::exercises;
use crate::sends::Sends;

/// How often waiting messages are tried without being told.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// One message to one relay.
#[derive(Debug)]
struct Submission {
    relay: String,
    /// The relay's epoch when it was sent.
    epoch: u64,
    envelope: EnvelopeId,
    environment: Environment,
    precedence: Precedence,
    /// Those of its recipients who collect at this relay.
    homed: Vec<ContactPoint>,
}

type Answered = (Submission, Result<SignedReceipt, NotSent>);

/// Sends what waits, until the node ends.
pub(crate) async fn serve(
    desk: Arc<Desk>,
    mut wake: mpsc::Receiver<()>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut every = tokio::time::interval(TRY_EVERY);
    let mut links = desk.links.clone();
    let (mut overdue_told, mut late) = (BTreeSet::new(), None);
    let mut sends = Sends::default();
    let mut sessions: HashMap<String, u64> = HashMap::new();
    let mut under_way: JoinSet<Answered> = JoinSet::new();
    loop {
        let due = sends.next_due();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            woken = wake.recv() => if woken.is_none() { return Ok(()) },
            changed = links.changed() => if !changed { return Ok(()) },
            _ = every.tick() => late = survivable(overdue(&desk, &mut overdue_told).await)?,
            () = until(late), if late.is_some() => late = survivable(overdue(&desk, &mut overdue_told).await)?,
            () = until(due), if due.is_some() => {}
            Some(answered) = under_way.join_next(), if !under_way.is_empty() => {
                let answered = answered.map_err(|_| AgentError::Damaged("a submission ended".into()))?;
                heard(answered, &mut sends, &desk).await?;
            }
        }
        for line in desk.links.all() {
            if let Some(session) = line.session {
                if sessions.insert(line.relay.name.clone(), session.id()) != Some(session.id()) {
                    sends.is_back(&line.relay.name);
                }
                let line = (line.relay.name.as_str(), line.epoch);
                survivable(send_through(line, &session, &desk, &mut sends, &mut under_way).await)?;
            }
        }
        sends.forget_due(Instant::now());
    }
}

/// What did not work is tried again soon, unless nothing can be stored any more.
fn survivable<T: Default>(done: Result<T, AgentError>) -> Result<T, AgentError> {
    match done {
        Err(error) if !error.is_fatal() => {
            error!(code = error.code(), "the outbox is tried again");
            Ok(T::default())
        }
        other => other,
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

async fn send_through(
    (relay, epoch): (&str, u64),
    session: &Session,
    desk: &Arc<Desk>,
    sends: &mut Sends,
    under_way: &mut JoinSet<Answered>,
) -> Result<(), AgentError> {
    let directory = desk.directory();
    for row in desk.store.uncarried(relay, epoch, (desk.clock)()).await? {
        let homed = homed_at(relay, row.waiting, &directory.now_view());
        let environment = row.environment;
        if !homed.is_empty() && sends.begin(relay, row.envelope, row.precedence, &homed, Instant::now()) {
            let (envelope, precedence) = (row.envelope, row.precedence);
            let submission =
                Submission { relay: relay.to_owned(), epoch, envelope, environment, precedence, homed };
            under_way.spawn(submit(submission, session.clone(), desk.clone()));
        }
    }
    Ok(())
}

/// Those who collect their messages at this relay.
fn homed_at(relay: &str, mut points: Vec<ContactPoint>, view: &View<'_>) -> Vec<ContactPoint> {
    points.retain(|point| view.home_relays(point).iter().any(|home| *home.name == *relay));
    points
}

/// Why a message was not sent.
#[derive(Debug)]
enum NotSent {
    /// The relay did not take it.
    Relay(RequestError),
    /// The node's own copy cannot be read.
    Own(AgentError),
}

async fn submit(submission: Submission, session: Session, desk: Arc<Desk>) -> Answered {
    let answer = attempt(submission.envelope, &session, &desk).await;
    (submission, answer)
}

async fn attempt(envelope: EnvelopeId, session: &Session, desk: &Desk) -> Result<SignedReceipt, NotSent> {
    let own = |error: AgentError| NotSent::Own(error);
    let damaged = || own(AgentError::Damaged(format!("sent message {}", envelope.short())));
    let row = desk.store.outgoing(envelope).await.map_err(|error| own(error.into()))?;
    let row = row.filter(|row| !row.damaged).ok_or_else(damaged)?;
    let sealed = SealedOut::from_bytes(&row.sealed).map_err(|_| damaged())?;
    let seconds =
        60_u64.saturating_add(u64::try_from(sealed.payload().len() / (32 * 1024)).unwrap_or(u64::MAX));
    let within = Duration::from_secs(seconds);
    let accepted: Accepted = session
        .request_with_payload(&sealed.submit(), sealed.payload(), row.precedence, within)
        .await
        .map_err(NotSent::Relay)?;
    SignedReceipt::from_bytes(&accepted.receipt)
        .map_err(|_| NotSent::Relay(pouch_net::SessionError::ClosedHere.into()))
}

/// Keeps what a relay answered, or when to ask it again.
async fn heard(answered: Answered, sends: &mut Sends, desk: &Desk) -> Result<(), AgentError> {
    let (submission, answer) = answered;
    let quota = match &answer {
        Err(NotSent::Relay(RequestError::Refused(refused))) if demoted::is_quota(refused) => {
            Some(refused.clone())
        }
        _ => None,
    };
    let again = match keep(&submission, answer, desk).await {
        Err(error) if error.is_fatal() => return Err(error),
        Err(error) => {
            let envelope = submission.envelope.short();
            error!(envelope, code = error.code(), "a message or its receipt cannot be kept or read");
            Again::After(Some(PATIENCE))
        }
        Ok(again) => again,
    };
    let Submission { relay, envelope, .. } = &submission;
    match again {
        Again::Never => sends.done(relay, *envelope),
        Again::After(wait) => {
            let first = sends.put_off(relay, *envelope, wait, Instant::now());
            if let Some(refused) = quota.filter(|_| first) {
                return waits_for_room(&submission, &refused, desk).await;
            }
        }
    }
    Ok(())
}

/// Tells once that a relay does not take a message yet: this node has too much there already.
async fn waits_for_room(
    submission: &Submission,
    refused: &pouch_wire::session::Refused,
    desk: &Desk,
) -> Result<(), AgentError> {
    let Submission { relay, envelope, environment, .. } = submission;
    let (code, reason) = (&*refused.code, &*refused.reason);
    let words = format!("message {} waits here, {relay} has no room: {code} {reason}", envelope.short());
    let words = pouch_notice::visible(&words, true);
    let happening = Happening::new(EventKind::Progress, "POUCH-AGT-71", words).of(*envelope);
    desk.tell(happening.within(*environment, desk)).await
}

/// When a relay is asked again.
enum Again {
    Never,
    /// After so long, or the usual wait.
    After(Option<Duration>),
}

async fn keep(
    submission: &Submission,
    answer: Result<SignedReceipt, NotSent>,
    desk: &Desk,
) -> Result<Again, AgentError> {
    match answer {
        Ok(receipt) if carried(submission, &receipt, desk).await? => Ok(Again::Never),
        Ok(_) => Ok(Again::After(Some(PATIENCE))),
        Err(NotSent::Relay(RequestError::Refused(refused))) => match refused.retry_after_ms {
            None => {
                refused_for_good(submission, &refused.code, &refused.reason, desk).await?;
                Ok(Again::Never)
            }
            Some(ms) => Ok(Again::After(Some(Duration::from_millis(u64::from(ms))))),
        },
        Err(NotSent::Relay(error)) => {
            info!(relay = submission.relay, code = request_code(&error), "not accepted yet");
            Ok(Again::After(None))
        }
        Err(NotSent::Own(error)) => Err(error),
    }
}

/// Keeps a relay's receipt; `false` when it is none.
async fn carried(submission: &Submission, signed: &SignedReceipt, desk: &Desk) -> Result<bool, AgentError> {
    let Submission { relay, epoch, envelope, environment, precedence, homed } = submission;
    let directory = desk.directory();
    let view = directory.now_view();
    let context = directory.context(Environment::Live);
    let receipt = view.relay(relay).and_then(|relay| signed.accepted(&relay.receipts, &context).ok());
    let Some(receipt) = receipt.filter(|receipt| receipt.envelope == *envelope) else {
        warn!(relay, "a relay's receipt is not its own, or for another message");
        return Ok(false);
    };
    let bytes = Some(signed.to_bytes()?);
    desk.store.carried(*envelope, (relay, *epoch), homed.clone(), bytes, receipt.at).await?;
    let words = format!("message {} accepted by {relay}", envelope.short());
    let happening = Happening::new(EventKind::Progress, "", words).of(*envelope);
    desk.tell(happening.within(*environment, desk)).await?;
    if let Some(demotion) = signed.demotion() {
        let why = demoted::words(relay, *precedence, &demotion);
        let words = format!("message {} is {why}", envelope.short());
        let happening = Happening::new(EventKind::Progress, "POUCH-AGT-70", words).of(*envelope);
        desk.tell(happening.within(*environment, desk)).await?;
    }
    Ok(true)
}

/// A relay will never take it. Only a recipient none of whose relays will is given up: one relay alone
/// must not be able to stop what another would deliver.
async fn refused_for_good(
    submission: &Submission,
    code: &str,
    reason: &str,
    desk: &Desk,
) -> Result<(), AgentError> {
    let Submission { relay, epoch, envelope, environment, homed, .. } = submission;
    desk.store.carried(*envelope, (relay, *epoch), homed.clone(), None, (desk.clock)()).await?;
    let said = desk.store.carriages(*envelope).await?;
    let directory = desk.directory();
    for rung in desk.store.ladder(*envelope).await? {
        let home: Vec<&str> =
            directory.now_view().home_relays(&rung.recipient).iter().map(|relay| &*relay.name).collect();
        if rung.rung == Rung::Queued && all_refused(&home, &said) {
            let refused = RungRow {
                rung: Rung::Refused,
                at: Some((desk.clock)()),
                detail: Some(pouch_notice::visible(&format!("{code} by {relay}"), true)),
                ..rung
            };
            desk.store.climb(*envelope, refused).await?;
        }
    }
    let words = format!(
        "message {} was refused by {relay}: {}",
        envelope.short(),
        pouch_notice::visible(reason, true)
    );
    let mut happening = Happening::new(EventKind::Progress, "", words).of(*envelope);
    happening.code = code.to_owned();
    desk.tell(happening.within(*environment, desk)).await
}

fn all_refused(home: &[&str], said: &[Carriage]) -> bool {
    let refused = |relay: &&str| said.iter().any(|c| c.relay == **relay && c.receipt.is_none());
    !home.is_empty() && home.iter().all(refused)
}

/// Tells once of every recipient whose confirmation is late for its precedence; when the next one will be late, if
/// that is before it is looked again.
async fn overdue(
    desk: &Desk,
    told: &mut BTreeSet<(EnvelopeId, ContactPoint)>,
) -> Result<Option<Instant>, AgentError> {
    let now = (desk.clock)();
    let mut late = desk.store.overdue(now.after(TRY_EVERY)).await?;
    // In an exercise that is over nobody can confirm any more.
    late.retain(|row| exercises::may_speak(row.environment, desk).is_ok());
    let soon = late.split_off(late.partition_point(|row| row.due <= now));
    let next = soon.first().and_then(|row| Instant::now().checked_add(row.due.since(now)));
    let still: BTreeSet<_> = late.iter().map(|row| (row.envelope, row.recipient.clone())).collect();
    told.retain(|one| still.contains(one));
    for row in late {
        if told.insert((row.envelope, row.recipient.clone())) {
            let words = format!("no confirmation from {}: use the telephone", row.recipient);
            let mut happening = Happening::new(EventKind::Overdue, "POUCH-AGT-20", words).of(row.envelope);
            happening.precedence = Some(row.precedence);
            desk.tell(happening.within(row.environment, desk)).await?;
        }
    }
    Ok(next)
}

/// How long a message waits that something other than the network keeps.
const PATIENCE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Timestamp;

    fn said(relay: &str, accepted: bool) -> Carriage {
        Carriage { relay: relay.to_owned(), receipt: accepted.then(Vec::new), at: Timestamp(0) }
    }

    #[test]
    fn one_relay_alone_cannot_stop_a_message() {
        let home = ["a", "b"];
        assert!(!all_refused(&home, &[said("a", false)]));
        assert!(!all_refused(&home, &[said("a", false), said("b", true)]));
        assert!(
            !all_refused(&home, &[said("a", false), said("c", false)]),
            "a stranger's word does not count"
        );
        assert!(all_refused(&home, &[said("a", false), said("b", false)]));
        assert!(!all_refused(&[], &[said("a", false)]), "whoever has no relay may get one");
    }
}
