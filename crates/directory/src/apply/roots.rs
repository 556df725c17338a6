//! A member's root: rotation to the key committed before, and recovery when both keys are lost.
//!
//! A recovery could be a coup, so it waits, and the member can veto it with its committed next root. Whoever
//! endorsed it cannot also say that the wait is over: the fold has no clock, and a date costs nothing.

use pouch_crypto::PublicKey;
use pouch_wire::{KeyId, Member, Timestamp};

use super::signed::Signed;
use super::time::not_outdated;
use super::{Judged, Speakers};
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{MemberRecord, Recovery, Role};

impl Recovery {
    /// The date by which a member would say that so many delays are over.
    fn over_for(&self, member: &Member, delays: u64) -> Timestamp {
        let begun = self.heard.get(member).map_or(self.begun, |heard| self.begun.max(*heard));
        let delay = self.effective.0.saturating_sub(self.begun.0);
        Timestamp(begun.0.saturating_add(delay.saturating_mul(delays)))
    }
}

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
        not_outdated(&self.state.root_changed, member, created)?;
        let endorsers = self.endorsed(signed, needed, Some(member))?;
        signed.by(&new_root)?;
        self.not_far_ahead(created, &endorsers, member)?;
        // The wait begins when the entry was logged: a recovery that is dated back waits as long.
        let begun = self.not_before(created);
        let effective = Timestamp(begun.0.saturating_add(thresholds.recovery_delay_ms));
        let heard = self.state.said.clone();
        let endorsed = endorsers.clone();
        let recovery = Recovery { index, new_root, next_root, begun, effective, heard, endorsers: endorsed };
        Ok(Judged::new(endorsers, move |directory| {
            // Bound from now on, so that nobody takes the keys while the recovery waits.
            for key in [new_root.id(), next_root] {
                directory.state.roles.insert(key, Role::Root(member.clone()));
            }
            directory.state.recoveries.insert(member.clone(), recovery);
        }))
    }

    /// A recovery takes effect with the first later entry that shows that its delay is over.
    pub(super) fn end_delays(&mut self, index: u64, created: Timestamp, speakers: &Speakers) {
        let waiting = self.state.recoveries.iter();
        let due = waiting.filter(|(member, recovery)| {
            recovery.index < index
                && (self.apart_says_so(member, recovery, created, speakers)
                    || self.twice_is_over(member, recovery))
        });
        let due: Vec<Member> = due.map(|(member, _)| member.clone()).collect();
        for member in due {
            let Some(recovery) = self.state.recoveries.remove(&member) else { continue };
            let Ok(record) = self.known(&member) else { continue };
            let Recovery { new_root: root, next_root, .. } = recovery;
            self.state.vetoed.remove(&member);
            self.remember_recovery(&member, created);
            self.put_member(index, MemberRecord { root, next_root, ..record });
        }
    }

    /// The entry is drafted after the delay, by a member that neither gains the root nor endorsed; where
    /// all others endorsed, by anybody. For each member the delay begins after all that it said before.
    fn apart_says_so(
        &self,
        member: &Member,
        recovery: &Recovery,
        created: Timestamp,
        speakers: &Speakers,
    ) -> bool {
        let apart = |other: &Member| other != member && !recovery.endorsers.contains(other);
        let mut apart_speakers = speakers.iter().filter(|other| apart(other));
        let alone = !self.now_view().active().any(|other| apart(&other.member));
        apart_speakers.any(|other| recovery.over_for(other, 1) <= created)
            || (alone && recovery.effective <= created)
    }

    /// Who stays silent holds a recovery up for twice its delay and no longer. That the time is over is
    /// said by enough members, and not by endorsers alone: by the recovered one, where others are silent.
    fn twice_is_over(&self, member: &Member, recovery: &Recovery) -> bool {
        let view = self.now_view();
        let said =
            view.active().filter(|other| recovery.over_for(&other.member, 2) <= self.said(&other.member));
        let said: Vec<&Member> = said.map(|other| &other.member).collect();
        said.len() >= self.enough_for_time(view.active().count())
            && said.iter().any(|other| *other == member || !recovery.endorsers.contains(*other))
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
