//! What a message that came says of one of ours: whose rung on the ladder it moves, and how far.
//!
//! Only what belongs together counts: the same network and environment, the recipient whom the message
//! went to, the notice that was in it. An exercise moves nothing of what is live.

use pouch_envelope::Header;
use pouch_notice::body::AnswerKind;
use pouch_notice::{Body, Effect, Notice, RecipientReceipt, Said, SealedOut, Verified, effect};
use pouch_store::{Ladder as _, Lookup as _, Outbox as _, Rung, RungRow};
use pouch_wire::{Canonical as _, EnvelopeId, Environment};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::views;

/// The message of ours that a notice answers, and its sender's rung. "We are looking" is no answer yet.
pub(crate) async fn answered(
    verified: &Verified<Notice>,
    desk: &Desk,
) -> Result<Option<(EnvelopeId, RungRow)>, AgentError> {
    let notice = verified.value();
    let (Some(named), Body::Response(response)) = (&notice.concerns, &notice.body) else {
        return Ok(None);
    };
    if response.answers.iter().all(|answer| answer.kind == AnswerKind::Interim) {
        return Ok(None);
    }
    let Some(row) = desk.store.find_outgoing(&named.id.to_string()).await?.pop() else { return Ok(None) };
    let Some(ours) = views::readable(&row, desk) else { return Ok(None) };
    if effect(verified, ours.notice(), named.id) != Ok(Some(Effect::Answers)) {
        return Ok(None);
    }
    let rung = RungRow {
        recipient: notice.sender.clone(),
        rung: Rung::Answered,
        at: Some(notice.created),
        detail: Some(notice.full_number()),
    };
    Ok(Some((row.envelope, rung)))
}

/// Whether a receipt is for a message that this very recipient was sent, in the environment in which it
/// was sent, and for the notice in it.
pub(crate) async fn confirmed(
    verified: &Verified<RecipientReceipt>,
    desk: &Desk,
) -> Result<bool, AgentError> {
    let (receipt, header) = (verified.value(), verified.arrived().header());
    let ladder = desk.store.ladder(receipt.envelope).await?;
    if !ladder.iter().any(|rung| rung.recipient == header.sender) {
        return Ok(false);
    }
    let Some(sent) = desk.store.outgoing(receipt.envelope).await? else { return Ok(false) };
    // A copy of ours that is damaged cannot say; what it was sent in is then not proved.
    if environment_of(&sent.sealed) != Some(header.environment) {
        return Ok(false);
    }
    Ok(match &receipt.said {
        Said::Verified { notice, .. } | Said::Acknowledged { notice, .. } => sent.notice == Some(*notice),
        Said::Refused { .. } => true,
    })
}

/// In which environment a message of ours was sent.
fn environment_of(sealed: &[u8]) -> Option<Environment> {
    let sealed = SealedOut::from_bytes(sealed).ok()?;
    Header::from_bytes(sealed.header_bytes()).ok().map(|header| header.environment)
}

/// How far a recipient says that it got, and in which words.
pub(crate) fn rung_of(said: &Said) -> (Rung, Option<String>) {
    match said {
        Said::Verified { .. } => (Rung::Verified, None),
        Said::Acknowledged { officer, answer_by, note, .. } => {
            let by =
                answer_by.map(|at| format!(", answer by {}", pouch_notice::Moment(at))).unwrap_or_default();
            let note =
                note.as_ref().map(|n| format!(": {}", pouch_notice::visible(n, true))).unwrap_or_default();
            (Rung::Acknowledged, Some(format!("{}{by}{note}", pouch_notice::visible(officer, true))))
        }
        Said::Refused { code } => (Rung::Refused, Some(code.to_string())),
    }
}
