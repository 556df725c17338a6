//! Statements as tests say them.

use pouch_directory::{
    Act, Audience, ContactPointEntry, Mandate, NetworkChange, OfficerEntry, Prekey, ReleaseRule,
    RevocationReason,
};
use pouch_wire::{Environment, ExerciseId, List, NoticeType, Precedence, Set, Timestamp, Tlp};

use crate::world::{DAY, FOUNDED, THRESHOLDS, id, key, member, members, point, prekey, relay, set, text};

/// Everything, for a year.
pub(crate) fn mandate() -> Mandate {
    Mandate {
        types: set(NoticeType::ALL),
        highest_precedence: Precedence::Flash,
        strictest_tlp: Tlp::Red,
        most_open_tlp: Tlp::Clear,
        audience: Audience::Everyone,
        from: FOUNDED,
        until: Timestamp(FOUNDED.0 + 365 * DAY),
    }
}

/// An office with a signing key of this name.
pub(crate) fn office(name: &str, signing: &str) -> ContactPointEntry {
    ContactPointEntry {
        contact_point: point(name),
        environment: Environment::Live,
        signing: key(signing).public(),
        transport: key(&format!("{name} transport")).public(),
        home_relays: List::new(vec![text("relay-1")]).unwrap(),
        telephone: text("+31 70 555 0100"),
        display_names: Set::default(),
        mandate: mandate(),
    }
}

pub(crate) fn contact_point(entry: ContactPointEntry) -> Act {
    Act::AuthoriseContactPoint(Box::new(entry))
}

pub(crate) fn authorise(name: &str, signing: &str) -> Act {
    contact_point(office(name, signing))
}

/// The office's keys in an exercise; its node is the same.
pub(crate) fn authorise_in(name: &str, signing: &str, exercise: ExerciseId) -> Act {
    contact_point(ContactPointEntry { environment: Environment::Exercise(exercise), ..office(name, signing) })
}

pub(crate) fn officer(name: &str) -> OfficerEntry {
    OfficerEntry {
        contact_point: point("NL/technical"),
        environment: Environment::Live,
        key: key(name).public(),
        title: text("Head of the crisis desk"),
        person: text("person-1"),
        mandate: mandate(),
    }
}

pub(crate) fn authorise_officer(entry: OfficerEntry) -> Act {
    Act::AuthoriseOfficer(Box::new(entry))
}

pub(crate) fn release_rule(officers: u8) -> ReleaseRule {
    ReleaseRule {
        types: set(&[NoticeType::IncidentNotice, NoticeType::FreeText]),
        at_or_above: Precedence::Immediate,
        officers,
        break_glass: true,
    }
}

pub(crate) fn release_rules(rules: Vec<ReleaseRule>) -> Act {
    Act::SetReleaseRules { contact_point: point("NL/technical"), rules: List::new(rules).unwrap() }
}

/// A prekey for the day that begins then.
pub(crate) fn day_key(name: &str, from: Timestamp) -> Prekey {
    Prekey { public: prekey(name).public().clone(), usable_from: from, usable_until: Timestamp(from.0 + DAY) }
}

pub(crate) fn prekeys(office: &str, environment: Environment, prekeys: Vec<Prekey>) -> Act {
    Act::PublishPrekeys { contact_point: point(office), environment, prekeys: List::new(prekeys).unwrap() }
}

pub(crate) fn admit(code: &str) -> Act {
    Act::AdmitMember {
        member: member(code),
        name: text("A newcomer"),
        root: key(&format!("{code} root")).public(),
        next_root: id(&format!("{code} next root")),
    }
}

pub(crate) fn rotate(code: &str, new_root: &str, next_root: &str) -> Act {
    Act::RotateRoot { member: member(code), new_root: key(new_root).public(), next_root: id(next_root) }
}

/// A recovery of NL's root.
pub(crate) fn recover(new_root: &str, next_root: &str) -> Act {
    Act::RecoverRoot { member: member("NL"), new_root: key(new_root).public(), next_root: id(next_root) }
}

pub(crate) fn veto(next_root: &str) -> Act {
    Act::VetoRecovery { member: member("NL"), next_root: key(next_root).public() }
}

pub(crate) fn revoke(name: &str) -> Act {
    Act::RevokeKey { key: id(name), reason: RevocationReason::Compromised, effective: FOUNDED }
}

pub(crate) fn open_exercise(name: &str, codes: &[&str], from: Timestamp) -> Act {
    let until = Timestamp(from.0 + 7 * DAY);
    Act::OpenExercise { name: text(name), participants: members(codes), from, until }
}

pub(crate) fn suspend(code: &str) -> Act {
    Act::SuspendMember { member: member(code), reason: text("for the tests") }
}

pub(crate) fn reinstate(code: &str) -> Act {
    Act::ReinstateMember { member: member(code) }
}

/// A change of the charter's network that changes nothing yet.
pub(crate) fn no_change() -> NetworkChange {
    NetworkChange {
        since: 0,
        drop_relays: Set::default(),
        relays: List::default(),
        first_relay: None,
        drop_witnesses: Set::default(),
        witnesses: Set::default(),
        quorum: 2,
        thresholds: THRESHOLDS,
        directory_log: None,
    }
}

/// The second relay alone, and the witnesses of the charter.
pub(crate) fn change_network() -> Act {
    Act::ChangeNetwork(Box::new(NetworkChange {
        drop_relays: set(&[text("relay-1")]),
        relays: List::new(vec![relay("relay-2")]).unwrap(),
        quorum: 1,
        ..no_change()
    }))
}
