//! The log's time: what the fold has instead of a clock.
//!
//! A date costs nothing, and a statement of one office alone may be dated to the end of time. So the log's
//! time moves with the dates of statements, but never more than a day beyond what enough members have
//! said by themselves. Fewer of them can move it neither further nor back.

use std::collections::BTreeMap;

use pouch_wire::{Member, Timestamp};

use super::Speakers;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::statement::Act;

/// Nodes publish sealing keys daily, so members that run are never further apart.
const APART_MS: u64 = 24 * 3600 * 1000;
/// How far a recovery may be dated ahead of what enough members have said.
const RECOVERY_AHEAD_MS: u64 = 30 * 24 * 3600 * 1000;

impl Directory {
    /// One member more than can begin a recovery, and never one alone where there are two; `able` is how
    /// many can speak.
    pub(super) fn enough_for_time(&self, able: usize) -> usize {
        let recovery = usize::from(self.now_view().thresholds().recovery);
        recovery.saturating_add(1).max(2).min(able)
    }

    /// The newest date that enough members have reached, each by itself, if these speakers say this one
    /// too; `except` does not count.
    fn reached(&self, created: Timestamp, speakers: &Speakers, except: Option<&Member>) -> Timestamp {
        let view = self.now_view();
        let able = view.members().filter(|m| !m.suspended && Some(&m.member) != except);
        let mut newest: Vec<Timestamp> = able
            .map(|record| {
                let said = self.said(&record.member);
                if speakers.contains(&record.member) { said.max(created) } else { said }
            })
            .collect();
        newest.sort_unstable_by_key(|at| core::cmp::Reverse(*at));
        let place = self.enough_for_time(newest.len()).saturating_sub(1);
        newest.get(place).copied().unwrap_or(self.charter().created)
    }

    /// The newest date of what a member said.
    pub(super) fn said(&self, member: &Member) -> Timestamp {
        self.state.said.get(member).copied().unwrap_or(self.charter().created)
    }

    /// The earliest time at which the next entry can have been logged, whatever it says of itself.
    pub(super) fn not_before(&self, created: Timestamp) -> Timestamp {
        created.max(self.state.log_time)
    }

    /// An entry of these speakers had its effect.
    pub(super) fn tick(&mut self, created: Timestamp, speakers: &Speakers) {
        let most = self.reached(created, speakers, None).0.saturating_add(APART_MS);
        self.state.log_time = self.state.log_time.max(created.min(Timestamp(most)));
        for member in speakers {
            let said = self.said(member).max(created);
            self.state.said.insert(member.clone(), said);
        }
    }

    /// A recovery that waits keeps others from beginning one, so it is not dated far ahead.
    pub(super) fn not_far_ahead(
        &self,
        created: Timestamp,
        endorsers: &Speakers,
        member: &Member,
    ) -> Result<(), Refused> {
        let most = self.reached(created, endorsers, Some(member)).0.saturating_add(RECOVERY_AHEAD_MS);
        if created.0 > most { Err(Refused::FarAhead) } else { Ok(()) }
    }

    /// Remembers when a member's standing or its root was changed, so that what was endorsed before is not
    /// used after. No date is remembered that is ahead of the log's time.
    pub(super) fn remember_change(&mut self, act: &Act, created: Timestamp) {
        let changed = match act {
            Act::SuspendMember { member, .. } | Act::ReinstateMember { member } => {
                Some((&mut self.state.standing_changed, member))
            }
            Act::RotateRoot { member, .. } | Act::VetoRecovery { member, .. } => {
                Some((&mut self.state.root_changed, member))
            }
            _ => None,
        };
        if let Some((times, member)) = changed {
            let at = created.min(self.state.log_time);
            later(times, member, at);
        }
    }

    /// A recovery of this member's root took effect.
    pub(super) fn remember_recovery(&mut self, member: &Member, created: Timestamp) {
        let at = created.min(self.state.log_time);
        later(&mut self.state.root_changed, member, at);
    }
}

fn later(times: &mut BTreeMap<Member, Timestamp>, member: &Member, at: Timestamp) {
    let had = times.get(member).copied().unwrap_or(at);
    times.insert(member.clone(), had.max(at));
}

/// What several members endorse is drafted after the last change of what it changes.
pub(super) fn not_outdated(
    times: &BTreeMap<Member, Timestamp>,
    member: &Member,
    created: Timestamp,
) -> Result<(), Refused> {
    match times.get(member) {
        Some(changed) if created < *changed => Err(Refused::Outdated(member.clone())),
        _ => Ok(()),
    }
}
