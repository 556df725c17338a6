//! Joint statements at this node: who signed, told as one state, and our own signature.
//!
//! Nothing is kept of a state: it is counted anew from what came and what we sent, each verified again now.
//! Our own notices are counted as everybody else counts them: with a relay's receipt, and not before.

mod acts;

use std::sync::Arc;

use pouch_control::{EventKind, JointSignatureView, JointView, NotCountedView, Refusal};
use pouch_envelope::Header;
use pouch_notice::{
    Body, Facts, JointState, Notice, SealedOut, StanzaSecret, Verified, proposed, reopen, visible,
};
use pouch_store::{Inbox as _, Lookup as _, Outbox as _, OutgoingRow};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, NoticeId, NoticeType};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::inbox::{self, Reading};
use crate::office;
use crate::refusals::{Failed, not_found, refusal};
use crate::views;

pub(crate) use acts::{decline, export, sign};

/// How many notices of one member about one statement are looked at, the newest: nobody signs so often, and
/// no member keeps another's signature from being counted.
const OF_A_MEMBER: u32 = 16;

/// Whether relays are asked for proofs that are not here yet. Nobody is asked while an arrival is judged:
/// everything else would wait for that relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proofs {
    /// They are.
    Asked,
    /// What is here must do.
    AsKept,
}

/// A notice of a joint statement, verified now.
struct Part {
    envelope: EnvelopeId,
    verified: Verified<Notice>,
    proof: Option<Vec<u8>>,
}

/// A statement with all that concerns it.
pub(crate) struct Gathered {
    statement: Part,
    others: Vec<Part>,
    /// Notices that would sign and are refused now: whose, and why.
    refused: Vec<(ContactPoint, String, String)>,
    state: JointState,
}

/// Finds a statement by what a person calls it, or one of its signatures, and counts.
pub(crate) async fn gather(wanted: &str, proofs: Proofs, desk: &Arc<Desk>) -> Result<Gathered, Failed> {
    let found = named(wanted, desk).await?;
    gather_of(found, wanted, proofs, desk).await
}

async fn gather_of(found: Kept, wanted: &str, proofs: Proofs, desk: &Arc<Desk>) -> Result<Gathered, Failed> {
    let statement = part(found, proofs, desk).await?.ok_or_else(|| not_a_statement(wanted))?;
    let id = statement.verified.notice_id();
    let Some(joint) = proposed(statement.verified.value()) else {
        return Err(not_a_statement(wanted).into());
    };
    let mut members = joint.invited.to_vec();
    let to = statement.verified.value().addressees().map(|point| point.member.clone());
    members.extend(to.chain([statement.verified.value().sender.member.clone()]));
    members.sort();
    members.dedup();
    let (mut others, mut refused) = (Vec::new(), Vec::new());
    let mut looked_at = vec![id];
    // What concerns the statement, and what withdraws one of its signatures.
    let mut next = 0;
    while let Some(about) = looked_at.get(next).copied() {
        next = next.saturating_add(1);
        for member in &members {
            for entry in desk.store.concerning(about, member, OF_A_MEMBER).await? {
                let Some(row) = desk.store.arrival(entry.envelope).await? else { continue };
                match inbox::read_alone(&row, &[], desk).await {
                    Ok(Reading::Verified(verified)) => {
                        let (envelope, proof) = (row.envelope, row.proof);
                        others.push(Part { envelope, verified: *verified, proof });
                    }
                    Ok(Reading::Refused(verdict)) => {
                        let why = verdict.decisive().map(|c| c.words.clone()).unwrap_or_default();
                        refused.push((entry.sender, verdict.code().to_owned(), why));
                    }
                    // One that cannot be read is told of where it stands itself.
                    Err(error) if error.is_fatal() => return Err(error.into()),
                    Err(_) => {}
                }
            }
        }
        for row in desk.store.own_concerning(about).await? {
            match own_part(row, proofs, desk).await? {
                OwnPart::Counts(part) => others.push(*part),
                OwnPart::Refused { code, why } => refused.push((desk.me.clone(), code, why)),
                OwnPart::NotSentYet => {}
            }
        }
        if about == id {
            let signs = |part: &&Part| matches!(part.verified.value().body, Body::JointStatement(_));
            looked_at.extend(others.iter().filter(signs).map(|part| part.verified.notice_id()));
        }
    }
    let verified: Vec<&Verified<Notice>> = others.iter().map(|part| &part.verified).collect();
    let state = JointState::gather(&statement.verified, &verified).ok_or_else(|| not_a_statement(wanted))?;
    Ok(Gathered { statement, others, refused, state })
}

