//! Joint statements: one text, signed by the offices of several members, in force at its threshold.
//!
//! The first notice proposes: its id, which covers text, threshold and full list of invited members, is the
//! statement's. Whoever agrees sends a notice of its own with the same words that concerns that id; so every
//! signature passes what every notice passes: key, mandate, release rule, log. Only verified notices are
//! counted. It must never say that a statement is in force below its threshold, nor count a member twice.

use pouch_wire::{ContactPoint, Member, NoticeId, Timestamp};

use crate::body::{AnswerKind, Body, Joint, Moment};
use crate::notice::Notice;
use crate::standing::{Effect, effect, standing};
use crate::verdict::{Clause, State};
use crate::verify::Verified;

/// A member's signature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointSignature {
    /// The member's office that signed.
    pub by: ContactPoint,
    /// The notice that is its signature.
    pub notice: NoticeId,
    /// That notice's number.
    pub number: String,
    /// When a relay accepted it.
    pub at: Timestamp,
}

/// Why a notice that would sign does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncounted {
    /// It names another notice.
    #[error("it signs another statement")]
    OtherStatement,
    /// It names the statement wrongly, or was made in another environment.
    #[error("it names the statement wrongly, or belongs to another exercise")]
    Misquotes,
    /// It says something else than the statement.
    #[error("its words, threshold or list of invited members are not the statement's")]
    OtherWords,
    /// The statement does not invite its member.
    #[error("its member was not invited to sign")]
    NotInvited,
    /// Its member has signed already.
    #[error("its member has signed already: a member counts once")]
    Twice,
    /// It came when the proposal had expired.
    #[error("it came when the proposal had expired")]
    Late,
    /// Its sender withdrew it.
    #[error("its sender withdrew it")]
    Withdrawn,
    /// Whether the office might say it is not sure.
    #[error("it is doubtful ({code})")]
    Doubtful {
        /// The code of the clause that is unsure.
        code: String,
    },
}

impl Uncounted {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherStatement => "POUCH-JNT-20",
            Self::Misquotes => "POUCH-JNT-21",
            Self::OtherWords => "POUCH-JNT-22",
            Self::NotInvited => "POUCH-JNT-23",
            Self::Twice => "POUCH-JNT-24",
            Self::Late => "POUCH-JNT-25",
            Self::Withdrawn => "POUCH-JNT-26",
            Self::Doubtful { .. } => "POUCH-JNT-27",
        }
    }
}

/// A notice that would sign, and does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose it is.
    pub by: ContactPoint,
    /// Which notice.
    pub notice: NoticeId,
    /// Why it does not count.
    pub why: Uncounted,
}

/// How a joint statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointState {
    /// The statement's id: that of the notice that proposed it.
    pub statement: NoticeId,
    /// How many members must sign.
    pub threshold: u8,
    /// Everybody who was invited to.
    pub invited: Vec<Member>,
    /// What counts, in the order in which relays accepted it; one of a member at most.
    pub signed: Vec<JointSignature>,
    /// Who was invited and said no.
    pub declined: Vec<Member>,
    /// What does not count.
    pub left_out: Vec<LeftOut>,
}

impl JointState {
    /// Counts the signatures under a statement, among notices in any order. `None` when it is no notice that
    /// proposes one.
    #[must_use]
    pub fn gather(statement: &Verified<Notice>, others: &[&Verified<Notice>]) -> Option<Self> {
        let joint = proposed(statement.value())?;
        let mut state = Self {
            statement: statement.notice_id(),
            threshold: joint.threshold,
            invited: joint.invited.to_vec(),
            signed: Vec::new(),
            declined: Vec::new(),
            left_out: Vec::new(),
        };
        let mut signing: Vec<&Verified<Notice>> = others
            .iter()
            .copied()
            .filter(|other| matches!(other.value().body, Body::JointStatement(_)))
            .filter(|other| other.notice_id() != state.statement)
            .collect();
        signing.push(statement);
        // By the log's time, so that everybody who has the same notices finds the same first one.
        signing.sort_by_key(|signature| (logged_at(signature), signature.notice_id()));
        for signature in signing {
            match state.judge(signature, statement, others) {
                Ok(()) => state.signed.push(taken(signature)),
                Err(why) => {
                    let (by, notice) = (signature.value().sender.clone(), signature.notice_id());
                    state.left_out.push(LeftOut { by, notice, why });
                }
            }
        }
        state.declined = others.iter().filter_map(|other| state.declines(other, statement)).collect();
        state.declined.sort();
        state.declined.dedup();
        Some(state)
    }

