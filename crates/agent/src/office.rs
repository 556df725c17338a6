//! Answers the node's users on the local socket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pouch_control::{Answer, Bytes, Call, Compose, Connection, EventKind, Refusal, Server};
use pouch_crypto::sha256;
use pouch_envelope::Arrived;
use pouch_net::RequestError;
use pouch_notice::EvidenceFile;
use pouch_store::{ArrivalEntry, Inbox as _, Mirror as _};
use pouch_wire::session::{LogName, Proof, ReadProof};
use pouch_wire::{Canonical as _, EnvelopeId, Environment, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::compose;
use crate::courier;
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::exercises;
use crate::inbox::{self, Reading};
use crate::joint::{self, Proofs};
use crate::receipts;
use crate::reconfirm;
use crate::refusals::{Failed, not_found, refusal};
use crate::rejudge;
use crate::signing;
use crate::views;

/// Users at a time.
const USERS_MAX: usize = 64;

/// Serves users until the node ends.
pub(crate) async fn serve(
    server: Server,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut users: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            Some(_) = users.join_next(), if !users.is_empty() => {}
            accepted = server.accept(), if users.len() < USERS_MAX => match accepted {
                Ok(connection) => {
                    users.spawn(user(connection, desk.clone()));
                }
                Err(error) => debug!(%error, "local socket"),
            },
        }
    }
}

async fn user(mut connection: Connection, desk: Arc<Desk>) {
    let call = match connection.call().await {
        Ok(Some(call)) => call,
        Ok(None) => return,
        Err(error) => {
            let refused = refusal("POUCH-AGT-42", 2, format!("not a call: {error}"), "", "");
            connection.answer(&Answer::Refused(refused)).await.ok();
            return;
        }
    };
    if let Call::Watch { after } = call {
        watch(&mut connection, after, &desk).await;
        return;
    }
    let answer = answer(call, &desk).await.unwrap_or_else(|failed| Answer::Refused(failed.into_refusal()));
    // The user may have gone.
    connection.answer(&answer).await.ok();
}

async fn answer(call: Call, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    Ok(match call {
        Call::Status => Answer::Status(Box::new(views::status(desk).await?)),
        Call::Send(asked) => send_at_once(*asked, desk).await?,
        Call::Draft(asked) => {
            let waiting = compose::compose(*asked, desk).await?;
            compose::keep(&waiting, desk).await?;
            Answer::Draft(Box::new(views::draft(&waiting, desk)))
        }
        Call::Drafts => {
            Answer::Drafts(compose::waiting(desk).await?.iter().map(|w| views::draft(w, desk)).collect())
        }
        Call::ShowDraft { id } => {
            Answer::Draft(Box::new(views::draft(&compose::one(&id, desk).await?, desk)))
        }
        Call::Approve { id, officer, signature } => {
            let waiting = compose::approve(&id, officer, &signature.0, desk).await?;
            Answer::Draft(Box::new(views::draft(&waiting, desk)))
        }
        Call::Release { id } => send(compose::to_release(&id, desk).await?, desk).await?,
        Call::Inbox(selection) => Answer::Inbox(views::inbox(&selection, desk).await?),
        Call::Outbox(selection) => Answer::Outbox(views::outbox(&selection, desk).await?),
        Call::Show { id } => Answer::Notice(Box::new(views::show(&id, desk).await?)),
        Call::Attachment { id, index } => attachment(&id, index, desk).await?,
        Call::Acknowledge { id, officer, answer_by, note } => {
            acknowledge(&id, &officer, answer_by, note.as_deref(), desk).await?
        }
        Call::Directory => Answer::Directory(Box::new(views::directory(desk))),
        Call::DirectoryLog { from, count } => Answer::DirectoryLog(views::entries(from, count, desk).await?),
        Call::DirectoryEntries { from } => Answer::DirectoryEntries(views::raw_entries(from, desk).await?),
        Call::Forks => Answer::Forks(Box::new(views::disputes(desk).await?)),
        Call::OwnEntry => own_entry(desk)?,
        Call::Member => Answer::Member(Box::new(views::member(desk)?)),
        Call::Rejudged => Answer::Rejudged(rejudge::list(desk).await?),
        Call::AskToConfirm { ids } => Answer::Drafts(rejudge::ask(&ids, desk).await?),
        Call::Doubted => Answer::Doubted(reconfirm::list(desk).await?),
        Call::Reconfirm { ids } => Answer::Drafts(reconfirm::draft(&ids, desk).await?),
        Call::Keys => Answer::Keys(views::keys(desk).await?),
        Call::Publish { statement } => {
            let index = desk.publish_signed(statement.0).await?;
            desk.wake_mirror();
            Answer::Published(index)
        }
        Call::ReloadKeys => {
            signing::reload(desk)?;
            Answer::Keys(views::keys(desk).await?)
        }
        Call::Joint { id } => {
            Answer::Joint(Box::new(joint::gather(&id, Proofs::Asked, desk).await?.view(desk)))
        }
        Call::JointSign { id } => joint::sign(&id, desk).await?,
        Call::JointDecline { id, text } => joint::decline(&id, &text, desk).await?,
        Call::JointExport { id } => joint::export(&id, desk).await?,
        Call::Evidence { id } => evidence(&id, desk).await?,
        Call::CourierExport(selection) => courier::export(selection, desk).await?,
        Call::CourierWritten(written) => courier::written(written, desk).await?,
        Call::CourierImport { bytes } => courier::import(bytes.0, desk).await?,
        Call::Contradictions => Answer::Contradictions(views::contradictions(desk).await?),
        Call::Watch { .. } => return Err(refusal("POUCH-AGT-42", 2, "not a call", "", "").into()),
    })
}

