//! `explain`: what a code means, from the same table as `docs/ERRORS.md`.

use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// The generated index of every code (`cargo xtask errors`).
const INDEX: &str = include_str!("../../../../docs/ERRORS.md");

/// Between `Who acts: ` and what follows it in the index.
const THEN: &str = ". What to do: ";
/// Columns of a line; what is longer goes on in the next.
const COLUMNS: usize = 96;
/// Columns of a label.
const LABEL: usize = 15;

/// What the index says of one code.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Explained {
    code: String,
    /// What it says where it appears; braces stand for what is filled in.
    said: Vec<String>,
    means: String,
    who_acts: String,
    what_to_do: String,
}

pub(crate) fn explain(code: &str, out: &Output) -> Result<(), Problem> {
    let wanted = code.trim().to_uppercase();
    let wanted = if wanted.starts_with("POUCH-") { wanted } else { format!("POUCH-{wanted}") };
    let Some(explained) = look_up(&wanted) else {
        return Err(Problem::new(Exit::NotFound, "POUCH-CLI-19", format!("no code {wanted}"))
            .next("every code is in docs/ERRORS.md"));
    };
    out.result("explain", &explained, &explained.words())
}

fn look_up(code: &str) -> Option<Explained> {
    let mut lines = INDEX.lines().skip_while(|line| line.strip_prefix("### ") != Some(code));
    lines.next()?;
    let mut explained = Explained { code: code.to_owned(), ..Explained::default() };
    for line in lines.take_while(|line| !line.starts_with('#')).filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix("> ") {
            explained.said.push(said.replace("&lt;", "<"));
        } else if let Some((who, next)) =
            line.strip_prefix("Who acts: ").and_then(|rest| rest.split_once(THEN))
        {
            explained.who_acts = who.to_owned();
            explained.what_to_do = next.to_owned();
            // Where it stands in the source follows; that is for whoever reads the source.
            break;
        } else {
            let space = if explained.means.is_empty() { "" } else { " " };
            explained.means.push_str(space);
            explained.means.push_str(line);
        }
    }
    Some(explained)
}

/// A text with dots where the program fills something in.
fn with_dots(text: &str) -> String {
    let mut parts = text.split('{');
    let mut dotted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        dotted.push_str("...");
        dotted.push_str(part.split_once('}').map_or(part, |(_, after)| after));
    }
    dotted
}

impl Explained {
    fn words(&self) -> String {
        let mut lines = vec![self.code.clone()];
        for said in &self.said {
            lines.extend(labelled("it says", &with_dots(said)));
        }
        for (label, text) in
            [("it means", &self.means), ("who acts", &self.who_acts), ("what to do", &self.what_to_do)]
        {
            if !text.is_empty() {
                lines.extend(labelled(label, text));
            }
        }
        lines.join("\n")
    }
}

/// A text under its label, broken between words.
fn labelled(label: &str, text: &str) -> Vec<String> {
    let mut lines = vec![format!("{:<LABEL$}", format!("  {label}:"))];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count().saturating_add(word.chars().count()) < COLUMNS => {
                if line.chars().count() > LABEL {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{:LABEL$}{word}", "")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_what_it_means_who_acts_and_what_to_do() {
        let codes: Vec<&str> = INDEX.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        assert!(codes.len() > 300, "{}", codes.len());
        for code in codes {
            let explained = look_up(code).unwrap();
            assert!(!explained.said.is_empty() || !explained.means.is_empty(), "{code}");
            assert!(!explained.who_acts.is_empty() && !explained.what_to_do.is_empty(), "{code}");
            assert!(explained.words().lines().all(|line| line.chars().count() <= COLUMNS), "{code}");
        }
    }

    #[test]
    fn an_unknown_code_or_a_beginning_is_not_explained() {
        for code in ["POUCH-XYZ-99", "POUCH-VER", "POUCH-VER-4", ""] {
            assert_eq!(look_up(code), None, "{code}");
        }
    }

    #[test]
    fn what_the_program_fills_in_is_dots() {
        assert_eq!(
            with_dots("{path}: mode {:04o}, others can reach it"),
            "...: mode ..., others can reach it"
        );
        assert_eq!(with_dots("no relay is reachable"), "no relay is reachable");
    }

    #[test]
    fn a_long_text_goes_on_under_its_first_word() {
        let text = "word ".repeat(30);
        let lines = labelled("it means", &text);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  it means:    word word"), "{lines:?}");
        assert!(lines[1].starts_with("               word"), "{lines:?}");
        assert_eq!(lines.join(" ").split_whitespace().filter(|word| *word == "word").count(), 30);
    }
}
