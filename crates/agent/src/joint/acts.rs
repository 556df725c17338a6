//! What a user does about a joint statement: sign it, decline it, hand it on. Each is a notice or a file of its
//! own; nothing here counts.

use std::sync::Arc;

use pouch_control::{Answer, Bytes, Compose, Refusal};
use pouch_crypto::sha256;
use pouch_notice::{JointFile, Moment, Notice, Uncounted, body_to_toml, fields_from_text};
use pouch_store::{Inbox as _, Mirror as _};
use pouch_wire::{Canonical as _, ContactPoint, NoticeId, NoticeType};

use super::{Gathered, Part, Proofs, gather};
use crate::compose::{self, Waiting};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::inbox;
use crate::office;
use crate::refusals::{Failed, refusal};
use crate::views;

/// Signs a statement for our member: a notice of ours with the same words, to everybody who has it. What our
/// own release rule demands is demanded of it; then a draft waits for its officers.
pub(crate) async fn sign(wanted: &str, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let gathered = gather(wanted, Proofs::Asked, desk).await?;
    may_sign(&gathered, desk)?;
    let notice = gathered.statement.verified.value();
    let fields = body_to_toml(&notice.body).map_err(|error| crate::refusals::fields(&error))?;
    let subject = shortened(&format!("We sign: {}", notice.subject.as_str()));
    let asked =
        answer_to_all(notice, gathered.state.statement, NoticeType::JointStatement, subject, fields, desk);
    let waiting = compose::compose(asked, desk).await?;
    if waiting.draft.notice().body != notice.body {
        let id = waiting.draft.notice().clone();
        compose::give_back_number(&id, desk).await?;
        return Err(AgentError::Damaged("a statement did not come back the same".into()).into());
    }
    send_or_keep(waiting, desk).await
}

/// As much as a subject line holds.
fn shortened(subject: &str) -> String {
    let fits = |end: &usize| *end <= SUBJECT_BYTES && subject.is_char_boundary(*end);
    let end = (0..=subject.len()).rev().find(fits).unwrap_or(0);
    subject.get(..end).unwrap_or_default().to_owned()
}

/// A notice's subject, in bytes.
const SUBJECT_BYTES: usize = 200;

fn may_sign(gathered: &Gathered, desk: &Desk) -> Result<(), Refusal> {
    let (state, me) = (&gathered.state, &desk.me.member);
    if !state.invited.contains(me) {
        return Err(refusal(
            "POUCH-JNT-02",
            11,
            format!("{me} is not invited to sign it"),
            "the statement has the full list of those who may, and no other signature counts",
            "say what you think of it with an answer: pouch reply",
        ));
    }
    if state.signed.iter().any(|counted| counted.by.member == *me) {
        return Err(refusal(
            "POUCH-JNT-03",
            4,
            format!("{me} has signed it already"),
            "a member counts once",
            "pouch joint show",
        ));
    }
    let notice = gathered.statement.verified.value();
    let withdrawn =
        state.left_out.iter().any(|left| left.notice == state.statement && left.why == Uncounted::Withdrawn);
    if withdrawn || (desk.clock)() >= notice.not_after {
        let what = if withdrawn {
            "was withdrawn".to_owned()
        } else {
            format!("expired at {}", Moment(notice.not_after))
        };
        return Err(refusal(
            "POUCH-JNT-04",
            13,
            format!("the proposal {what}"),
            "a signature that comes now would not count",
            "ask its sender to propose it again",
        ));
    }
    Ok(())
}

/// Says no for our member, to everybody who has the statement.
pub(crate) async fn decline(wanted: &str, text: &str, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let gathered = gather(wanted, Proofs::Asked, desk).await?;
    may_sign(&gathered, desk)?;
    let notice = gathered.statement.verified.value();
    let no = fields_from_text(NoticeType::Response, text).unwrap_or_default();
    let no = no.replacen("\"substantive\"", "\"decline\"", 1);
    let asked = answer_to_all(
        notice,
        gathered.state.statement,
        NoticeType::Response,
        "We do not sign it".to_owned(),
        no,
        desk,
    );
    send_or_keep(compose::compose(asked, desk).await?, desk).await
}

