//! From a draft to a signed notice: checked, approved, signed. Each step consumes the one before, and an
//! edit makes another notice, so approvals never cover what was not read.

use pouch_crypto::{Context, Domain, Signature, SigningKey};
use pouch_directory::{Audience, Mandate, OfficerAuthority, ReleaseRule, View};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, EncodeError, KeyId, NoticeId, Set, Timestamp, canonical, limits,
};
use serde::{Deserialize, Serialize};

use crate::notice::Notice;

/// An officer's approval (domain `approval`) over a notice's bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Approval {
    /// By which key.
    pub officer: KeyId,
    /// Over the notice's bytes.
    pub signature: Signature,
}

/// A notice with the contact point's signature (domain `notice`) and the officers' approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedNotice {
    /// The notice's canonical bytes.
    pub notice: Blob<{ limits::NOTICE_BYTES }>,
    /// The contact point's key.
    pub key: KeyId,
    /// Over the bytes.
    pub signature: Signature,
    /// At most one per officer.
    pub approvals: Set<Approval, 16>,
}
canonical!(SignedNotice, "signed notice", limits::NOTICE_BYTES + 4096);

/// Why a draft cannot become a notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// Nobody must act on it.
    #[error("nobody is addressed who must act")]
    NobodyToAct,
    /// Somebody stands in both lists.
    #[error("{0} is asked to act and only told as well")]
    Twice(ContactPoint),
    /// It is addressed to its own sender.
    #[error("it is addressed to its own sender")]
    ToItself,
    /// It is valid for no time, or too long.
    #[error("valid for {life_s} s; more than 0 and at most {max_s} are allowed", max_s = limits::LIFE_MS_MAX / 1000)]
    Life {
        /// How long.
        life_s: u64,
    },
    /// Its type needs the notice that it concerns.
    #[error("a {0} names the notice that it concerns")]
    ConcernsNothing(&'static str),
    /// It corrects or cancels a notice of another member.
    #[error("only {0} corrects or cancels its notices")]
    NotOurs(pouch_wire::Member),
    /// A fixed sentence is missing.
    #[error("the sentence {0:?} is missing")]
    Sentence(&'static str),
    /// An attachment's name is unfit.
    #[error("attachment {0} has a name that is no plain file name, or that stands twice")]
    AttachmentName(usize),
    /// It is too large.
    #[error(transparent)]
    TooLarge(#[from] EncodeError),
}

impl DraftError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NobodyToAct => "POUCH-NOT-01",
            Self::Twice(_) => "POUCH-NOT-02",
            Self::ToItself => "POUCH-NOT-03",
            Self::Life { .. } => "POUCH-NOT-04",
            Self::ConcernsNothing(_) => "POUCH-NOT-05",
            Self::NotOurs(_) => "POUCH-NOT-06",
            Self::Sentence(_) => "POUCH-NOT-07",
            Self::AttachmentName(_) => "POUCH-NOT-08",
            Self::TooLarge(_) => "POUCH-NOT-09",
        }
    }
}

/// A notice that keeps the rules of its form, not yet approved.
#[derive(Debug, Clone)]
#[must_use = "a draft is not yet approved"]
pub struct Draft {
    notice: Notice,
    bytes: Vec<u8>,
}

/// A draft with its approvals.
#[derive(Debug, Clone)]
#[must_use = "an approved draft is not yet signed"]
pub struct Approved {
    draft: Draft,
    approvals: Set<Approval, 16>,
}

/// A signed notice, ready to be sealed.
#[derive(Debug, Clone)]
pub struct Signed {
    notice: Notice,
    signed: SignedNotice,
}

