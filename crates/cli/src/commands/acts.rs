//! What an act of the directory does, in words: everything that a signer must know. Every field has a line of
//! its own, so that no name or telephone can pass for another field, and keys are shown whole: a few digits of
//! a key are soon made again.

use pouch_crypto::KeyFingerprint;
use pouch_directory::{Act, ContactPointEntry, Mandate, OfficerEntry};
use pouch_notice::visible;
use pouch_wire::{Environment, KeyId};

use crate::clock;

/// What an act does, in words, one field a line; the first line begins with a verb.
pub(crate) fn words(act: &Act) -> Vec<String> {
    let lines = match act {
        Act::AdmitMember { member, name, root, next_root } => vec![
            format!("admits {member} ({}) as a member", &**name),
            format!("  its root key {}", root.id()),
            format!("  the root after it {next_root}"),
        ],
        Act::SuspendMember { member, reason } => {
            vec![format!("suspends {member}: its keys speak for nobody"), format!("  because {}", &**reason)]
        }
        Act::ReinstateMember { member } => vec![format!("reinstates {member}: its keys speak again")],
        Act::ChangeNetwork(change) => {
            let mut lines = vec![format!("changes the network that entry {} made", change.since)];
            lines.extend(change.words().into_iter().map(|line| format!("  {line}")));
            lines
        }
        Act::RecoverRoot { member, new_root, next_root } => vec![
            format!("gives {member} a new root key, after a delay in which {member} can veto it"),
            format!("  the new root key {}", new_root.id()),
            format!("  the root after it {next_root}"),
        ],
        Act::RotateRoot { member, new_root, next_root } => vec![
            format!("takes the committed next root of {member} into use"),
            format!("  the root key {}", new_root.id()),
            format!("  the root after it {next_root}"),
        ],
        Act::VetoRecovery { member, next_root } => vec![
            format!("vetoes the recovery of {member} that waits"),
            format!("  by the committed next root {}", next_root.id()),
        ],
        Act::RevokeKey { key, reason, effective } => vec![
            format!("revokes key {key} for ever ({})", reason.as_str()),
            format!("  with effect from {}", clock::utc(*effective)),
        ],
        Act::AuthoriseContactPoint(entry) => office(entry),
        Act::AuthoriseOfficer(entry) => officer(entry),
        Act::SetReleaseRules { contact_point, rules } => {
            let mut lines = vec![format!("sets {} release rules of {contact_point}", rules.len())];
            lines.extend(rules.iter().map(|rule| format!("  {}", rule.words())));
            lines
        }
        Act::PublishPrekeys { contact_point, environment, prekeys } => {
            let head = format!("publishes {} sealing keys of {contact_point}", prekeys.len());
            let mut lines = vec![head + &within(*environment), world(*environment)];
            lines.extend(prekeys.iter().map(|prekey| {
                let (from, until) = (clock::utc(prekey.usable_from), clock::utc(prekey.usable_until));
                format!("  key {}, from {from} until {until}", prekey.public.id())
            }));
            lines
        }
        Act::OpenExercise { name, participants, from, until } => {
            let members: Vec<&str> = participants.iter().map(|member| member.as_str()).collect();
            vec![
                format!("opens the exercise {:?} for {}", &**name, members.join(", ")),
                format!("  from {} until {}", clock::utc(*from), clock::utc(*until)),
            ]
        }
        Act::CloseExercise { exercise } => vec![format!("ends exercise {exercise} at once")],
    };
    lines.iter().map(|line| visible(line, true)).collect()
}

fn office(entry: &ContactPointEntry) -> Vec<String> {
    let mut lines = vec![
        format!("authorises {}{}", entry.contact_point, within(entry.environment)),
        world(entry.environment),
    ];
    lines.extend(key("signing key", entry.signing.id()));
    lines.extend(key("its node's session key", entry.transport.id()));
    lines.extend(entry.display_names.iter().map(|n| format!("  name ({}): {}", &*n.language, &*n.name)));
    lines.push(format!("  telephone {}", &*entry.telephone));
    lines.extend(entry.home_relays.iter().map(|relay| format!("  collects at {}", &**relay)));
    lines.extend(may(&entry.mandate));
    lines
}

fn officer(entry: &OfficerEntry) -> Vec<String> {
    let mut lines = vec![
        format!("authorises an officer of {}{}", entry.contact_point, within(entry.environment)),
        world(entry.environment),
        format!("  title {}", &*entry.title),
        format!("  person {}", &*entry.person),
    ];
    lines.extend(key("key", entry.key.id()));
    lines.extend(may(&entry.mandate));
    lines
}

/// A key's whole id, and its digits as they are read aloud.
pub(crate) fn key(what: &str, id: KeyId) -> [String; 2] {
    [format!("  {what} {id}"), format!("    digits {}", KeyFingerprint::of(&id))]
}