/// A notice to everybody who has the statement, as urgent and as closed as it.
fn answer_to_all(
    notice: &Notice,
    id: NoticeId,
    notice_type: NoticeType,
    subject: String,
    fields: String,
    desk: &Desk,
) -> Compose {
    let others = |points: &[ContactPoint]| -> Vec<ContactPoint> {
        points.iter().filter(|point| **point != desk.me).cloned().collect()
    };
    let mut to = others(&notice.to);
    if notice.sender != desk.me {
        to.push(notice.sender.clone());
    }
    Compose {
        notice_type,
        to,
        info: others(&notice.info),
        precedence: Some(notice.precedence),
        tlp: Some(notice.tlp),
        widen: false,
        subject,
        language: notice.language.to_string(),
        fields,
        valid_seconds: None,
        in_reply_to: Some(id.to_string()),
        attachments: Vec::new(),
        exercise: None,
        break_glass: false,
    }
}

/// Sends what needs nobody else; else keeps it as a draft for its officers.
async fn send_or_keep(waiting: Waiting, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    if waiting.release.is_met(false) {
        return office::send_or_give_back(waiting, desk).await;
    }
    compose::keep(&waiting, desk).await?;
    Ok(Answer::Draft(Box::new(views::draft(&waiting, desk))))
}

/// The file that proves a statement to others.
pub(crate) async fn export(wanted: &str, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let gathered = gather(wanted, Proofs::Asked, desk).await?;
    let counted = |part: &&Part| {
        let id = part.verified.notice_id();
        gathered.state.signed.iter().any(|signature| signature.notice == id) && id != gathered.state.statement
    };
    let mut parts = Vec::new();
    for part in std::iter::once(&gathered.statement).chain(gathered.others.iter().filter(counted)) {
        parts.push((&part.verified, proof_of(part, desk).await?));
    }
    let count = u32::try_from(desk.believed.borrow().size).unwrap_or(u32::MAX);
    let entries = desk.store.entries(0, count).await?;
    let note = desk.store.accepted_checkpoint().await?.map(|accepted| accepted.note).unwrap_or_default();
    let bytes = JointFile::new(entries, note, &parts)?.to_bytes()?;
    let name = format!("{}.pouch-joint", gathered.statement.verified.value().number);
    Ok(Answer::File { name, digest: sha256(&bytes), bytes: Bytes(bytes) })
}

async fn proof_of(part: &Part, desk: &Arc<Desk>) -> Result<Vec<u8>, Failed> {
    let holds = |proof: &Vec<u8>| inbox::inclusion(proof, part.verified.arrived(), desk).is_some();
    if let Some(proof) = part.proof.clone().filter(holds) {
        return Ok(proof);
    }
    // Ours were asked for when they were counted.
    if let Some(row) = desk.store.arrival(part.envelope).await? {
        office::fetch_proof(row.envelope, row.log.as_ref(), desk).await.ok();
        let fetched = desk.store.arrival(part.envelope).await?.and_then(|row| row.proof);
        if let Some(proof) = fetched.filter(holds) {
            return Ok(proof);
        }
    }
    Err(refusal(
        "POUCH-JNT-05",
        14,
        format!("the proof that {} is logged is not there yet", part.verified.value().full_number()),
        "a file without it would prove less than others need",
        "try again in a few seconds; if it stays away, the relay has broken its promise: pouch status",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_subject_is_cut_where_a_character_ends() {
        assert_eq!(shortened("We sign: A call"), "We sign: A call");
        let long = format!("{}\u{e9}", "x".repeat(199));
        assert_eq!(shortened(&long), "x".repeat(199));
        assert_eq!(shortened(&"x".repeat(400)).len(), 200);
    }
}
