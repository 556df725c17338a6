//! Watches the directory for statements about this node's own member: whoever holds the root key, or
//! stole it, is seen by the state whose key it is.

use std::collections::{BTreeMap, BTreeSet};

use pouch_control::EventKind;
use pouch_directory::{Act, Outcome, Prekey, SignedStatement, Statement, View, WaitingRecovery};
use pouch_notice::{Moment, visible};
use pouch_wire::{Canonical as _, ContactPoint, Environment, KeyId, Member, Timestamp};

use crate::events::Happening;

/// What this node knows to be its own.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    /// Its contact point.
    pub(crate) me: &'a ContactPoint,
    /// Keys that its member has or had.
    pub(crate) keys: BTreeSet<KeyId>,
    /// Sealing keys that it made and still has.
    pub(crate) prekeys: BTreeSet<KeyId>,
    /// Sealing keys whose day was over then are not kept any more.
    pub(crate) since: Timestamp,
    /// Signing keys that it holds: the one in use, and the one that waits.
    pub(crate) held: BTreeSet<KeyId>,
    /// Transport keys that the directory had for our member's offices.
    pub(crate) transport: BTreeMap<ContactPoint, KeyId>,
}

impl Own<'_> {
    fn lacks(&self, prekey: &Prekey) -> bool {
        prekey.usable_until > self.since && !self.prekeys.contains(&prekey.public.id())
    }

    /// Who may release in our office's name is decided through its own node. What is decided of another
    /// office of our member, that one's node made.
    fn is_foreign(&self, office: &ContactPoint, entered: Entered<'_>) -> bool {
        let has_effect = matches!(entered.outcome, Outcome::Applied);
        has_effect && office == self.me && !entered.made && !entered.first_copy
    }
}

/// Signing, transport, officers' and root keys of a member, by a directory.
pub(crate) fn keys_of(me: &ContactPoint, view: &View<'_>) -> BTreeSet<KeyId> {
    let mut keys = BTreeSet::new();
    let drills = view.exercises().map(|exercise| Environment::Exercise(exercise.id));
    for environment in std::iter::once(Environment::Live).chain(drills) {
        for entry in view.contact_points(environment).filter(|e| e.contact_point.member == me.member) {
            keys.extend([entry.signing.id(), entry.transport.id()]);
            let point = &entry.contact_point;
            keys.extend(view.key_history(point, environment).iter().map(|period| period.key.id()));
            keys.extend(view.officers(point, environment).iter().map(|officer| officer.key.id()));
        }
    }
    keys.extend(view.member(&me.member).map(|record| record.root.id()));
    keys
}

/// The transport key of each office of a member, by a directory.
pub(crate) fn transports_of(me: &ContactPoint, view: &View<'_>) -> BTreeMap<ContactPoint, KeyId> {
    let ours = view.contact_points(Environment::Live).filter(|e| e.contact_point.member == me.member);
    ours.map(|entry| (entry.contact_point.clone(), entry.transport.id())).collect()
}

/// What is known of an entry besides its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered<'a> {
    /// What it did.
    pub(crate) outcome: &'a Outcome,
    /// Whether this node put it into the directory.
    pub(crate) made: bool,
    /// Until when a recovery of our root that waits can be vetoed.
    pub(crate) veto_until: Option<Timestamp>,
    /// Whether it came with the first copy of the directory: what was decided before this node was there
    /// can be none of its own.
    pub(crate) first_copy: bool,
}

/// What an entry does, or tries to do, to our member; `None` when it concerns others, or is daily
/// business.
pub(crate) fn about_us(index: u64, entry: &[u8], entered: Entered<'_>, own: &Own<'_>) -> Option<Happening> {
    let signed = SignedStatement::from_bytes(entry).ok()?;
    let statement = Statement::from_bytes(&signed.statement).ok()?;
    let (kind, code, words) = judged(&statement.act, entered, own)?;
    Some(match entered.outcome {
        Outcome::Applied => {
            let by = if entered.made { "this node published it" } else { not_by_us(&statement.act) };
            let words = format!("entry {index} of the directory concerns us: {words}; {by}");
            Happening::new(kind, code, words)
        }
        // Who published without effect does not have our key: nothing to tell.
        Outcome::NoEffect(_) if matches!(statement.act, Act::PublishPrekeys { .. }) => return None,
        Outcome::NoEffect(refused) => {
            let tries = "tries to concern us and has no effect";
            let words = format!("entry {index} of the directory {tries} ({}): {words}", refused.code());
            Happening::new(EventKind::Key, "POUCH-MON-01", words)
        }
    })
}

