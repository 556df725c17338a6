//! Sending: every message goes to each home relay of each recipient, again and again until a relay has
//! it on durable storage; the node keeps its copy until the recipient confirms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_envelope::{Header, SignedReceipt};
use pouch_net::{RequestError, Session};
use pouch_notice::SealedOut;
use pouch_store::{OutgoingRow, Rung, RungRow};
use pouch_wire::session::Accepted;
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, Environment};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::desk::{Desk, request_code};
use crate::error::AgentError;
use crate::events::Happening;

/// How often waiting messages are tried without being told.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// Sends what waits, until the node ends.
pub(crate) async fn serve(
    desk: Arc<Desk>,
    mut wake: mpsc::Receiver<()>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut every = tokio::time::interval(TRY_EVERY);
    let mut links = desk.links.clone();
    let mut overdue_told = BTreeSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            woken = wake.recv() => if woken.is_none() { return Ok(()) },
            changed = links.changed() => if !changed { return Ok(()) },
            _ = every.tick() => {}
        }
        for line in desk.links.all() {
            if let Some(session) = line.session {
                send_through(&line.relay, &session, &desk).await?;
            }
        }
        overdue(&desk, &mut overdue_told).await?;
    }
}

async fn send_through(relay: &str, session: &Session, desk: &Arc<Desk>) -> Result<(), AgentError> {
    for row in desk.store.uncarried(relay, (desk.clock)()).await? {
        if !collects_here(&row, relay, desk) {
            continue;
        }
        match submit(&row, session).await {
            Ok(accepted) => carried(&row, relay, &accepted, desk).await?,
            Err(RequestError::Refused(refused)) if refused.retry_after_ms.is_none() => {
                refused_for_good(&row, relay, &refused.code, &refused.reason, desk).await?;
            }
            Err(error) => {
                info!(relay, code = request_code(&error), "not accepted yet");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether any recipient collects its messages at this relay.
fn collects_here(row: &OutgoingRow, relay: &str, desk: &Desk) -> bool {
    let directory = desk.directory();
    let view = directory.now_view();
    let Ok(sealed) = SealedOut::from_bytes(&row.sealed) else { return false };
    let Ok(header) = Header::from_bytes(sealed.header_bytes()) else { return false };
    let at = |point: &ContactPoint| view.home_relays(point).iter().any(|home| *home.name == *relay);
    header.recipients.iter().any(|addressee| at(&addressee.contact_point))
}

async fn submit(row: &OutgoingRow, session: &Session) -> Result<SignedReceipt, RequestError> {
    let damaged = || RequestError::from(pouch_net::SessionError::ClosedHere);
    let sealed = SealedOut::from_bytes(&row.sealed).map_err(|_| damaged())?;
    let seconds =
        60_u64.saturating_add(u64::try_from(sealed.payload().len() / (32 * 1024)).unwrap_or(u64::MAX));
    let within = Duration::from_secs(seconds);
    let accepted: Accepted =
        session.request_with_payload(&sealed.submit(), sealed.payload(), row.precedence, within).await?;
    SignedReceipt::from_bytes(&accepted.receipt).map_err(|_| damaged())
}

async fn carried(
    row: &OutgoingRow,
    relay: &str,
    signed: &SignedReceipt,
    desk: &Desk,
) -> Result<(), AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let context = directory.context(Environment::Live);
    let receipt = view.relay(relay).and_then(|relay| signed.accepted(&relay.receipts, &context).ok());
    let Some(receipt) = receipt.filter(|receipt| receipt.envelope == row.envelope) else {
        warn!(relay, "a relay's receipt is not its own, or for another message");
        return Ok(());
    };
    desk.store.carried(row.envelope, relay, Some(signed.to_bytes()?), receipt.at).await?;
    let words = format!("message {} accepted by {relay}", row.envelope.short());
    desk.tell(Happening::new(EventKind::Progress, "", words).of(row.envelope)).await
}

async fn refused_for_good(
    row: &OutgoingRow,
    relay: &str,
    code: &str,
    reason: &str,
    desk: &Desk,
) -> Result<(), AgentError> {
    desk.store.carried(row.envelope, relay, None, (desk.clock)()).await?;
    for rung in desk.store.ladder(row.envelope).await? {
        if rung.rung == Rung::Queued {
            let refused = RungRow {
                rung: Rung::Refused,
                at: Some((desk.clock)()),
                detail: Some(format!("{code} by {relay}")),
                ..rung
            };
            desk.store.climb(row.envelope, refused).await?;
        }
    }
    let words = format!(
        "message {} was refused by {relay}: {}",
        row.envelope.short(),
        pouch_notice::visible(reason, true)
    );
    let mut happening = Happening::new(EventKind::Progress, "", words).of(row.envelope);
    happening.code = code.to_owned();
    desk.tell(happening).await
}

/// Tells once of every recipient whose confirmation is late for its precedence.
async fn overdue(desk: &Desk, told: &mut BTreeSet<(EnvelopeId, ContactPoint)>) -> Result<(), AgentError> {
    let now = (desk.clock)();
    for row in desk.store.outbox(LOOK_BACK).await? {
        if now.since(row.created) < row.precedence.confirm_within() {
            continue;
        }
        let late: BTreeMap<ContactPoint, Rung> = desk
            .store
            .ladder(row.envelope)
            .await?
            .into_iter()
            .filter(|r| r.rung < Rung::Verified)
            .map(|r| (r.recipient, r.rung))
            .collect();
        for recipient in late.into_keys() {
            if told.insert((row.envelope, recipient.clone())) {
                let words = format!("no confirmation from {recipient}: use the telephone");
                let mut happening =
                    Happening::new(EventKind::Overdue, "POUCH-AGT-20", words).of(row.envelope);
                happening.precedence = Some(row.precedence);
                desk.tell(happening).await?;
            }
        }
    }
    Ok(())
}

/// How many of the newest notices are looked at for late confirmations.
const LOOK_BACK: u32 = 200;