    fn judge(
        &self,
        signature: &Verified<Notice>,
        statement: &Verified<Notice>,
        others: &[&Verified<Notice>],
    ) -> Result<(), Uncounted> {
        let (notice, id) = (signature.value(), signature.notice_id());
        if id != self.statement {
            match effect(signature, statement.value(), self.statement) {
                Ok(Some(Effect::Follows)) => {}
                Ok(_) => return Err(Uncounted::OtherStatement),
                Err(_) => return Err(Uncounted::Misquotes),
            }
            if notice.body != statement.value().body {
                return Err(Uncounted::OtherWords);
            }
        }
        if !self.invited.contains(&notice.sender.member) {
            return Err(Uncounted::NotInvited);
        }
        if standing(notice, id, others.iter().copied()).cancelled_by.is_some() {
            return Err(Uncounted::Withdrawn);
        }
        if logged_at(signature) >= statement.value().not_after {
            return Err(Uncounted::Late);
        }
        if let Some(clause) = signature
            .verdict()
            .clauses
            .iter()
            .find(|clause| clause.state != State::Holds && MUST_HOLD.contains(&clause.clause))
        {
            return Err(Uncounted::Doubtful { code: clause.code.clone() });
        }
        if self.signed.iter().any(|counted| counted.by.member == notice.sender.member) {
            return Err(Uncounted::Twice);
        }
        Ok(())
    }

    /// Which invited member says no with a notice, unless it signed.
    fn declines(&self, other: &Verified<Notice>, statement: &Verified<Notice>) -> Option<Member> {
        let Body::Response(response) = &other.value().body else { return None };
        let member = &other.value().sender.member;
        let concerns = effect(other, statement.value(), self.statement) == Ok(Some(Effect::Answers));
        let no = response.answers.iter().any(|answer| answer.kind == AnswerKind::Decline);
        let signed = self.signed.iter().any(|counted| counted.by.member == *member);
        (concerns && no && !signed && self.invited.contains(member)).then(|| member.clone())
    }

    /// How many members have still to sign.
    #[must_use]
    pub fn missing(&self) -> usize {
        usize::from(self.threshold).saturating_sub(self.signed.len())
    }

    /// Since when it is in force: when the signature that made it complete was accepted. `None` below the
    /// threshold.
    #[must_use]
    pub fn in_force_since(&self) -> Option<Timestamp> {
        // A threshold of 0 or 1 is no joint statement; no notice with one keeps the rules of its form.
        let last = usize::from(self.threshold.max(2)).checked_sub(1)?;
        self.signed.get(last).map(|signature| signature.at)
    }

    /// In one sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let members: Vec<&str> = self.signed.iter().map(|counted| counted.by.member.as_str()).collect();
        let by = if members.is_empty() { "nobody".to_owned() } else { members.join(", ") };
        let force = match self.in_force_since() {
            Some(since) => format!("in force since {}", Moment(since)),
            None => format!("not in force: {} more needed", self.missing()),
        };
        let declined: Vec<&str> = self.declined.iter().map(Member::as_str).collect();
        let no = if declined.is_empty() {
            String::new()
        } else {
            format!("; declined by {}", declined.join(", "))
        };
        format!("signed by {by} ({} of {} invited; {force}{no})", self.signed.len(), self.invited.len())
    }
}

/// What a notice proposes to sign together: it is of that type and about no other notice.
#[must_use]
pub fn proposed(notice: &Notice) -> Option<&Joint> {
    match &notice.body {
        Body::JointStatement(joint) if notice.concerns.is_none() => Some(joint),
        _ => None,
    }
}

/// Clauses that leave no doubt under a statement of several states. What is only old, or out of order, says
/// nothing against a signature.
const MUST_HOLD: [Clause; 9] = [
    Clause::Environment,
    Clause::Signature,
    Clause::SameLetter,
    Clause::Binding,
    Clause::KeyInTime,
    Clause::Mandate,
    Clause::Release,
    Clause::Whole,
    Clause::Log,
];

/// When a relay accepted it, which everybody reads in its promise. That a courier had brought it earlier only one
/// node knows, and nothing may rest on that which several must find alike.
fn logged_at(signature: &Verified<Notice>) -> Timestamp {
    signature.receipt().map_or(signature.came_at(), |promise| promise.at)
}

fn taken(signature: &Verified<Notice>) -> JointSignature {
    let notice = signature.value();
    JointSignature {
        by: notice.sender.clone(),
        notice: signature.notice_id(),
        number: notice.full_number(),
        at: logged_at(signature),
    }
}
