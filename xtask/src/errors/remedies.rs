//! `docs/errors.toml`: what no source can say of a code, who acts on it and what they do.
//!
//! Written by people, and complete: a code without a remedy fails the check, and so does a remedy
//! for a code that is gone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::codes::Index;
use crate::trouble::Trouble;

/// Where the remedies stand.
const FILE: &str = "docs/errors.toml";
/// Who may have to act.
const ACTORS: [&str; 9] = [
    "nobody",
    "duty officer",
    "node operator",
    "relay operator",
    "witness operator",
    "secretariat",
    "member",
    "auditor",
    "developer",
];

/// What to do about a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remedy {
    /// What it says, where the source has no words of its own.
    pub(super) means: Option<String>,
    /// Who acts.
    pub(super) who: String,
    /// What they do.
    pub(super) next: String,
}

/// The remedies by code.
pub(super) type Remedies = BTreeMap<String, Remedy>;

/// Reads the remedies; every code of the index must have one, and say what it means somewhere.
pub(super) fn remedies(root: &Path, index: &Index) -> Result<Remedies, Trouble> {
    let path = root.join(FILE);
    let text = fs::read_to_string(&path).map_err(|error| Trouble::file(&path, &error))?;
    let remedies = parse(&text)?;
    let mut owed = owed(index, &remedies);
    owed.extend(
        remedies
            .keys()
            .filter(|code| !index.codes.contains_key(*code))
            .map(|code| format!("{code} is no code")),
    );
    if owed.is_empty() {
        Ok(remedies)
    } else {
        Err(Trouble::failed(format!("{FILE}\n  {}", owed.join("\n  "))))
    }
}

fn owed(index: &Index, remedies: &Remedies) -> Vec<String> {
    let mut owed = Vec::new();
    for (code, meaning) in &index.codes {
        match remedies.get(code) {
            None => owed.push(format!("{code} has no remedy")),
            Some(remedy) if remedy.means.is_none() && meaning.messages.is_empty() => {
                owed.push(format!("{code} says nothing in the source; its remedy needs `means`"));
            }
            Some(_) => {}
        }
    }
    owed
}

fn parse(text: &str) -> Result<Remedies, Trouble> {
    let table: toml::Table = text.parse().map_err(|error| Trouble::failed(format!("{FILE}: {error}")))?;
    let mut remedies = Remedies::new();
    for (code, value) in table {
        let wrong = |what: &str| Trouble::failed(format!("{FILE}: {code}: {what}"));
        let Some(entry) = value.as_table() else { return Err(wrong("is no table")) };
        let word =
            |key: &str| entry.get(key).and_then(toml::Value::as_str).map(|text| text.trim().to_owned());
        if let Some(other) = entry.keys().find(|key| !matches!(key.as_str(), "means" | "who" | "next")) {
            return Err(wrong(&format!("{other} is not one of means, who, next")));
        }
        let who = word("who").filter(|who| ACTORS.contains(&who.as_str()));
        let who = who.ok_or_else(|| wrong(&format!("`who` is one of {}", ACTORS.join(", "))))?;
        let next =
            word("next").filter(|next| !next.is_empty()).ok_or_else(|| wrong("`next` says what to do"))?;
        remedies.insert(code.clone(), Remedy { means: word("means"), who, next });
    }
    Ok(remedies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    fn index() -> Index {
        let source = "fn a() { say(\"POUCH-CLI-04\", \"not so\"); say(\"POUCH-CLI-05\", &text); }";
        Index::of(&[SourceFile::new("cli", "a.rs", source)])
    }

    #[test]
    fn a_code_without_remedy_or_meaning_is_owed() {
        let all = "[POUCH-CLI-04]\nwho = \"nobody\"\nnext = \"wait\"\n\
                   [POUCH-CLI-05]\nmeans = \"late\"\nwho = \"auditor\"\nnext = \"ask\"\n";
        assert_eq!(owed(&index(), &parse(all).unwrap()), Vec::<String>::new());
        let without = all.replace("means = \"late\"\n", "");
        assert_eq!(
            owed(&index(), &parse(&without).unwrap()),
            ["POUCH-CLI-05 says nothing in the source; its remedy needs `means`"]
        );
        assert_eq!(owed(&index(), &Remedies::new()).len(), 2);
    }

    #[test]
    fn what_is_no_remedy_is_refused() {
        for text in [
            "[POUCH-CLI-04]\nwho = \"somebody\"\nnext = \"wait\"\n",
            "[POUCH-CLI-04]\nwho = \"nobody\"\nnext = \" \"\n",
            "[POUCH-CLI-04]\nwho = \"nobody\"\nnext = \"wait\"\nthen = \"x\"\n",
            "POUCH-CLI-04 = 1\n",
            "[POUCH",
        ] {
            assert!(matches!(parse(text), Err(Trouble::Failed(_))), "{text}");
        }
    }
}