fn not_a_statement(wanted: &str) -> Refusal {
    refusal(
        "POUCH-JNT-01",
        4,
        format!("{wanted:?} proposes no joint statement that a relay has accepted"),
        "signatures are counted under the notice that proposed the statement",
        "pouch inbox; pouch outbox; a proposal of our own counts as soon as a relay has it",
    )
}

/// Where a notice is kept.
enum Kept {
    Came(Box<pouch_store::ArrivalRow>),
    Ours(Box<OutgoingRow>),
}

/// The notice that is called so; of a signature, the statement that it signs.
async fn named(wanted: &str, desk: &Desk) -> Result<Kept, Failed> {
    let found = one(wanted, desk).await?;
    let concerns = match &found {
        Kept::Came(row) => match inbox::read_alone(row, &[], desk).await? {
            Reading::Verified(verified) => signs(verified.value()),
            Reading::Refused(_) => None,
        },
        Kept::Ours(row) => views::readable(row, desk).and_then(|signed| signs(signed.notice())),
    };
    match concerns {
        Some(id) => Ok(by_id(id, desk).await?.ok_or_else(|| not_found(&id.to_string()))?),
        None => Ok(found),
    }
}

/// The notice with this id, and no search for a number.
async fn by_id(id: NoticeId, desk: &Desk) -> Result<Option<Kept>, AgentError> {
    let id = id.to_string();
    if let Some(entry) = desk.store.find_arrival(&id).await?.pop() {
        return Ok(desk.store.arrival(entry.envelope).await?.map(|row| Kept::Came(Box::new(row))));
    }
    Ok(desk.store.find_outgoing(&id).await?.pop().map(|row| Kept::Ours(Box::new(row))))
}

fn signs(notice: &Notice) -> Option<NoticeId> {
    let concerns = notice.concerns.as_ref().map(|named| named.id);
    concerns.filter(|_| notice.notice_type() == NoticeType::JointStatement)
}

async fn one(wanted: &str, desk: &Desk) -> Result<Kept, Failed> {
    if let Some(row) = views::arrival(wanted, desk).await? {
        return Ok(Kept::Came(Box::new(row)));
    }
    let own = views::own(wanted, desk).await?.ok_or_else(|| not_found(wanted))?;
    Ok(Kept::Ours(Box::new(own.0)))
}

async fn part(kept: Kept, proofs: Proofs, desk: &Arc<Desk>) -> Result<Option<Part>, Failed> {
    match kept {
        Kept::Ours(row) => match own_part(*row, proofs, desk).await? {
            OwnPart::Counts(part) => Ok(Some(*part)),
            OwnPart::NotSentYet => Ok(None),
            OwnPart::Refused { code, why } => {
                let what = format!("others refuse our own notice now: {why}");
                Err(refusal(&code, 10, what, "nothing that it proposed is signed by us any more", "").into())
            }
        },
        Kept::Came(row) => match inbox::read_alone(&row, &[], desk).await? {
            Reading::Verified(verified) => {
                Ok(Some(Part { envelope: row.envelope, verified: *verified, proof: row.proof }))
            }
            Reading::Refused(verdict) => {
                let why = verdict.decisive().map(|c| c.words.clone()).unwrap_or_default();
                let what = format!("that message is refused: {why}");
                Err(refusal(verdict.code(), 10, what, "", "pouch show --why").into())
            }
        },
    }
}

/// A notice of our own, judged as others judge it.
enum OwnPart {
    /// It holds.
    Counts(Box<Part>),
    /// No relay has accepted it yet.
    NotSentYet,
    /// Nobody believes it any more: our key was revoked.
    Refused { code: String, why: String },
}

