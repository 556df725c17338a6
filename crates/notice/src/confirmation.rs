//! A later notice of the same office that vouches for an earlier one, by number and id.
//!
//! When a key was revoked, what it signed at about that time or later is doubtful. The office itself can
//! end the doubt: an update that carries the fixed sentence [`sentences::CONFIRMS`] names the earlier
//! notice, and its id fixes every word of that. So who believes the later one knows what the office says,
//! whoever held the old key. Nobody but the same office confirms, and only under a key, a mandate and a
//! release that are themselves without reservation.

use pouch_wire::{Environment, NetworkId, NoticeType};

use crate::notice::{Notice, Reference};
use crate::sentences;
use crate::verdict::{Clause, State};
use crate::verify::Verified;

/// Made only from a verified notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    by: Reference,
    of: Reference,
    network: NetworkId,
    environment: Environment,
    officers: usize,
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
            officers: later.release().map_or(0, |release| release.approved_by.len()),
        })
    }

    /// The notice that confirms.
    #[must_use]
    pub const fn by(&self) -> &Reference {
        &self.by
    }

    /// How many different persons approved it.
    pub(crate) const fn officers(&self) -> usize {
        self.officers
    }

    /// Whether it is for this very notice.
    pub(crate) fn is_for(&self, earlier: &Notice, bytes: &[u8]) -> bool {
        self.of.id == Notice::id_of(bytes)
            && (&self.of.sender, self.of.number) == (&earlier.sender, earlier.number)
            && (self.network, self.environment) == (earlier.network, earlier.environment)
    }
}