/// Without a draft that is kept: what cannot be sent leaves no trace, and its number goes to the next.
async fn send_at_once(asked: Compose, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    send_or_give_back(compose::compose(asked, desk).await?, desk).await
}

/// Sends what was composed; what cannot be sent leaves no gap in the numbers.
pub(crate) async fn send_or_give_back(waiting: compose::Waiting, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let notice = waiting.draft.notice().clone();
    match send(waiting, desk).await {
        // Refusals come before anything is queued.
        Err(Failed::Told(refusal)) => {
            compose::give_back_number(&notice, desk).await?;
            Err(Failed::Told(refusal))
        }
        ended => ended,
    }
}

async fn send(waiting: compose::Waiting, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let (envelope, signed) = compose::release(waiting, desk).await?;
    Ok(Answer::Sent(Box::new(views::outbox_row(envelope, &signed, desk).await?)))
}

fn own_entry(desk: &Desk) -> Result<Answer, Failed> {
    let directory = desk.directory();
    let view = directory.now_view();
    let entry =
        view.contact_point(&desk.me, Environment::Live).ok_or_else(|| not_found(&desk.me.to_string()))?;
    Ok(Answer::OwnEntry { network: desk.network, entry: Bytes(entry.to_bytes()?) })
}

async fn attachment(id: &str, index: usize, desk: &Desk) -> Result<Answer, Failed> {
    let row = views::arrival(id, desk).await?.ok_or_else(|| not_found(id))?;
    let Reading::Verified(verified) = inbox::read(&row, desk).await else { return Err(not_shown(id).into()) };
    let named = verified.value().attachments.get(index);
    let bytes = verified.attachments().get(index);
    match (named, bytes) {
        (Some(named), Some(bytes)) => Ok(Answer::File {
            name: named.name.to_string(),
            digest: named.digest,
            bytes: Bytes(bytes.clone()),
        }),
        _ => Err(not_found(&format!("attachment {index}")).into()),
    }
}

fn not_shown(id: &str) -> Refusal {
    refusal(
        "POUCH-AGT-43",
        10,
        "that message was refused",
        "nothing of its content is shown, saved, acknowledged or exported",
        &format!("pouch show '{id}' --why"),
    )
}

