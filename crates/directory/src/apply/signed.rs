//! Who signed a statement: a key, a member's root, enough members.

use pouch_crypto::{Context, Domain, PublicKey};
use pouch_wire::{KeyId, Member};

use super::Speakers;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::MemberRecord;
use crate::statement::{SignedStatement, StatementSignature};

/// A statement whose signatures are still to be judged, each against the key that must have made it.
pub(super) struct Signed<'a> {
    context: Context,
    bytes: &'a [u8],
    signatures: &'a [StatementSignature],
}

impl<'a> Signed<'a> {
    /// A statement with at most one signature per key: a second one, good or bad, has no purpose but
    /// to be found first.
    pub(super) fn new(context: Context, envelope: &'a SignedStatement) -> Result<Self, Refused> {
        let signatures: &[StatementSignature] = &envelope.signatures;
        // They are sorted by key, so that two of one key stand side by side.
        let twice = signatures.windows(2).find_map(|pair| match pair {
            [a, b] if a.key == b.key => Some(a.key),
            _ => None,
        });
        twice.map_or(Ok(Self { context, bytes: &envelope.statement, signatures }), |key| {
            Err(Refused::SignedTwice(key))
        })
    }

    /// The statement carries a good signature of this key.
    pub(super) fn by(&self, key: &PublicKey) -> Result<(), Refused> {
        let id = key.id();
        let signature = self.signatures.iter().find(|s| s.key == id).ok_or(Refused::NotSignedBy(id))?;
        key.verify(Domain::Statement, &self.context, self.bytes, &signature.signature)
            .map_err(|_| Refused::BadSignature(id))
    }
}

impl Directory {
    /// The member, if its keys speak.
    pub(super) fn active(&self, member: &Member) -> Result<MemberRecord, Refused> {
        let record = self.known(member)?;
        if record.suspended { Err(Refused::Suspended(member.clone())) } else { Ok(record) }
    }

    /// The member, suspended or not.
    pub(super) fn known(&self, member: &Member) -> Result<MemberRecord, Refused> {
        self.now_view().member(member).cloned().ok_or_else(|| Refused::NoMember(member.clone()))
    }

    /// The member's root signed, and speaks.
    pub(super) fn by_root(&self, signed: &Signed<'_>, member: &Member) -> Result<Speakers, Refused> {
        signed.by(&self.active(member)?.root)?;
        Ok(Speakers::from([member.clone()]))
    }

    /// Enough members signed with their roots, each counted once; `except` does not count.
    pub(super) fn endorsed(
        &self,
        signed: &Signed<'_>,
        needed: u8,
        except: Option<&Member>,
    ) -> Result<Speakers, Refused> {
        let view = self.now_view();
        let able = view.members().filter(|m| !m.suspended && Some(&m.member) != except);
        let speakers: Speakers =
            able.filter(|m| signed.by(&m.root).is_ok()).map(|m| m.member.clone()).collect();
        let have = u8::try_from(speakers.len()).unwrap_or(u8::MAX);
        if have < needed { Err(Refused::NotEnough(have, needed)) } else { Ok(speakers) }
    }

    /// A key is free to be bound: never bound before, never revoked.
    pub(super) fn free(&self, key: KeyId) -> Result<(), Refused> {
        self.not_revoked(key)?;
        if self.state.roles.contains_key(&key) { Err(Refused::KeyTaken(key)) } else { Ok(()) }
    }

    pub(super) fn not_revoked(&self, key: KeyId) -> Result<(), Refused> {
        if self.state.revoked.contains_key(&key) { Err(Refused::KeyRevoked(key)) } else { Ok(()) }
    }
}
