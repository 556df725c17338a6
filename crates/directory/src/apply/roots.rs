//! A member's root: rotation to the key committed before, and recovery when both keys are lost.
//!
//! A recovery could be a coup, so it waits, and the member can veto it with its committed next root. Whoever
//! endorsed it cannot also say that the wait is over: the fold has no clock, and a date costs nothing.

use pouch_crypto::PublicKey;
use pouch_wire::{KeyId, Member, Timestamp};

use super::signed::Signed;
use super::{Judged, Speakers};
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{MemberRecord, Recovery, Role};

impl Directory {
    /// Both keys of a root are free, and they are two.
    pub(super) fn free_pair(&self, root: KeyId, next_root: KeyId) -> Result<(), Refused> {
        self.free(root)?;
        self.free(next_root)?;
        if root == next_root { Err(Refused::KeyTaken(next_root)) } else { Ok(()) }
    }

    pub(super) fn rotate_root<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        member: &'a Member,
        new_root: PublicKey,
        next_root: KeyId,
    ) -> Result<Judged<'a>, Refused> {
        let record = self.active(member)?;
        if record.next_root != new_root.id() {
            return Err(Refused::NotCommitted);
        }
        signed.by(&new_root)?;
        self.free(next_root)?;
        Ok(Judged::new([member.clone()], move |directory| {
            // The committed key was in the member's hands: whatever waited against it is over.
            directory.state.recoveries.remove(member);
            directory.put_member(index, MemberRecord { root: new_root, next_root, ..record });
        }))
    }

    pub(super) fn recover_root<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        member: &'a Member,
        (new_root, next_root): (PublicKey, KeyId),
        created: Timestamp,
    ) -> Result<Judged<'a>, Refused> {
        self.known(member)?;
        if self.state.recoveries.contains_key(member) {
            return Err(Refused::RecoveryWaits);
        }
        self.free_pair(new_root.id(), next_root)?;
        let thresholds = self.now_view().thresholds();
        let vetoed = self.state.vetoed.contains_key(member);
        let needed = if vetoed { thresholds.recovery_after_veto } else { thresholds.recovery };
        let endorsers = self.endorsed(signed, needed, Some(member))?;
        signed.by(&new_root)?;
        // The wait begins when the entry was logged: a recovery that is dated back waits as long.
        let begun = self.not_before(created);
        let effective = Timestamp(begun.0.saturating_add(thresholds.recovery_delay_ms));
        let recovery = Recovery { index, new_root, next_root, effective, endorsers: endorsers.clone() };
        Ok(Judged::new(endorsers, move |directory| {
            // Bound from now on, so that nobody takes the keys while the recovery waits.
            for key in [new_root.id(), next_root] {
                directory.state.roles.insert(key, Role::Root(member.clone()));
            }
            directory.state.recoveries.insert(member.clone(), recovery);
        }))
    }

    /// A recovery takes effect with the first later entry that was drafted after its delay and is signed
    /// by a member that neither gains the root nor endorsed; where all others endorsed, by anybody.
    pub(super) fn end_delays(&mut self, index: u64, created: Timestamp, speakers: &Speakers) {
        let waiting = self.state.recoveries.iter();
        let due = waiting.filter(|(member, recovery)| {
            recovery.index < index
                && recovery.effective <= created
                && self.may_end(member, recovery, speakers)
        });
        let due: Vec<Member> = due.map(|(member, _)| member.clone()).collect();
        for member in due {
            let Some(recovery) = self.state.recoveries.remove(&member) else { continue };
            let Ok(record) = self.known(&member) else { continue };
            let Recovery { new_root: root, next_root, .. } = recovery;
            self.state.vetoed.remove(&member);
            self.put_member(index, MemberRecord { root, next_root, ..record });
        }
    }

    fn may_end(&self, member: &Member, recovery: &Recovery, speakers: &Speakers) -> bool {
        let apart = |other: &Member| other != member && !recovery.endorsers.contains(other);
        let view = self.now_view();
        let mut active = view.members().filter(|other| !other.suspended);
        speakers.iter().any(apart) || !active.any(|other| apart(&other.member))
    }

    pub(super) fn veto<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        member: &'a Member,
        next_root: &PublicKey,
    ) -> Result<Judged<'a>, Refused> {
        let record = self.known(member)?;
        if !self.state.recoveries.contains_key(member) {
            return Err(Refused::NoRecovery);
        }
        if record.next_root != next_root.id() {
            return Err(Refused::NotCommitted);
        }
        signed.by(next_root)?;
        Ok(Judged::new([member.clone()], move |directory| {
            directory.state.recoveries.remove(member);
            directory.state.vetoed.insert(member.clone(), index);
        }))
    }
}
