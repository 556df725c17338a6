//! What this node says back to senders: sealed like any message, in its place in the sequence.

use std::sync::Arc;

use pouch_crypto::Domain;
use pouch_envelope::{Arrived, SignedReceipt, prove_sender};
use pouch_notice::{Content, RecipientReceipt, Route, Said, SealTo, sentences, usual_life_ms};
use pouch_store::{Inbox as _, Outbox as _, Outgoing};
use pouch_wire::{Blob, Canonical as _, ContactPoint, Environment, NoticeId, Precedence, Text, Timestamp};
use tracing::info;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::exercises::may_speak;
use crate::inbox::{self, Reading};
use crate::joint;

/// The second rung.
pub(crate) fn verified(notice: NoticeId, code: &str, desk: &Desk) -> Said {
    let believed = desk.believed.borrow();
    Said::Verified {
        notice,
        code: Text::new(code.to_owned()).unwrap_or_default(),
        directory_size: believed.size,
        directory_root: believed.root,
    }
}

/// The third rung.
pub(crate) fn acknowledged(
    notice: NoticeId,
    officer: &str,
    answer_by: Option<Timestamp>,
    note: Option<&str>,
) -> Result<Said, AgentError> {
    Ok(Said::Acknowledged {
        notice,
        officer: Text::new(officer.to_owned())?,
        sentence: Text::new(sentences::NO_CONCURRENCE)?,
        answer_by,
        note: note.map(|note| Text::new(note.to_owned())).transpose()?,
    })
}

/// Whether it is proved that a message's outside is its sender's.
pub(crate) fn is_by_its_sender(arrived: &Arrived, desk: &Desk) -> bool {
    let (directory, now) = (desk.directory(), (desk.clock)());
    prove_sender(arrived.header(), arrived.header_bytes(), &arrived.signature(), &directory, now).is_ok()
}

/// That this node refused a message, for the sender whose signature is on its outside; `None` when it is
/// not proved whose that is: nobody is told of what others sent in their name. The caller holds the
/// outgoing turn.
pub(crate) async fn seal_refusal(
    arrived: &Arrived,
    code: &str,
    desk: &Desk,
) -> Result<Option<Outgoing>, AgentError> {
    if !is_by_its_sender(arrived, desk) {
        return Ok(None);
    }
    let said = Said::Refused { code: Text::new(code.to_owned()).unwrap_or_default() };
    seal_receipt(arrived, said, desk).await
}

/// Seals a receipt for a message's sender; `None` when the sender cannot be sealed to now. The caller
/// holds the outgoing turn.
pub(crate) async fn seal_receipt(
    arrived: &Arrived,
    said: Said,
    desk: &Desk,
) -> Result<Option<Outgoing>, AgentError> {
    let header = arrived.header();
    let now = (desk.clock)();
    let receipt = RecipientReceipt { network: desk.network, envelope: arrived.id(), at: now, said };
    let bytes = receipt.to_bytes()?;
    // Where this office cannot speak any more, it says nothing.
    let Ok(key) = may_speak(header.environment, desk) else { return Ok(None) };
    let signature = key.sign(Domain::Receipt, &desk.context(header.environment), &bytes);
    let signed = SignedReceipt { receipt: Blob::new(bytes)?, key: key.public().id(), signature };
    let precedence = less_urgent(arrived.demotion(&desk.directory()).map_or(header.precedence, |d| d.to));
    let Some(route) = route(desk, header.environment, precedence, now, None) else { return Ok(None) };
    let Some(recipients) = seal_to(desk, std::slice::from_ref(&header.sender), header.environment).await?
    else {
        info!("the sender of a message cannot be sealed to; no receipt");
        return Ok(None);
    };
    outgoing(&Content::Receipt(signed), &route, &recipients, (None, None), desk).map(Some)
}

/// A confirmation is one class less urgent than what it confirms was carried. Relays cannot tell it from a
/// notice, and count what is urgent: whoever sends this node many flashes must not use up its own.
const fn less_urgent(than: Precedence) -> Precedence {
    match than {
        Precedence::Flash => Precedence::Immediate,
        Precedence::Immediate => Precedence::Priority,
        Precedence::Priority | Precedence::Routine => Precedence::Routine,
    }
}