async fn acknowledge(
    id: &str,
    officer: &str,
    answer_by: Option<Timestamp>,
    note: Option<&str>,
    desk: &Arc<Desk>,
) -> Result<Answer, Failed> {
    let row = views::arrival(id, desk).await?.ok_or_else(|| not_found(id))?;
    let Reading::Verified(verified) = inbox::read(&row, desk).await else { return Err(not_shown(id).into()) };
    let notice = verified.notice_id();
    exercises::may_speak(verified.value().environment, desk)?;
    let said = receipts::acknowledged(notice, officer, answer_by, note)?;
    let _turn = desk.outgoing.lock().await;
    let receipt = receipts::seal_receipt(verified.arrived(), said, desk).await?.ok_or_else(|| {
        refusal(
            "POUCH-AGT-44",
            20,
            "the sender has no sealing key that can be used now",
            "the acknowledgement could not be told to it",
            "use the telephone, and try again later",
        )
    })?;
    desk.store.acknowledge(row.envelope, (desk.clock)(), receipt).await?;
    desk.wake_outbox();
    let row = views::arrival(&row.envelope.to_string(), desk).await?.ok_or_else(|| not_found(id))?;
    Ok(Answer::Acknowledged(Box::new(views::inbox_row(&row, desk).await)))
}

/// Joins what proves one notice to others; fetches the proof that it is logged when there is none here that
/// holds.
async fn evidence(id: &str, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let mut row = views::arrival(id, desk).await?.ok_or_else(|| not_found(id))?;
    let mut proved = inbox::is_proved(&row, desk);
    if !proved {
        fetch_proof(row.envelope, row.log.as_ref(), desk).await?;
        row = views::arrival(&row.envelope.to_string(), desk).await?.ok_or_else(|| not_found(id))?;
        proved = inbox::is_proved(&row, desk);
    }
    let Reading::Verified(verified) = inbox::read(&row, desk).await else { return Err(not_shown(id).into()) };
    if row.log.is_none() {
        return Err(refusal(
            "POUCH-COU-12",
            14,
            "a courier brought that notice, and no relay has promised it a place in its log",
            "evidence proves to others what witnesses saw; this proves to you alone",
            "wait until it comes over a relay too, or ask the sender to send it when its network is back",
        )
        .into());
    }
    let Some(proof) = row.proof.filter(|_| proved) else {
        return Err(refusal(
            "POUCH-AGT-45",
            14,
            "the proof that it is logged is not there yet",
            "evidence without it would prove less than others need",
            "try again in a few seconds; if it stays away, the relay has broken its promise: pouch status",
        )
        .into());
    };
    let size = desk.believed.borrow().size;
    let count = u32::try_from(size).unwrap_or(u32::MAX);
    let entries = desk.store.entries(0, count).await?;
    let note = desk.store.accepted_checkpoint().await?.map(|accepted| accepted.note).unwrap_or_default();
    let bytes = EvidenceFile::new(entries, note, &verified, proof)?.to_bytes()?;
    let name = format!("{}.pouch-evidence", verified.value().number);
    Ok(Answer::File { name, digest: sha256(&bytes), bytes: Bytes(bytes) })
}

