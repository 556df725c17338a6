//! Who may say what: mandates, and the release rule that the sender's state publishes.
//!
//! The sender's agent, the recipient and the auditor call these same functions; none of them decides what
//! a person may still see.

use pouch_crypto::{Context, Domain};
use pouch_directory::{Audience, Mandate, OfficerAuthority, ReleaseRule, View};
use pouch_wire::{ContactPoint, Timestamp};

use crate::approval::Approval;
use crate::notice::Notice;
use crate::verdict::{Clause, Verdict};

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
    within_bounds(notice, mandate)?;
    if notice.created < mandate.from || notice.created >= mandate.until {
        Err(OutOfMandate::Dates)
    } else {
        Ok(())
    }
}

/// The same without the dates: who vouches for a notice today need not have been there when it was made.
pub(crate) fn within_bounds(notice: &Notice, mandate: &Mandate) -> Result<(), OutOfMandate> {
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
    Ok(())
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

    /// The same for a draft that is to be released now: officers whose mandate is over count no more,
    /// whatever date the draft has.
    #[must_use]
    pub fn judge_now(
        notice: &Notice,
        bytes: &[u8],
        approvals: &[Approval],
        view: &View<'_>,
        now: Timestamp,
    ) -> Self {
        let mut judged = Self::judge(notice, bytes, approvals, view);
        judged.approved_by.retain(|officer| now < officer.mandate.until);
        judged
    }

    /// Whether one officer released it alone in an emergency.
    #[must_use]
    pub fn is_break_glass(&self, marked: bool) -> bool {
        self.approved_by.len() < usize::from(self.needed) && self.is_met(marked)
    }

    /// Whether it is met: enough persons, or one and the break-glass mark where the rule allows it.
    #[must_use]
    pub fn is_met(&self, break_glass: bool) -> bool {
        self.missing(break_glass) == 0
    }

    /// How many persons must still approve before it is met.
    #[must_use]
    pub fn missing(&self, break_glass: bool) -> u8 {
        let needed = if break_glass && self.break_glass_allowed { self.needed.min(1) } else { self.needed };
        needed.saturating_sub(u8::try_from(self.approved_by.len()).unwrap_or(u8::MAX))
    }
}

/// The clause "the mandate covers it", in the words that sender and recipient both read.
pub(crate) fn judge_mandate(notice: &Notice, mandate: &Mandate, verdict: &mut Verdict) {
    match within_mandate(notice, mandate) {
        Ok(()) => verdict.holds(Clause::Mandate, format!("Its state allows {} to say this.", notice.sender)),
        Err(error) => {
            let words = format!("Authentic, but {} is not authorised to say this: {error}.", notice.sender);
            let next = "do not treat it as the state's word; ask the state's other office";
            verdict.fails(Clause::Mandate, "POUCH-VER-40", words, next, 11);
        }
    }
}

/// The clause "the sender's release rule is met", in the words that sender and recipient both read.
pub(crate) fn judge_release(notice: &Notice, release: &Release, verdict: &mut Verdict) {
    let have = release.approved_by.len();
    if have >= usize::from(release.needed) {
        let words = match release.needed {
            0 => "Its state demands no officer's approval for this.".to_owned(),
            needed => format!("Approved by {have} officers; its state demands {needed}."),
        };
        return verdict.holds(Clause::Release, words);
    }
    if release.is_met(notice.break_glass) {
        let words = "Released by one officer in an emergency, which its state allows and is told of.";
        return verdict.unsure(
            Clause::Release,
            "POUCH-VER-41",
            words,
            "ask the state's other office to confirm it",
            0,
        );
    }
    let words = format!(
        "Authentic, but not released: approved by {have} officers, its state demands {}.",
        release.needed
    );
    verdict.fails(
        Clause::Release,
        "POUCH-VER-42",
        words,
        "do not act on it; ask the state's other office",
        11,
    );
}