/// Says of what belongs to an exercise that it does.
fn within(environment: Environment) -> String {
    match environment {
        Environment::Live => String::new(),
        Environment::Exercise(id) => format!(" in EXERCISE {}", id.short()),
    }
}

fn world(environment: Environment) -> String {
    format!("  environment: {environment}")
}

/// What one is authorised to do, from when and until when.
fn may(mandate: &Mandate) -> [String; 2] {
    [
        format!("  may: {}", mandate.words()),
        format!("  from {} until {}", clock::utc(mandate.from), clock::utc(mandate.until)),
    ]
}

#[cfg(test)]
mod tests {
    use pouch_crypto::SigningKey;
    use pouch_wire::{ExerciseId, List, Set, Text};

    use super::*;
    use crate::commands::network::full_mandate;

    fn entry() -> ContactPointEntry {
        ContactPointEntry {
            contact_point: "NL/technical".parse().unwrap(),
            environment: Environment::Live,
            signing: SigningKey::from_seed(&[1; 32]).public(),
            transport: SigningKey::from_seed(&[2; 32]).public(),
            home_relays: List::new(vec![Text::new("relay-1").unwrap(), Text::new("relay-2").unwrap()])
                .unwrap(),
            telephone: Text::new("+31 555").unwrap(),
            display_names: Set::new([pouch_directory::DisplayName {
                language: Text::new("en").unwrap(),
                name: Text::new("Technical").unwrap(),
            }])
            .unwrap(),
            mandate: full_mandate().unwrap(),
        }
    }

    fn said(entry: ContactPointEntry) -> Vec<String> {
        words(&Act::AuthoriseContactPoint(Box::new(entry)))
    }

    /// Whatever an attacker changes of an entry, somebody who looks sees it.
    #[test]
    fn no_field_of_an_office_or_an_officer_changes_unseen() {
        type Edit = fn(&mut ContactPointEntry);
        let edits: [Edit; 11] = [
            |e| e.contact_point = "NL/policy".parse().unwrap(),
            |e| e.environment = Environment::Exercise(ExerciseId(pouch_crypto::sha256(b"drill"))),
            |e| e.signing = SigningKey::from_seed(&[3; 32]).public(),
            |e| e.transport = SigningKey::from_seed(&[3; 32]).public(),
            |e| e.home_relays = List::new(vec![Text::new("relay-2").unwrap()]).unwrap(),
            |e| e.telephone = Text::new("+32 555").unwrap(),
            |e| e.display_names = Set::default(),
            |e| e.mandate.highest_precedence = pouch_wire::Precedence::Routine,
            |e| e.mandate.strictest_tlp = pouch_wire::Tlp::Amber,
            |e| e.mandate.from = e.mandate.from.after(std::time::Duration::from_secs(60)),
            |e| e.mandate.until = e.mandate.until.after(std::time::Duration::from_secs(60)),
        ];
        let before = said(entry());
        for (index, edit) in edits.iter().enumerate() {
            let mut changed = entry();
            edit(&mut changed);
            assert_ne!(said(changed), before, "edit {index}");
        }
        let first = OfficerEntry {
            contact_point: "NL/technical".parse().unwrap(),
            environment: Environment::Live,
            key: SigningKey::from_seed(&[1; 32]).public(),
            title: Text::new("Director").unwrap(),
            person: Text::new("anna").unwrap(),
            mandate: full_mandate().unwrap(),
        };
        let officer = |entry: &OfficerEntry| words(&Act::AuthoriseOfficer(Box::new(entry.clone())));
        for other in [
            OfficerEntry { key: SigningKey::from_seed(&[3; 32]).public(), ..first.clone() },
            OfficerEntry { title: Text::new("Deputy").unwrap(), ..first.clone() },
            OfficerEntry { person: Text::new("bert").unwrap(), ..first.clone() },
            OfficerEntry {
                environment: Environment::Exercise(ExerciseId(pouch_crypto::sha256(b"drill"))),
                ..first.clone()
            },
        ] {
            assert_ne!(officer(&other), officer(&first));
        }
    }

    #[test]
    fn keys_are_shown_whole_and_a_name_fakes_no_line_and_moves_no_cursor() {
        let mut forged = entry();
        forged.telephone = Text::new("+31 1\n  may: nothing\u{202e}").unwrap();
        let signing = forged.signing.id();
        let lines = said(forged);
        assert!(lines.contains(&format!("  signing key {signing}")), "{lines:?}");
        assert!(lines.contains(&format!("    digits {}", KeyFingerprint::of(&signing))), "{lines:?}");
        assert!(lines.contains(&"  telephone +31 1   may: nothing[U+202E]".to_owned()), "{lines:?}");
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
    }
}