/// Checks the rules of a notice's form; whoever receives one checks them again.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_form(notice: &Notice) -> Result<(), DraftError> {
    if notice.to.is_empty() {
        return Err(DraftError::NobodyToAct);
    }
    if let Some(twice) = notice.info.iter().find(|point| notice.to.has(point)) {
        return Err(DraftError::Twice(twice.clone()));
    }
    if notice.addressees().any(|point| *point == notice.sender) {
        return Err(DraftError::ToItself);
    }
    let life = notice.not_after.0.saturating_sub(notice.created.0);
    if life == 0 || life > limits::LIFE_MS_MAX {
        return Err(DraftError::Life { life_s: life / 1000 });
    }
    concerns(notice)?;
    for sentence in notice.body.sentences() {
        if !notice.sentences.iter().any(|s| s.as_str() == *sentence) {
            return Err(DraftError::Sentence(sentence));
        }
    }
    for (place, attachment) in notice.attachments.iter().enumerate() {
        let name = attachment.name.as_str();
        let plain = !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(['/', '\\', '\0', '\n', '\t'])
            && crate::safe_text::visible(name, true) == name;
        let twice = notice.attachments.iter().take(place).any(|other| other.name == attachment.name);
        if !plain || twice {
            return Err(DraftError::AttachmentName(place));
        }
    }
    Ok(())
}

fn concerns(notice: &Notice) -> Result<(), DraftError> {
    use pouch_wire::NoticeType as T;
    let kind = notice.notice_type();
    let own = matches!(kind, T::Correction | T::Cancellation);
    match &notice.concerns {
        None if own || matches!(kind, T::Response) => Err(DraftError::ConcernsNothing(kind.as_str())),
        Some(reference) if own && reference.sender.member != notice.sender.member => {
            Err(DraftError::NotOurs(reference.sender.member.clone()))
        }
        None | Some(_) => Ok(()),
    }
}

impl Draft {
    /// Takes a notice that keeps the rules of its form.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn new(notice: Notice) -> Result<Self, DraftError> {
        check_form(&notice)?;
        let bytes = notice.to_bytes()?;
        Ok(Self { notice, bytes })
    }

    /// The notice.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// The bytes that are approved and signed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The notice's id.
    #[must_use]
    pub fn id(&self) -> NoticeId {
        Notice::id_of(&self.bytes)
    }

    /// Takes the officers' approvals.
    ///
    /// # Errors
    /// When there are too many.
    pub fn approve(self, approvals: Vec<Approval>) -> Result<Approved, DraftError> {
        let approvals = Set::new(approvals).map_err(|_| EncodeError { name: "approvals", max: 16 })?;
        Ok(Approved { draft: self, approvals })
    }
}

impl Approved {
    /// Signs with the contact point's key.
    ///
    /// # Errors
    /// When it is too large.
    pub fn sign(self, key: &SigningKey) -> Result<Signed, DraftError> {
        let Draft { notice, bytes } = self.draft;
        let context = Context::of(notice.network, notice.environment);
        let signature = key.sign(Domain::Notice, &context, &bytes);
        let blob = Blob::new(bytes).map_err(|_| EncodeError { name: "notice", max: limits::NOTICE_BYTES })?;
        let signed =
            SignedNotice { notice: blob, key: key.public().id(), signature, approvals: self.approvals };
        Ok(Signed { notice, signed })
    }
}

impl Signed {
    /// A notice of our own, as we kept it.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn kept(signed: SignedNotice) -> Result<Self, pouch_wire::DecodeError> {
        Ok(Self { notice: Notice::from_bytes(&signed.notice)?, signed })
    }

    /// The notice.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// With its signatures.
    #[must_use]
    pub const fn signed(&self) -> &SignedNotice {
        &self.signed
    }
}

