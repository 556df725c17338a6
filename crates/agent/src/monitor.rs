//! Watches the directory for statements about this node's own member: whoever holds the root key, or
//! stole it, is seen by the state whose key it is.

use std::collections::BTreeSet;

use pouch_control::EventKind;
use pouch_directory::{Act, Outcome, Prekey, SignedStatement, Statement, View};
use pouch_notice::visible;
use pouch_wire::{Canonical as _, ContactPoint, Environment, KeyId, Timestamp};

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
}

impl Own<'_> {
    fn lacks(&self, prekey: &Prekey) -> bool {
        prekey.usable_until > self.since && !self.prekeys.contains(&prekey.public.id())
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

/// What an entry does, or tries to do, to our member; `None` when it concerns others, or is daily
/// business.
pub(crate) fn about_us(index: u64, entry: &[u8], outcome: &Outcome, own: &Own<'_>) -> Option<Happening> {
    let signed = SignedStatement::from_bytes(entry).ok()?;
    let statement = Statement::from_bytes(&signed.statement).ok()?;
    let (kind, code, words) = judged(&statement.act, own)?;
    Some(match outcome {
        Outcome::Applied => {
            Happening::new(kind, code, format!("entry {index} of the directory concerns us: {words}"))
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

/// What our own office does now and then is an event; what others do to us, or only a thief would, is
/// an alarm.
fn judged(act: &Act, own: &Own<'_>) -> Option<(EventKind, &'static str, String)> {
    let member = &own.me.member;
    let key = |words: String| Some((EventKind::Key, "POUCH-MON-01", words));
    let alarm = |words: &str| Some((EventKind::Alarm, "POUCH-MON-02", words.to_owned()));
    match act {
        Act::AuthoriseContactPoint(entry) if entry.contact_point.member == *member => {
            let place = match entry.environment {
                Environment::Live => "signs",
                Environment::Exercise(_) => "signs in an EXERCISE",
            };
            key(format!("{} {place} with key {}", entry.contact_point, entry.signing.id().short()))
        }
        Act::OpenExercise { name, participants, .. } if participants.has(member) => {
            key(format!("EXERCISE {} was opened, and {member} takes part", visible(name, true)))
        }
        Act::AuthoriseOfficer(entry) if entry.contact_point.member == *member => {
            key("an officer was authorised".to_owned())
        }
        Act::SetReleaseRules { contact_point, .. } if contact_point.member == *member => {
            key("the release rules were changed".to_owned())
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
            alarm("others began to recover our root key; veto it if we did not ask")
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
