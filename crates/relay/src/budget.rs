//! How many statements one party may enter into the directory log in an hour.
//!
//! Every node keeps every entry for ever, so that a party in a loop would fill all of their disks. What
//! ends an attack is never refused: a revocation must not wait behind the thief's own statements.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pouch_directory::Act;
use pouch_wire::Timestamp;

/// So many statements in an hour: a member that brings all its offices and officers at once has room.
const STATEMENTS: usize = 60;
const WITHIN: Duration = Duration::from_secs(3600);

/// What each party entered of late. Parties are members and witnesses of the directory, so they are few;
/// who entered nothing for an hour is not remembered.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<HashMap<String, VecDeque<Timestamp>>>);

impl Budget {
    /// Counts a statement that is about to be entered.
    ///
    /// # Errors
    /// When to come again.
    pub(crate) fn take(&self, party: &str, act: &Act, now: Timestamp) -> Result<(), Duration> {
        if always_taken(act) {
            return Ok(());
        }
        let mut parties = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parties.retain(|_, times| {
            // A time in the future is of a clock that was wrong, and would count for too long.
            times.retain(|at| *at <= now && now.since(*at) < WITHIN);
            !times.is_empty()
        });
        let times = parties.entry(party.to_owned()).or_default();
        match times.front() {
            Some(oldest) if times.len() >= STATEMENTS => Err(oldest.after(WITHIN).since(now)),
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

/// Acts by which members end an attack or win back a root. Only their roots sign them.
const fn always_taken(act: &Act) -> bool {
    matches!(
        act,
        Act::RevokeKey { .. }
            | Act::RotateRoot { .. }
            | Act::RecoverRoot { .. }
            | Act::VetoRecovery { .. }
            | Act::SuspendMember { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_directory::RevocationReason;
    use pouch_wire::{Digest, Environment, ExerciseId, KeyId, List};

    const NOW: Timestamp = Timestamp(1_795_500_000_000);

    fn prekeys() -> Act {
        Act::PublishPrekeys {
            contact_point: "NL/technical".parse().unwrap(),
            environment: Environment::Live,
            prekeys: List::default(),
        }
    }

    fn revocation() -> Act {
        let key = KeyId(Digest::new([1; 32]));
        Act::RevokeKey { key, reason: RevocationReason::Compromised, effective: NOW }
    }

    #[test]
    fn a_party_in_a_loop_is_stopped_and_told_when_to_come_again() {
        let budget = Budget::default();
        for n in 0..60 {
            assert_eq!(budget.take("NL", &prekeys(), Timestamp(NOW.0 + n)), Ok(()), "{n}");
        }
        let then = Timestamp(NOW.0 + 60_000);
        let wait = Err(Duration::from_secs(3540));
        assert_eq!(budget.take("NL", &prekeys(), then), wait);
        let close = Act::CloseExercise { exercise: ExerciseId(Digest::new([1; 32])) };
        assert_eq!(budget.take("NL", &close, then), wait);
        assert_eq!(budget.take("MD", &prekeys(), then), Ok(()), "others have their own");
        assert_eq!(budget.take("NL", &prekeys(), Timestamp(NOW.0 + 3_600_000)), Ok(()));
        assert_eq!(
            budget.take("NL", &prekeys(), Timestamp(NOW.0 + 3_600_000)),
            Err(Duration::from_millis(1))
        );
    }

    #[test]
    fn a_revocation_is_never_refused_and_takes_no_room() {
        let budget = Budget::default();
        for _ in 0..100 {
            assert_eq!(budget.take("NL", &revocation(), NOW), Ok(()));
        }
        for _ in 0..60 {
            assert_eq!(budget.take("NL", &prekeys(), NOW), Ok(()));
        }
        assert_eq!(budget.take("NL", &prekeys(), NOW), Err(WITHIN));
        assert_eq!(budget.take("NL", &revocation(), NOW), Ok(()));
    }

    #[test]
    fn nothing_is_remembered_of_who_entered_nothing_for_an_hour() {
        let budget = Budget::default();
        for n in 0..100 {
            budget.take(&n.to_string(), &prekeys(), NOW).unwrap();
        }
        assert_eq!(budget.take("NL", &prekeys(), NOW.after(WITHIN)), Ok(()));
        assert_eq!(budget.0.lock().unwrap().keys().collect::<Vec<_>>(), ["NL"]);
    }

    #[test]
    fn a_clock_that_was_wrong_costs_nobody_its_room_for_ever() {
        let budget = Budget::default();
        for _ in 0..60 {
            budget.take("NL", &prekeys(), Timestamp(u64::MAX)).unwrap();
        }
        assert_eq!(budget.take("NL", &prekeys(), NOW), Ok(()));
    }
}