/// Why a mandate does not cover a notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutOfMandate {
    /// Not this type.
    #[error("it may not send {0}")]
    Type(&'static str),
    /// Not so urgent.
    #[error("it may send {allowed} at most, and this is {asked}")]
    Precedence {
        /// The highest.
        allowed: &'static str,
        /// What it is.
        asked: &'static str,
    },
    /// Not with this label.
    #[error("it may not use {0}")]
    Tlp(&'static str),
    /// Not to this member.
    #[error("it may not write to {0}")]
    Audience(ContactPoint),
    /// Not at this time.
    #[error("its mandate does not cover this date")]
    Dates,
}

/// Checks that a mandate covers a notice.
///
/// # Errors
/// The first bound that it oversteps.
pub fn within_mandate(notice: &Notice, mandate: &Mandate) -> Result<(), OutOfMandate> {
    if !mandate.types.has(&notice.notice_type()) {
        return Err(OutOfMandate::Type(notice.notice_type().as_str()));
    }
    if notice.precedence < mandate.highest_precedence {
        let (allowed, asked) = (mandate.highest_precedence.as_str(), notice.precedence.as_str());
        return Err(OutOfMandate::Precedence { allowed, asked });
    }
    if notice.tlp < mandate.strictest_tlp || notice.tlp > mandate.most_open_tlp {
        return Err(OutOfMandate::Tlp(notice.tlp.label()));
    }
    if let Audience::Members(members) = &mandate.audience
        && let Some(outside) = notice.addressees().find(|point| !members.has(&point.member))
    {
        return Err(OutOfMandate::Audience(outside.clone()));
    }
    if notice.created < mandate.from || notice.created >= mandate.until {
        Err(OutOfMandate::Dates)
    } else {
        Ok(())
    }
}

/// How the release rule of the sender's state is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// How many different persons must approve; 0 when no rule covers the notice.
    pub needed: u8,
    /// Whether one may release alone in an emergency.
    pub break_glass_allowed: bool,
    /// Who did, one per person.
    pub approved_by: Vec<OfficerAuthority>,
}

impl Release {
    /// Judges approvals over a notice's bytes: good signatures of officers whose mandates cover it, one
    /// vote per person.
    #[must_use]
    pub fn judge(notice: &Notice, bytes: &[u8], approvals: &[Approval], view: &View<'_>) -> Self {
        let context = Context::of(notice.network, notice.environment);
        let mut approved_by: Vec<OfficerAuthority> = Vec::new();
        for approval in approvals {
            let Ok(officer) = view.officer(&notice.sender, notice.environment, approval.officer) else {
                continue;
            };
            let good = officer.key.verify(Domain::Approval, &context, bytes, &approval.signature).is_ok()
                && within_mandate(notice, &officer.mandate).is_ok();
            if good && !approved_by.iter().any(|o| o.person == officer.person) {
                approved_by.push(officer);
            }
        }
        let rule: Option<ReleaseRule> =
            view.release_rule(&notice.sender, notice.notice_type(), notice.precedence);
        let (needed, break_glass_allowed) = rule.map_or((0, false), |rule| (rule.officers, rule.break_glass));
        Self { needed, break_glass_allowed, approved_by }
    }

    /// Whether it is met: enough persons, or one and the break-glass mark where the rule allows it.
    #[must_use]
    pub fn is_met(&self, break_glass: bool) -> bool {
        let have = self.approved_by.len();
        have >= usize::from(self.needed) || (break_glass && self.break_glass_allowed && have >= 1)
    }
}

/// How long a notice of a precedence is valid when its author says nothing.
#[must_use]
pub const fn usual_life_ms(precedence: pouch_wire::Precedence) -> u64 {
    const HOUR: u64 = 3600 * 1000;
    match precedence {
        pouch_wire::Precedence::Flash => 24 * HOUR,
        pouch_wire::Precedence::Immediate => 3 * 24 * HOUR,
        pouch_wire::Precedence::Priority => 7 * 24 * HOUR,
        pouch_wire::Precedence::Routine => 30 * 24 * HOUR,
    }
}

/// The year of a moment, UTC, for numbers.
#[must_use]
pub fn year_of(at: Timestamp) -> u16 {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    let year = jiff::Timestamp::from_millisecond(millis)
        .map_or(1970, |t| jiff::tz::Offset::UTC.to_datetime(t).year());
    u16::try_from(year).unwrap_or(1970)
}