/// Fetches the proofs that relays promised. A relay that answers, and has no proof a minute after its
/// promise, has broken it: that is told once.
pub(crate) async fn fetch_proofs(desk: &Arc<Desk>, told: &mut HashSet<EnvelopeId>) -> Result<(), AgentError> {
    let unproven = desk.store.unproven(PROOFS_AT_ONCE).await?;
    told.retain(|envelope| unproven.iter().any(|row| row.envelope == *envelope));
    for row in unproven {
        match fetch_proof(row.envelope, row.log.as_ref(), desk).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Err(error),
            Err(AgentError::Request(RequestError::Refused(refused))) => {
                debug!(code = &*refused.code, "no proof yet");
                if told.contains(&row.envelope) {
                    continue;
                }
                let late = promised_for(&row, desk).await?;
                if let Some((relay, index)) = row.log.as_ref().filter(|_| late > PROVED_WITHIN) {
                    told.insert(row.envelope);
                    let words = format!(
                        "{relay} promised message {} place {index} in its log {} s ago, and cannot prove it: the promise is broken",
                        row.envelope.short(),
                        late.as_secs()
                    );
                    desk.tell(Happening::new(EventKind::Alarm, "POUCH-AGT-26", words).of(row.envelope))
                        .await?;
                }
            }
            Err(error) => debug!(code = error.code(), "no proof yet"),
        }
    }
    Ok(())
}

/// For how long a relay has promised an arrival its place: since it came; of what a courier had brought before,
/// since the relay accepted it.
async fn promised_for(row: &ArrivalEntry, desk: &Desk) -> Result<Duration, AgentError> {
    let now = (desk.clock)();
    let here = now.since(row.arrived_at);
    if here <= PROVED_WITHIN {
        return Ok(here);
    }
    let kept = desk.store.arrival(row.envelope).await?.filter(|row| row.courier_at.is_some());
    let arrived = kept.and_then(|row| Arrived::from_bytes(&row.stored).ok());
    let promise = arrived.and_then(|arrived| arrived.accepted(&desk.directory()).ok());
    Ok(promise.map_or(here, |promise| here.min(now.since(promise.at))))
}

pub(crate) async fn fetch_proof(
    envelope: EnvelopeId,
    log: Option<&(String, u64)>,
    desk: &Arc<Desk>,
) -> Result<(), AgentError> {
    let Some((relay, index)) = log else { return Ok(()) };
    let proof = ask_proof(relay, *index, desk).await?;
    let Some(row) = desk.store.arrival(envelope).await? else { return Ok(()) };
    if inbox::check_proof(&row, &proof, desk)? {
        desk.store.put_proof(envelope, proof).await?;
        return Ok(());
    }
    desk.alarm("POUCH-AGT-21", format!("{relay} gave a proof that does not prove what it promised")).await
}

/// What a relay gives as the proof of a place in its log; not yet checked.
pub(crate) async fn ask_proof(relay: &str, index: u64, desk: &Desk) -> Result<Vec<u8>, AgentError> {
    let session = desk.links.session(relay).ok_or(AgentError::NoRelay)?;
    let question = ReadProof { log: LogName::Messages, index };
    let mut attempts = 0_u8;
    loop {
        match session.request::<_, Proof>(&question, ASK_WITHIN).await {
            Ok(proof) => return Ok(proof.tlog_proof.into_vec()),
            // A checkpoint comes every second.
            Err(RequestError::Refused(refused)) if refused.retry_after_ms.is_some() && attempts < 5 => {
                attempts = attempts.saturating_add(1);
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells what happened after a number, and what happens from then on: every event once, in order. They
/// are read from where they are kept, so a watcher that is slow, or comes late, misses none.
async fn watch(connection: &mut Connection, after: Option<u64>, desk: &Desk) {
    let mut told = desk.events.told();
    let mut last = after.unwrap_or_else(|| *told.borrow());
    loop {
        let until = *told.borrow_and_update();
        while last < until
            && let Ok(events) = desk.events.after(last, EVENTS_AT_ONCE).await
            && !events.is_empty()
        {
            for event in events.into_iter().filter(|event| event.number <= until) {
                last = event.number;
                if connection.answer(&Answer::Event(Box::new(event))).await.is_err() {
                    return;
                }
            }
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// Within which time a promised place must be proved.
const PROVED_WITHIN: Duration = Duration::from_secs(60);
const PROOFS_AT_ONCE: u32 = 64;
const EVENTS_AT_ONCE: u32 = 256;
const ASK_WITHIN: Duration = Duration::from_secs(10);