/// Sends the receipts that could not be sent before, to those who can be sealed to now.
pub(crate) async fn pay_owed(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let now = (desk.clock)();
    for owed in desk.store.owed(OWED_AT_ONCE).await? {
        let directory = desk.directory();
        if directory.now_view().prekeys(&owed.sender, owed.environment, now).is_empty() {
            continue;
        }
        let Some(row) = desk.store.arrival(owed.envelope).await? else { continue };
        let Reading::Verified(notice) = inbox::read(&row, desk).await else { continue };
        let said = verified(notice.notice_id(), notice.verdict().code(), desk);
        let _turn = desk.outgoing.lock().await;
        if let Some(receipt) = seal_receipt(notice.arrived(), said, desk).await? {
            desk.store.pay(row.envelope, receipt).await?;
            desk.wake_outbox();
        }
    }
    Ok(())
}

/// How many owed receipts are looked at, at a time.
const OWED_AT_ONCE: u32 = 64;

/// Where a message of this node goes from; `None` when this node's key does not speak now.
pub(crate) fn route(
    desk: &Desk,
    environment: Environment,
    precedence: Precedence,
    created: Timestamp,
    not_after: Option<Timestamp>,
) -> Option<Route> {
    let believed = desk.believed.borrow().clone();
    let key = desk.key_in(environment)?.public().id();
    let newest = believed.directory.size();
    let view = believed.directory.now_view();
    // While a new key waits to be taken into use, the directory in which ours was current is cited.
    let directory_size = match view.may_sign(&desk.me, environment, key) {
        Ok(_) => newest,
        Err(_) => last_current(&believed.directory, desk, environment)?,
    };
    let usual = Timestamp(created.0.saturating_add(usual_life_ms(precedence)));
    Some(Route {
        network: desk.network,
        environment,
        sender: desk.me.clone(),
        directory_size,
        directory_root: believed.directory.root_at(directory_size)?,
        precedence,
        created,
        not_after: not_after.unwrap_or(usual),
    })
}

/// The newest size at which this node's key was the office's.
fn last_current(
    directory: &pouch_directory::Directory,
    desk: &Desk,
    environment: Environment,
) -> Option<u64> {
    let key = desk.key_in(environment)?.public();
    let view = directory.now_view();
    let history = view.key_history(&desk.me, environment);
    history.into_iter().rev().find(|period| period.key == key)?.until_index
}

/// A prekey and a place in the sequence for each recipient; `None` when one cannot be sealed to.
pub(crate) async fn seal_to(
    desk: &Desk,
    recipients: &[ContactPoint],
    environment: Environment,
) -> Result<Option<Vec<SealTo>>, AgentError> {
    let directory = desk.directory();
    let now = (desk.clock)();
    let places = desk.store.reserve(recipients.to_vec(), environment).await?;
    let mut found = Vec::new();
    for place in places {
        let view = directory.now_view();
        let Some(prekey) = view.prekeys(&place.recipient, environment, now).into_iter().next() else {
            return Ok(None);
        };
        found.push(SealTo {
            recipient: place.recipient,
            prekey: prekey.public.id(),
            public: prekey.public.clone(),
            epoch: place.epoch,
            n: place.n,
            previous: place.previous,
        });
    }
    Ok(Some(found))
}

/// Seals content and makes it ready for the outbox.
pub(crate) fn outgoing(
    content: &Content,
    route: &Route,
    recipients: &[SealTo],
    (notice, concerns): (Option<NoticeId>, Option<NoticeId>),
    desk: &Desk,
) -> Result<Outgoing, AgentError> {
    let key = desk.key_in(route.environment).ok_or(AgentError::NotJoined)?;
    let (sealed, secrets) =
        pouch_notice::seal_with_secrets(content, route, recipients, &key, &mut rand::rng())?;
    let envelope = sealed.id();
    // Who can open its own notice again proves what it sent, as every recipient does.
    let secret = match (content, secrets.first()) {
        (Content::Notice { .. }, Some(secret)) => {
            let bytes = zeroize::Zeroizing::new(secret.to_bytes()?);
            desk.vault.wrap(&joint::secret_of(envelope), &bytes, &mut rand::rng())?
        }
        _ => Vec::new(),
    };
    let kept = match content {
        Content::Notice { .. } => zeroize::Zeroizing::new(content.to_bytes()?),
        Content::Receipt(_) => zeroize::Zeroizing::default(),
    };
    let sequence = recipients
        .iter()
        .map(|to| pouch_store::Sequence {
            recipient: to.recipient.clone(),
            epoch: to.epoch,
            n: to.n,
            previous: to.previous,
        })
        .collect();
    Ok(Outgoing {
        envelope,
        environment: route.environment,
        notice,
        sealed: sealed.to_bytes()?,
        sequence,
        concerns,
        secret,
        precedence: route.precedence,
        created: route.created,
        not_after: route.not_after,
        wrapped: desk.vault.wrap(envelope.as_bytes(), &kept, &mut rand::rng())?,
        keys: Vec::new(),
        events: Vec::new(),
    })
}
