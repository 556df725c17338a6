//! The one moment before a root key signs. Whatever led to it (a file that was carried, a node's answer, what was
//! typed), a person sees what the very bytes say that will be signed, and is asked.

use std::path::Path;

use pouch_crypto::spoken_digits;
use pouch_directory::{Directory, Statement};
use pouch_notice::visible;
use pouch_wire::{Canonical as _, NetworkId};

use crate::clock;
use crate::commands::acts::words;
use crate::commands::network::read_charter;
use crate::commands::statements::Carried;
use crate::exit::Exit;
use crate::output::{Output, confirm};
use crate::problem::Problem;

/// How the network of a statement is called, and who says so. Its id is what binds.
#[derive(Debug, Clone)]
pub(crate) struct Called(String);

impl Called {
    /// By the charter, whose hash is the network's id.
    pub(crate) fn by_charter(directory: &Directory) -> Self {
        Self(format!("{:?}, by its charter", &*directory.charter().name))
    }

    /// By a node, which may be anybody's.
    pub(crate) fn by_node(name: &str) -> Self {
        Self(format!("{name:?}, as the node calls it"))
    }

    /// By nobody.
    pub(crate) fn unknown() -> Self {
        Self("of a name that is not known here; compare its digits with the charter's".to_owned())
    }
}

/// The directory of a charter, when a statement is of its network.
pub(crate) fn of_charter(path: &Path, network: NetworkId) -> Result<Directory, Problem> {
    let directory = read_charter(path)?.found().map_err(|error| {
        Problem::new(Exit::RefusedByPolicy, error.code(), format!("the charter is not good: {error}"))
    })?;
    if directory.network() == network {
        return Ok(directory);
    }
    Err(Problem::new(
        Exit::NotAuthentic,
        "POUCH-CER-08",
        format!("what is to be signed is about another network than {}", path.display()),
    )
    .next("sign nothing; ask whoever sent it"))
}

/// What a person is asked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Whose key signs, as `the root key of NL`.
    pub(crate) signer: String,
    /// How the network is called.
    pub(crate) network: Called,
    /// What helps to judge it, and is not in the bytes: what stood before, what follows.
    pub(crate) notes: &'a [String],
    /// Sign without asking.
    pub(crate) yes: bool,
    /// The refusal's code when nobody says yes.
    pub(crate) refusal: &'static str,
}

/// The refusal's code when nobody says yes, where there is no other.
pub(crate) const NOTHING_SIGNED: &str = "POUCH-CLI-15";

/// Shows what is about to be signed and asks; nothing is signed unless this is well.
pub(crate) fn consent(carried: &Carried, asked: &Asked<'_>, out: &Output) -> Result<(), Problem> {
    let text = shown(carried, asked)?.join("\n");
    if asked.yes {
        out.say(&text);
        return Ok(());
    }
    // What is signed is shown, however quiet the command is.
    out.show(&text);
    if confirm(&format!("Sign it with {}?", asked.signer)) {
        return Ok(());
    }
    Err(Problem::new(Exit::RefusedByPolicy, asked.refusal, "nothing was signed")
        .next("confirm on a terminal, or give --yes"))
}

/// The lines that are shown, made from the bytes that are signed and from nothing that stands beside them.
fn shown(carried: &Carried, asked: &Asked<'_>) -> Result<Vec<String>, Problem> {
    let statement = Statement::from_bytes(&carried.signed.statement)
        .map_err(|error| Problem::new(Exit::Internal, "POUCH-CLI-05", error.to_string()))?;
    let mut lines = vec![format!("To be signed with {}:", asked.signer)];
    lines.extend(network(statement.network, &asked.network));
    lines.push(format!("  drafted {}", clock::utc(statement.created)));
    lines.extend(words(&statement.act));
    lines.extend(asked.notes.iter().cloned());
    lines.push(format!("digits {}", carried.digits()));
    Ok(lines.iter().map(|line| visible(line, true)).collect())
}

/// A network in words: its name, its whole id, and the digits of that.
fn network(id: NetworkId, called: &Called) -> [String; 3] {
    [
        format!("  in the network {}", called.0),
        format!("  network {id}"),
        format!("  network's digits {}", spoken_digits(&id.0)),
    ]
}

/// What was and what will be, as notes.
pub(crate) fn change(before: &[String], after: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = before.iter().map(|line| format!("  before: {line}")).collect();
    lines.extend(after.iter().map(|line| format!("  after:  {line}")));
    lines
}

#[cfg(test)]
mod tests {
    use pouch_crypto::SigningKey;
    use pouch_directory::Act;
    use pouch_wire::Digest;

    use super::*;

    fn carried(member: &str) -> Carried {
        let act = Act::ReinstateMember { member: member.parse().unwrap() };
        Carried::new(NetworkId(Digest::new([7; 32])), act).unwrap()
    }

    fn asked(notes: &[String], yes: bool) -> Asked<'_> {
        let network = Called::by_node("Demo\u{1b}]0;title\u{7}\nreinstates FR");
        Asked { signer: "the root key of NL".into(), network, notes, yes, refusal: NOTHING_SIGNED }
    }

    #[test]
    fn what_is_shown_is_what_the_bytes_say_and_not_what_lies_beside_them() {
        // Somebody else's statement beside the bytes: the bytes are what is signed.
        let mut forged = carried("NL");
        forged.statement = carried("MD").statement;
        let lines = shown(&forged, &asked(&[], false)).unwrap();
        assert!(lines.contains(&"reinstates NL: its keys speak again".to_owned()), "{lines:?}");
        assert!(!lines.join("\n").contains("MD"), "{lines:?}");
        assert!(lines.contains(&format!("  network {}", "07".repeat(32))), "{lines:?}");
        let digits = format!("  network's digits {}", spoken_digits(&Digest::new([7; 32])));
        assert!(lines.contains(&digits), "{lines:?}");
        assert_eq!(lines.last().unwrap(), &format!("digits {}", forged.digits()));
    }

    #[test]
    fn names_and_notes_from_files_forge_no_line() {
        let notes = change(&["may\u{9b}2J\n  after:  all".to_owned()], &["x\u{202e}".to_owned()]);
        let lines = shown(&carried("NL"), &asked(&notes, false)).unwrap();
        assert!(
            lines.iter().all(|line| !line.chars().any(|c| c.is_control() || c == '\u{202e}')),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line == "  before: may[U+009B]2J   after:  all"), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("  after:")).count(), 1, "{lines:?}");
    }

    #[test]
    fn without_a_terminal_and_without_yes_nothing_is_signed() {
        let out = Output::default();
        // Tests have no terminal to answer on, whatever started them.
        if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            let refused = consent(&carried("NL"), &asked(&[], false), &out).unwrap_err();
            assert_eq!(refused.code, NOTHING_SIGNED);
        }
        consent(&carried("NL").with(&SigningKey::from_seed(&[1; 32])).unwrap(), &asked(&[], true), &out)
            .unwrap();
    }
}