/// A recovery of our root that waited before an entry and has taken effect with it, whoever's entry that
/// was: from then on others have our root key.
pub(crate) fn recovered(
    index: u64,
    waited: Option<&WaitingRecovery>,
    member: &Member,
    after: &View<'_>,
) -> Option<Happening> {
    let waited =
        waited.filter(|waited| after.member(member).is_some_and(|now| now.root == waited.new_root))?;
    let words = format!(
        "with entry {index} of the directory the recovery of our root key that entry {} began took effect: key {} decides \
         for {member} from now on, and the old root for nothing; if we did not ask for it, tell every member by telephone and \
         have us suspended",
        waited.index,
        waited.new_root.id().short()
    );
    Some(Happening::new(EventKind::Alarm, "POUCH-MON-03", words))
}

/// What to do with what somebody else published about us. What other members endorse, no key of ours made.
const fn not_by_us(act: &Act) -> &'static str {
    match act {
        Act::RecoverRoot { .. } => {
            "members who endorsed it published it; whether it still waits: pouch directory show"
        }
        Act::SuspendMember { .. } | Act::ReinstateMember { .. } => {
            "members who endorsed it published it: call the secretariat"
        }
        _ => {
            "this node did not publish it: if your state did not order it, revoke the key that made it and call the \
             secretariat"
        }
    }
}

