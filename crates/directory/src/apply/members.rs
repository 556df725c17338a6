//! Who belongs to the network: admission, suspension, reinstatement.

use pouch_wire::{Member, Timestamp};

use super::Judged;
use super::signed::Signed;
use super::time::not_outdated;
use crate::confusable::confusable;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{MemberRecord, Role};

impl Directory {
    pub(super) fn admit<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        newcomer: MemberRecord,
    ) -> Result<Judged<'a>, Refused> {
        if self.state.members.keys().any(|other| confusable(other, &newcomer.member)) {
            return Err(Refused::Confusable(newcomer.member));
        }
        self.free_pair(newcomer.root.id(), newcomer.next_root)?;
        let speakers = self.endorsed(signed, self.now_view().thresholds().admission, None)?;
        // It shows that it holds the root that it brings.
        signed.by(&newcomer.root)?;
        Ok(Judged::new(speakers, move |directory| directory.put_member(index, newcomer)))
    }

    pub(crate) fn put_member(&mut self, index: u64, record: MemberRecord) {
        let member = record.member.clone();
        self.state.roles.insert(record.root.id(), Role::Root(member.clone()));
        self.state.roles.insert(record.next_root, Role::Root(member.clone()));
        self.state.members.entry(member).or_default().set(index, record);
    }

    pub(super) fn suspend<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        member: &Member,
        (suspended, created): (bool, Timestamp),
    ) -> Result<Judged<'a>, Refused> {
        let record = self.known(member)?;
        if record.suspended == suspended {
            return Err(Refused::NoChange);
        }
        not_outdated(&self.state.standing_changed, member, created)?;
        let thresholds = self.now_view().thresholds();
        let speakers = self.endorsed(signed, thresholds.admission, Some(member))?;
        if suspended {
            let left = self.now_view().active().count().saturating_sub(1);
            let needed = thresholds.admission.max(thresholds.network);
            if left < usize::from(needed) {
                return Err(Refused::TooFewLeft(needed));
            }
        }
        Ok(Judged::new(speakers, move |directory| {
            let history = directory.state.members.entry(record.member.clone()).or_default();
            history.set(index, MemberRecord { suspended, ..record });
        }))
    }
}
