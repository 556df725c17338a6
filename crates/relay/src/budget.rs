//! How many statements one party may enter into the directory log in an hour.
//!
//! Every node keeps every entry for ever, so that a party in a loop would fill all of their disks. What
//! ends an attack is never refused: a revocation must not wait behind the thief's own statements.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pouch_directory::Act;
use pouch_net::refusal;
use pouch_wire::Timestamp;
use pouch_wire::session::Refused;
use tracing::debug;

use crate::session::Peer;

/// So many statements in an hour: a member that brings all its offices and officers at once has room.
const STATEMENTS: usize = 60;
/// So many from one relay that passes on what nodes bring: a whole network's while this is their way here.
const PASSED_ON: usize = 1200;
/// So many rotations of its root, which nothing else counts: enough to answer a theft and to be wrong about it.
const ROTATIONS: usize = 4;
const WITHIN: Duration = Duration::from_secs(3600);

/// What each party entered of late. Parties are members and witnesses of the directory, so they are few;
/// who entered nothing for an hour is not remembered.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<HashMap<String, VecDeque<Timestamp>>>);

impl Budget {
    /// Counts a statement that somebody brings.
    ///
    /// # Errors
    /// The refusal, when it brought too many.
    pub(crate) fn take_for(&self, peer: &Peer, act: &Act, now: Timestamp) -> Result<(), Refused> {
        let (party, most) = match peer {
            Peer::ContactPoint(point) => (point.member.to_string(), STATEMENTS),
            // No member's code is written so.
            Peer::Witness(name) => (format!("witness {name}"), STATEMENTS),
            // It brings what nodes brought to it, and counts theirs.
            Peer::Relay(name) | Peer::FormerRelay(name) => (format!("relay {name}"), PASSED_ON),
        };
        self.take(&party, most, act, now).map_err(|wait| {
            debug!(code = "POUCH-RLY-25", "statement refused");
            let words = format!("{party} entered as many statements as it may in an hour");
            refusal("POUCH-RLY-25", &words, Some(wait))
        })
    }

    fn take(&self, party: &str, most: usize, act: &Act, now: Timestamp) -> Result<(), Duration> {
        if always_taken(act) {
            return Ok(());
        }
        let (party, most) = match act {
            // With the member's name, since a relay brings those of many.
            Act::RotateRoot { member, .. } => (format!("{party}: rotations of {member}"), ROTATIONS),
            _ => (party.to_owned(), most),
        };
        let mut parties = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parties.retain(|_, times| {
            // A time in the future is of a clock that was wrong, and would count for too long.
            times.retain(|at| *at <= now && now.since(*at) < WITHIN);
            !times.is_empty()
        });
        let times = parties.entry(party).or_default();
        match times.front() {
            Some(oldest) if times.len() >= most => Err(oldest.after(WITHIN).since(now)),
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
            | Act::RecoverRoot { .. }
            | Act::VetoRecovery { .. }
            | Act::SuspendMember { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_crypto::SigningKey;
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
            assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), Timestamp(NOW.0 + n)), Ok(()), "{n}");
        }
        let then = Timestamp(NOW.0 + 60_000);
        let wait = Err(Duration::from_secs(3540));
        assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), then), wait);
        let close = Act::CloseExercise { exercise: ExerciseId(Digest::new([1; 32])) };
        assert_eq!(budget.take("NL", STATEMENTS, &close, then), wait);
        assert_eq!(budget.take("MD", STATEMENTS, &prekeys(), then), Ok(()), "others have their own");
        assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), Timestamp(NOW.0 + 3_600_000)), Ok(()));
        assert_eq!(
            budget.take("NL", STATEMENTS, &prekeys(), Timestamp(NOW.0 + 3_600_000)),
            Err(Duration::from_millis(1))
        );
    }

    #[test]
    fn a_revocation_is_never_refused_and_takes_no_room() {
        let budget = Budget::default();
        for _ in 0..100 {
            assert_eq!(budget.take("NL", STATEMENTS, &revocation(), NOW), Ok(()));
        }
        for _ in 0..60 {
            assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), NOW), Ok(()));
        }
        assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), NOW), Err(WITHIN));
        assert_eq!(budget.take("NL", STATEMENTS, &revocation(), NOW), Ok(()));
    }

    #[test]
    fn rotations_have_a_small_room_of_their_own() {
        // Each commits to the next, so that one member in a loop grew every disk.
        let budget = Budget::default();
        let rotation = |code: &str| Act::RotateRoot {
            member: code.parse().unwrap(),
            new_root: SigningKey::from_seed(&[1; 32]).public(),
            next_root: KeyId(Digest::new([2; 32])),
        };
        for _ in 0..60 {
            budget.take("NL", STATEMENTS, &prekeys(), NOW).unwrap();
        }
        for _ in 0..4 {
            assert_eq!(budget.take("NL", STATEMENTS, &rotation("NL"), NOW), Ok(()));
        }
        assert_eq!(budget.take("NL", STATEMENTS, &rotation("NL"), NOW), Err(WITHIN));
        // What another brings, true or not, takes nothing of a member's.
        assert_eq!(budget.take("MD", STATEMENTS, &rotation("NL"), NOW), Ok(()));
        assert_eq!(budget.take("relay relay-2", PASSED_ON, &rotation("NL"), NOW), Ok(()));
        assert_eq!(budget.take("NL", STATEMENTS, &revocation(), NOW), Ok(()));
        assert_eq!(budget.take("NL", STATEMENTS, &rotation("NL"), NOW.after(WITHIN)), Ok(()));
    }

    #[test]
    fn nothing_is_remembered_of_who_entered_nothing_for_an_hour() {
        let budget = Budget::default();
        for n in 0..100 {
            budget.take(&n.to_string(), STATEMENTS, &prekeys(), NOW).unwrap();
        }
        assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), NOW.after(WITHIN)), Ok(()));
        assert_eq!(budget.0.lock().unwrap().keys().collect::<Vec<_>>(), ["NL"]);
    }

    #[test]
    fn a_relay_that_passes_on_has_room_for_many_nodes_and_not_for_all() {
        let budget = Budget::default();
        let relay = Peer::Relay("relay-2".into());
        for _ in 0..PASSED_ON {
            budget.take_for(&relay, &prekeys(), NOW).unwrap();
        }
        assert_eq!(*budget.take_for(&relay, &prekeys(), NOW).unwrap_err().code, *"POUCH-RLY-25");
        let node = Peer::ContactPoint("NL/technical".parse().unwrap());
        budget.take_for(&node, &prekeys(), NOW).unwrap();
    }

    #[test]
    fn a_clock_that_was_wrong_costs_nobody_its_room_for_ever() {
        let budget = Budget::default();
        for _ in 0..60 {
            budget.take("NL", STATEMENTS, &prekeys(), Timestamp(u64::MAX)).unwrap();
        }
        assert_eq!(budget.take("NL", STATEMENTS, &prekeys(), NOW), Ok(()));
    }
}