/// A notice of our own as others verify it, by what a relay said of it.
async fn own_part(row: OutgoingRow, proofs: Proofs, desk: &Arc<Desk>) -> Result<OwnPart, AgentError> {
    let carried = desk.store.carriages(row.envelope).await?.into_iter();
    let Some((relay, receipt)) = carried.filter_map(|c| c.receipt.map(|r| (c.relay, r))).next() else {
        return Ok(OwnPart::NotSentYet);
    };
    if row.damaged || row.secret.is_empty() {
        return Err(AgentError::Damaged(format!("sent message {}", row.envelope.short())));
    }
    let damaged = |error: String| AgentError::Damaged(error);
    let sealed = SealedOut::from_bytes(&row.sealed)?;
    let header = Header::from_bytes(sealed.header_bytes())?;
    let Some(first) = header.recipients.first() else { return Ok(OwnPart::NotSentYet) };
    let arrived = sealed.as_delivered(&first.contact_point, &receipt).map_err(|e| damaged(e.to_string()))?;
    let secret = desk.vault.unwrap(&secret_of(row.envelope), &row.secret)?;
    let opened = reopen(arrived, StanzaSecret::from_bytes(&secret)?).map_err(|e| damaged(e.to_string()))?;
    let holds = |proof: &Vec<u8>| inbox::inclusion(proof, opened.arrived(), desk).is_some();
    let mut proof = row.proof.filter(holds);
    if proof.is_none()
        && proofs == Proofs::Asked
        && let Some(promise) = opened.accepted(&desk.directory())
    {
        proof = office::ask_proof(&relay, promise.index, desk).await.ok().filter(holds);
        if let Some(bytes) = &proof {
            desk.store.put_own_proof(row.envelope, bytes.clone()).await?;
        }
    }
    let inclusion = proof.as_ref().and_then(|bytes| inbox::inclusion(bytes, opened.arrived(), desk));
    let believed = desk.believed.borrow().clone();
    let facts = Facts {
        directory: &believed.directory,
        cosigned_at: believed.cosigned_at,
        time_is_sure: desk.time_is_sure(),
        inclusion: inclusion.as_ref(),
        now: (desk.clock)(),
    };
    Ok(match opened.verify(&facts) {
        Ok(verified) => OwnPart::Counts(Box::new(Part { envelope: row.envelope, verified, proof })),
        Err(refused) => OwnPart::Refused {
            code: refused.verdict.code().to_owned(),
            why: refused.verdict.decisive().map(|c| c.words.clone()).unwrap_or_default(),
        },
    })
}

/// What binds the kept secret of a message of ours to its place.
pub(crate) fn secret_of(envelope: EnvelopeId) -> Vec<u8> {
    [envelope.as_bytes().as_slice(), b"own"].concat()
}

impl Gathered {
    /// As users see it.
    pub(crate) fn view(&self, desk: &Desk) -> JointView {
        let notice = self.statement.verified.value();
        let state = &self.state;
        let mut not_counted: Vec<NotCountedView> = state
            .left_out
            .iter()
            .map(|left| NotCountedView {
                contact_point: left.by.clone(),
                notice: Some(left.notice),
                code: left.why.code().to_owned(),
                why: left.why.to_string(),
            })
            .collect();
        not_counted.extend(self.refused.iter().map(|(by, code, why)| NotCountedView {
            contact_point: by.clone(),
            notice: None,
            code: code.clone(),
            why: visible(why, true),
        }));
        JointView {
            statement: state.statement,
            number: notice.full_number(),
            subject: visible(&notice.subject, true),
            text: proposed(notice).map(|joint| visible(&joint.text, false)).unwrap_or_default(),
            exercise: crate::exercises::name_of(notice.environment, desk),
            threshold: state.threshold,
            invited: state.invited.clone(),
            signed: state
                .signed
                .iter()
                .map(|counted| JointSignatureView {
                    contact_point: counted.by.clone(),
                    notice: counted.notice,
                    number: counted.number.clone(),
                    at: counted.at,
                })
                .collect(),
            declined: state.declined.clone(),
            not_counted,
            in_force: state.in_force_since().is_some(),
            in_force_since: state.in_force_since(),
            missing: state.missing(),
            sentence: state.words(),
        }
    }
}

/// Tells how a statement stands after a notice that concerns it came.
pub(crate) async fn tell(notice: &Notice, desk: &Arc<Desk>) -> Result<(), AgentError> {
    let Some(named) = &notice.concerns else { return Ok(()) };
    if !matches!(notice.body, Body::JointStatement(_) | Body::Response(_) | Body::Cancellation(_)) {
        return Ok(());
    }
    // Most answers and withdrawals concern no joint statement; and what is kept already is not lost because
    // it cannot be counted now.
    let counted = match by_id(named.id, desk).await {
        Ok(Some(found)) => gather_of(found, &named.id.to_string(), Proofs::AsKept, desk).await,
        Ok(None) => return Ok(()),
        Err(error) => Err(error.into()),
    };
    let gathered = match counted {
        Ok(gathered) => gathered,
        Err(Failed::Agent(error)) if error.is_fatal() => return Err(error),
        Err(_) => return Ok(()),
    };
    let statement = gathered.statement.verified.value();
    let number = statement.full_number();
    let words = format!("joint statement {number}: {}", gathered.state.words());
    let happening = Happening::new(EventKind::Joint, "", words)
        .of(gathered.statement.envelope)
        .numbered(number, statement.precedence);
    desk.tell(happening.within(statement.environment, desk)).await
}