/// What our own office does now and then is an event; what others do to us, or only a thief would, is
/// an alarm.
fn judged(act: &Act, entered: Entered<'_>, own: &Own<'_>) -> Option<(EventKind, &'static str, String)> {
    let member = &own.me.member;
    let key = |words: String| Some((EventKind::Key, "POUCH-MON-01", words));
    let alarm = |words: &str| Some((EventKind::Alarm, "POUCH-MON-02", words.to_owned()));
    match act {
        Act::AuthoriseContactPoint(entry)
            if entry.contact_point == *own.me
                && entry.environment == Environment::Live
                && !own.held.contains(&entry.signing.id()) =>
        {
            alarm(&format!(
                "a signing key {} was authorised for {} that this node does not hold: whoever holds it speaks for us",
                entry.signing.id().short(),
                own.me
            ))
        }
        Act::AuthoriseContactPoint(entry) if entry.contact_point.member == *member => {
            let (point, signing) = (&entry.contact_point, entry.signing.id());
            let live = entry.environment == Environment::Live;
            let place = if live { "signs" } else { "signs in an EXERCISE" };
            let before = own.transport.get(point).filter(|_| live);
            let moved = before.is_some_and(|before| *before != entry.transport.id());
            let transport = if moved { ", and attaches with another transport key" } else { "" };
            key(format!("{point} {place} with key {}{transport}", signing.short()))
        }
        Act::OpenExercise { name, participants, .. } if participants.has(member) => {
            key(format!("EXERCISE {} was opened, and {member} takes part", visible(name, true)))
        }
        Act::AuthoriseOfficer(entry) if entry.contact_point.member == *member => {
            let point = &entry.contact_point;
            let words = format!("an officer was authorised for {point}, with key {}", entry.key.id().short());
            let live = entry.environment == Environment::Live;
            if live && own.is_foreign(point, entered) { alarm(&words) } else { key(words) }
        }
        Act::SetReleaseRules { contact_point, .. } if contact_point.member == *member => {
            let words = format!("the release rules of {contact_point} were changed");
            if own.is_foreign(contact_point, entered) { alarm(&words) } else { key(words) }
        }
        Act::RotateRoot { member: whose, .. } if whose == member => {
            key("the root key was rotated".to_owned())
        }
        Act::VetoRecovery { member: whose, .. } if whose == member => key("a recovery was vetoed".to_owned()),
        Act::ReinstateMember { member: whose } if whose == member => key("we were reinstated".to_owned()),
        Act::RevokeKey { key: revoked, .. } if own.keys.contains(revoked) => {
            key(format!("our key {} was revoked", revoked.short()))
        }
        Act::RecoverRoot { member: whose, .. } if whose == member => {
            let until =
                entered.veto_until.map(|until| format!(" until {}", Moment(until))).unwrap_or_default();
            alarm(&format!(
                "others began to recover our root key; if we did not ask, veto it{until} with the next root"
            ))
        }
        Act::SuspendMember { member: whose, .. } if whose == member => alarm("we were suspended"),
        Act::PublishPrekeys { contact_point, prekeys, .. }
            if contact_point == own.me && prekeys.iter().any(|prekey| own.lacks(prekey)) =>
        {
            alarm(
                "sealing keys of ours were published that this node did not make: whoever did has our signing key and \
                 reads what is sealed to them; revoke the key",
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_crypto::SigningKey;

    fn me() -> ContactPoint {
        "MD/policy".parse().unwrap()
    }

    fn own(me: &ContactPoint, revocable: KeyId) -> Own<'_> {
        Own {
            me,
            keys: [revocable].into(),
            prekeys: BTreeSet::new(),
            since: Timestamp(0),
            held: BTreeSet::new(),
            transport: BTreeMap::new(),
        }
    }

    /// Which kind of event an act is for MD, and its words.
    fn told(act: &Act, own: &Own<'_>) -> Option<(EventKind, String)> {
        told_of(act, entered(&Outcome::Applied), own)
    }

    fn told_of(act: &Act, entered: Entered<'_>, own: &Own<'_>) -> Option<(EventKind, String)> {
        judged(act, entered, own).map(|(kind, _, words)| (kind, words))
    }

    /// By somebody else, now.
    fn entered(outcome: &Outcome) -> Entered<'_> {
        let veto_until = Some(Timestamp(1_800_000_000_000));
        Entered { outcome, made: false, veto_until, first_copy: false }
    }

    #[test]
    fn who_may_release_in_our_name_is_an_alarm_unless_this_node_published_it() {
        let me = me();
        let own = own(&me, SigningKey::generate(&mut rand::rng()).public().id());
        let rules = |office: &str| Act::SetReleaseRules {
            contact_point: office.parse().unwrap(),
            rules: pouch_wire::List::default(),
        };
        let (kind, words) = told(&rules("MD/policy"), &own).unwrap();
        assert_eq!(kind, EventKind::Alarm);
        assert!(words.contains("release rules of MD/policy"), "{words}");
        let refused = Outcome::NoEffect(pouch_directory::StatementRefused::OtherNetwork);
        for harmless in [
            Entered { made: true, ..entered(&Outcome::Applied) },
            Entered { first_copy: true, ..entered(&Outcome::Applied) },
            entered(&refused),
        ] {
            assert_eq!(told_of(&rules("MD/policy"), harmless, &own).unwrap().0, EventKind::Key);
        }
        // The node of our other office published that.
        assert_eq!(told(&rules("MD/technical"), &own).unwrap().0, EventKind::Key);
        assert!(told(&rules("NL/policy"), &own).is_none(), "it concerns others");
    }

    #[test]
    fn what_others_do_to_us_is_an_alarm_and_says_until_when_it_can_be_vetoed() {
        let me = me();
        let key = SigningKey::generate(&mut rand::rng()).public();
        let own = own(&me, key.id());
        let act = |member: Member| Act::RecoverRoot { member, new_root: key, next_root: key.id() };
        let (kind, words) = told(&act(me.member.clone()), &own).unwrap();
        assert_eq!(kind, EventKind::Alarm);
        assert!(words.contains("veto it until 2027-01-15"), "{words}");
        assert!(told(&act("NL".parse().unwrap()), &own).is_none(), "it concerns others");
    }

    #[test]
    fn what_our_own_root_may_have_ordered_is_told_and_is_no_alarm() {
        let me = me();
        let key = SigningKey::generate(&mut rand::rng()).public();
        let own = own(&me, key.id());
        let rotated = Act::RotateRoot { member: me.member.clone(), new_root: key, next_root: key.id() };
        assert_eq!(told(&rotated, &own).unwrap().0, EventKind::Key);
        let revoked = |key| Act::RevokeKey {
            key,
            reason: pouch_directory::RevocationReason::Superseded,
            effective: Timestamp(1),
        };
        assert_eq!(told(&revoked(key.id()), &own).unwrap().0, EventKind::Key);
        let other = SigningKey::generate(&mut rand::rng()).public().id();
        assert!(told(&revoked(other), &own).is_none(), "another member's key");
    }
}
