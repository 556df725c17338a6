//! A later notice of the same office that vouches for an earlier one, by number and id.
//!
//! When a key was revoked, what it signed at about that time or later is doubtful. The office itself can
//! end the doubt: an update that carries the fixed sentence [`sentences::CONFIRMS`] names the earlier
//! notice, and its id fixes every word of that. So who believes the later one knows what the office says,
//! whoever held the old key. Nobody but the same office confirms, and only under a key, a mandate and a
//! release that are themselves without reservation. An update is a small thing to be allowed: what may be
//! confirmed with it, and by whose approval, is what office and officers might say themselves.

use pouch_directory::{Mandate, OfficerAuthority};
use pouch_wire::{Environment, NetworkId, NoticeId, NoticeType};

use crate::notice::{Notice, Reference};
use crate::release::within_bounds;
use crate::sentences;
use crate::standing::standing;
use crate::verdict::{Clause, State};
use crate::verify::Verified;

/// Made only from a verified notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    by: Reference,
    of: Reference,
    network: NetworkId,
    environment: Environment,
    scope: Scope,
}

/// What an office and its officers might say when a notice was released: by the directory that it must have
/// heard of if its relay tells the truth about the time, and by the one if not. What holds, holds by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) mandates: [Mandate; 2],
    pub(crate) officers: [Vec<OfficerAuthority>; 2],
}

impl Scope {
    fn has(&self, notice: &Notice) -> bool {
        self.mandates.iter().all(|mandate| within_bounds(notice, mandate).is_ok())
    }

    fn officers(&self, notice: &Notice) -> usize {
        let may = |officer: &&OfficerAuthority| within_bounds(notice, &officer.mandate).is_ok();
        let [one, other] = &self.officers;
        one.iter().filter(may).count().min(other.iter().filter(may).count())
    }
}

impl Notice {
    /// Whether it says of an earlier notice of its own office that it holds, word for word.
    #[must_use]
    pub fn confirms(&self) -> bool {
        self.notice_type() == NoticeType::Update
            && self.sentences.iter().any(|sentence| sentence.as_str() == sentences::CONFIRMS)
            && self.concerns.as_ref().is_some_and(|named| named.sender == self.sender)
    }
}

impl Confirmation {
    /// What a verified notice confirms; `None` when it confirms nothing, or is itself in doubt.
    #[must_use]
    pub fn of(later: &Verified<Notice>) -> Option<Self> {
        const MUST_HOLD: [Clause; 5] =
            [Clause::Signature, Clause::Binding, Clause::KeyInTime, Clause::Mandate, Clause::Release];
        let notice = later.value();
        let sound = later
            .verdict()
            .clauses
            .iter()
            .all(|clause| clause.state == State::Holds || !MUST_HOLD.contains(&clause.clause));
        let named = notice.concerns.clone().filter(|_| notice.confirms() && sound)?;
        let by = Reference { sender: notice.sender.clone(), number: notice.number, id: later.notice_id() };
        Some(Self {
            by,
            of: named,
            network: notice.network,
            environment: notice.environment,
            scope: later.scope()?.clone(),
        })
    }

    /// The same, unless its own member withdrew or corrected it meanwhile, by what else is known of it.
    #[must_use]
    pub fn upheld<'a>(
        later: &Verified<Notice>,
        amended_by: impl IntoIterator<Item = &'a Verified<Notice>>,
    ) -> Option<Self> {
        let became = standing(later.value(), later.notice_id(), amended_by);
        let stands = became.cancelled_by.is_none() && became.corrected_by.is_empty();
        Self::of(later).filter(|_| stands)
    }

    /// The notice that confirms.
    #[must_use]
    pub const fn by(&self) -> &Reference {
        &self.by
    }

    /// How many different persons approved it that may approve what it confirms.
    pub(crate) fn officers(&self, confirmed: &Notice) -> usize {
        self.scope.officers(confirmed)
    }

    /// Whether it is for this very notice, and its office may say what that says.
    pub(crate) fn is_for(&self, earlier: &Notice, id: NoticeId) -> bool {
        self.of.id == id
            && (&self.of.sender, self.of.number) == (&earlier.sender, earlier.number)
            && (self.network, self.environment) == (earlier.network, earlier.environment)
            && self.scope.has(earlier)
    }
}
