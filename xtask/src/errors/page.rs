//! The index as a page: by area, then by number.

use core::fmt::Write as _;

use super::codes::{Index, Meaning};
use super::remedies::{Remedies, Remedy};

/// What the three letters of a code say, in the order of the page.
const AREAS: [(&str, &str); 22] = [
    ("CLI", "the command line"),
    ("CFG", "configuration"),
    ("KEY", "keys, key files and passphrases"),
    ("CHA", "the charter"),
    ("DIR", "statements of the directory"),
    ("CER", "what members decide together"),
    ("MIR", "the node's copy of the directory"),
    ("MON", "what the directory says of one's own member"),
    ("NOT", "writing and sealing a notice"),
    ("ADM", "what a relay admits"),
    ("OPN", "opening a sealed message"),
    ("VER", "verifying a notice"),
    ("ORD", "order, gaps and replays"),
    ("TLG", "logs, checkpoints and proofs"),
    ("AUD", "audits"),
    ("EVI", "evidence"),
    ("EXR", "exercises"),
    ("JNT", "joint statements"),
    ("NET", "sessions"),
    ("STO", "the store"),
    ("AGT", "the agent"),
    ("RLY", "the relay"),
];

const HEAD: &str = "# Error index\n
<!-- written by `cargo xtask errors` out of the source; do not edit -->

Every refusal has a code that never changes its meaning. `pouch explain CODE` prints the same.
Words in braces stand for what the program fills in.
";

/// The whole page.
pub(super) fn page(index: &Index, remedies: &Remedies) -> String {
    let mut text = HEAD.to_owned();
    let area = |code: &str| code.split('-').nth(1).unwrap_or_default().to_owned();
    let others = index.codes.keys().map(|code| area(code));
    let mut order: Vec<String> = AREAS.iter().map(|(name, _)| (*name).to_owned()).collect();
    order.extend(others);
    let mut done = Vec::new();
    for name in order {
        let mut codes = index.codes.iter().filter(|(code, _)| area(code) == name).peekable();
        if done.contains(&name) || codes.peek().is_none() {
            continue;
        }
        let says = AREAS.iter().find(|(area, _)| *area == name).map_or("", |(_, says)| says);
        let heading = if says.is_empty() { name.clone() } else { format!("{name}: {says}") };
        write_to(&mut text, format_args!("\n## {heading}\n"));
        for (code, meaning) in codes {
            entry(&mut text, code, meaning, remedies.get(code));
        }
        done.push(name);
    }
    text
}

fn entry(text: &mut String, code: &str, meaning: &Meaning, remedy: Option<&Remedy>) {
    write_to(text, format_args!("\n### {code}\n\n"));
    for message in &meaning.messages {
        write_to(text, format_args!("> {}\n\n", quoted(message)));
    }
    let doc = meaning.doc.trim();
    let means = remedy.and_then(|remedy| remedy.means.as_deref());
    if let Some(says) = means.or((!doc.is_empty()).then_some(doc)) {
        write_to(text, format_args!("{}\n\n", without_links(says)));
    }
    if let Some(remedy) = remedy {
        let who = &remedy.who;
        write_to(text, format_args!("Who acts: {who}. What to do: {}\n\n", remedy.next));
    }
    match &meaning.name {
        Some(name) => write_to(text, format_args!("`{name}` in `crates/{}`\n", meaning.krate)),
        None => write_to(text, format_args!("Said by `crates/{}`.\n", meaning.krate)),
    }
}

/// A message in one line, safe inside a page.
fn quoted(message: &str) -> String {
    message.replace('<', "&lt;").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A doc comment without links to code, which a page outside rustdoc cannot follow.
fn without_links(doc: &str) -> String {
    let mut text = String::new();
    let mut rest = doc;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        text.push_str(before);
        text.push('`');
        text.push_str(name);
        text.push('`');
        rest = match after.strip_prefix('(').and_then(|link| link.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    text.push_str(rest);
    text
}

fn write_to(text: &mut String, what: core::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    text.write_fmt(what).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn an_entry_says_text_cause_and_place() {
        let source = "enum E { /// Held back, see [`crate::late`](x). The sender acts.\n#[error(\"late by <{0}> s\")] Late(u64) }
            impl E { fn code(&self) -> &str { match self { Self::Late(_) => \"POUCH-ADM-03\" } } }
            fn a() { say(\"POUCH-CLI-04\", \"not so\"); }";
        let remedy = Remedy { means: None, who: "member".into(), next: "Ask.".into() };
        let remedies = Remedies::from([("POUCH-ADM-03".into(), remedy)]);
        let text = page(&Index::of(&[SourceFile::new("envelope", "a.rs", source)]), &remedies);
        let body = text.strip_prefix(HEAD).unwrap();
        assert_eq!(
            body,
            "\n## CLI: the command line\n\n### POUCH-CLI-04\n\n> not so\n\nSaid by `crates/envelope`.\n\
             \n## ADM: what a relay admits\n\n### POUCH-ADM-03\n\n> late by &lt;{0}> s\n\n\
             Held back, see `crate::late`. The sender acts.\n\n\
             Who acts: member. What to do: Ask.\n\n`E::Late` in `crates/envelope`\n"
        );
    }

    #[test]
    fn an_area_that_has_no_name_yet_is_not_lost() {
        let source = "fn a() { say(\"POUCH-ZZZ-01\", \"new\"); }";
        let text = page(&Index::of(&[SourceFile::new("cli", "a.rs", source)]), &Remedies::new());
        assert!(text.contains("\n## ZZZ\n\n### POUCH-ZZZ-01\n"));
    }
}
