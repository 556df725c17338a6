//! Who may say what: mandates, and the release rule that the sender's state publishes.
//!
//! The sender's agent, the recipient and the auditor call these same functions; none of them decides what
//! a person may still see.

use pouch_crypto::{Context, Domain};
use pouch_directory::{Audience, Mandate, OfficerAuthority, ReleaseRule, View};
use pouch_wire::ContactPoint;

use crate::approval::Approval;
use crate::notice::Notice;

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
