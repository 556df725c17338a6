//! From a draft to a signed notice: checked, approved, signed. Each step consumes the one before, and an
//! edit makes another notice, so approvals never cover what was not read.

use pouch_crypto::{Context, Domain, Signature, SigningKey};
use pouch_wire::{Blob, Canonical as _, EncodeError, KeyId, NoticeId, Set, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::notice::Notice;

pub(crate) use crate::approval::Approval;
pub(crate) use crate::form::{DraftError, check_form};
pub(crate) use crate::release::{Release, within_mandate};

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
