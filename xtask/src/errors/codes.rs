//! Where a code is given: the arm of a match, a function that returns it, or a call that carries it.

use std::collections::{BTreeMap, BTreeSet};

use super::types::{Above, Type, types};
use crate::source::SourceFile;
use crate::tokens::{Kind, Token};

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The type and variant that has the code; `None` when a call gives it.
    pub(super) name: Option<String>,
    /// The crate's folder.
    pub(super) krate: String,
    /// What people read; several where several calls give the code.
    pub(super) messages: BTreeSet<String>,
    /// Cause, and who acts.
    pub(super) doc: String,
}

/// Every code of the source.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// What each code stands for.
    pub(super) codes: BTreeMap<String, Meaning>,
    /// Codes that stand for two things, or texts that name another code than their variant has.
    pub(super) conflicts: Vec<String>,
}

impl Index {
    /// The codes of these files.
    pub(super) fn of(files: &[SourceFile]) -> Self {
        let mut known: BTreeMap<(String, String), Type> = BTreeMap::new();
        for file in files {
            let named = types(&file.tokens).into_iter();
            known.extend(named.map(|(name, found)| ((file.krate.clone(), name), found)));
        }
        let mut index = Self::default();
        let mut calls = Vec::new();
        for file in files {
            index.file(file, &known, &mut calls);
        }
        for (code, meaning) in calls {
            index.called(code, meaning);
        }
        index.texts(&known);
        index
    }

    fn file(
        &mut self,
        file: &SourceFile,
        known: &BTreeMap<(String, String), Type>,
        calls: &mut Vec<(String, Meaning)>,
    ) {
        for (at, token) in file.tokens.iter().enumerate() {
            if token.kind != Kind::Quoted || !is_code(&token.text) {
                continue;
            }
            let (before, after) =
                (file.tokens.get(..at).unwrap_or_default(), file.tokens.get(at..).unwrap_or_default());
            match place(before, after) {
                Place::Reference => {}
                Place::Arm(patterns) => {
                    let owner = implementing(before).unwrap_or_default();
                    for (named, variant) in patterns.iter().filter_map(|pattern| subject(pattern)) {
                        let named = if named == "Self" { owner.clone() } else { named };
                        self.variant(file, known, &token.text, &named, Some(&variant));
                    }
                }
                Place::Body => match implementing(before) {
                    Some(owner) => self.variant(file, known, &token.text, &owner, None),
                    None => calls.push((token.text.clone(), call(file, after))),
                },
                Place::Call => calls.push((token.text.clone(), call(file, after))),
            }
        }
    }

    /// A variant, or a type without variants, has this code.
    fn variant(
        &mut self,
        file: &SourceFile,
        known: &BTreeMap<(String, String), Type>,
        code: &str,
        owner: &str,
        variant: Option<&str>,
    ) {
        let here = known.get_key_value(&(file.krate.clone(), owner.to_owned()));
        let found = here.or_else(|| known.iter().find(|((_, name), _)| name == owner));
        let krate = found.map_or(&file.krate, |((krate, _), _)| krate).clone();
        let above = match (found, variant) {
            (Some((_, found)), Some(variant)) => found.variants.get(variant).cloned().unwrap_or_default(),
            (Some((_, found)), None) => found.above.clone(),
            (None, _) => Above::default(),
        };
        let name = variant.map_or_else(|| owner.to_owned(), |variant| format!("{owner}::{variant}"));
        let stated = code_of(&above.message);
        if stated.is_some_and(|stated| stated != code) {
            self.conflicts
                .push(format!("{name} has {code}, and its text says {}", stated.unwrap_or_default()));
        }
        let messages = message(&above.message).into_iter().collect();
        let meaning = Meaning { name: Some(name), krate, messages, doc: above.doc };
        match self.codes.get(code) {
            Some(other) if other.name != meaning.name => {
                let other = other.name.as_deref().unwrap_or("a call");
                let name = meaning.name.as_deref().unwrap_or("a call");
                self.conflicts.push(format!("{code} is {other} and {name} ({})", file.path));
            }
            Some(_) => {}
            None => {
                self.codes.insert(code.to_owned(), meaning);
            }
        }
    }

    /// A call gives this code. One that a variant has is only passed on.
    fn called(&mut self, code: String, meaning: Meaning) {
        match self.codes.get_mut(&code) {
            Some(known) if known.name.is_none() => known.messages.extend(meaning.messages),
            Some(_) => {}
            None => {
                self.codes.insert(code, meaning);
            }
        }
    }

    /// Texts of errors that begin with a code which nothing else gives.
    fn texts(&mut self, known: &BTreeMap<(String, String), Type>) {
        for ((krate, name), found) in known {
            let variants =
                found.variants.iter().map(|(variant, above)| (format!("{name}::{variant}"), above));
            for (name, above) in variants.chain([(name.clone(), &found.above)]) {
                let Some(code) = code_of(&above.message) else { continue };
                let messages = message(&above.message).into_iter().collect();
                let meaning = Meaning {
                    name: Some(name.clone()),
                    krate: krate.clone(),
                    messages,
                    doc: above.doc.clone(),
                };
                let other = self.codes.entry(code.to_owned()).or_insert(meaning);
                if other.name.as_ref().is_some_and(|other| *other != name) {
                    let other = other.name.clone().unwrap_or_default();
                    self.conflicts.push(format!("{code} is {other} and the text of {name}"));
                }
            }
        }
    }
}

/// How a code stands in the source.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// Compared with something: it was given elsewhere.
    Reference,
    /// What a match arm with these patterns yields.
    Arm(Vec<&'a [Token]>),
    /// All that a function says.
    Body,
    /// One of a call's arguments, or a constant.
    Call,
}

fn place<'a>(before: &'a [Token], after: &[Token]) -> Place<'a> {
    match before {
        [.., equal, second] if equal.is_sign("=") && second.is_sign("=") => Place::Reference,
        [.., not, equal] if not.is_sign("!") && equal.is_sign("=") => Place::Reference,
        [pattern @ .., equal, arrow] if equal.is_sign("=") && arrow.is_sign(">") => {
            Place::Arm(patterns(pattern))
        }
        [pattern @ .., equal, arrow, paren]
            if equal.is_sign("=") && arrow.is_sign(">") && paren.is_sign("(") =>
        {
            Place::Arm(patterns(pattern))
        }
        [head @ .., brace]
            if brace.is_sign("{")
                && after.get(1).is_some_and(|token| token.is_sign("}"))
                && heads_a_function(head) =>
        {
            Place::Body
        }
        _ if after.get(1).zip(after.get(2)).is_some_and(|(a, b)| a.is_sign("=") && b.is_sign(">")) => {
            Place::Reference
        }
        _ => Place::Call,
    }
}

/// Whether the brace after these tokens opens a function's body, not a branch of an `if`.
fn heads_a_function(head: &[Token]) -> bool {
    let statement = head.rsplit(|token| ["{", "}", ";"].iter().any(|sign| token.is_sign(sign))).next();
    statement.is_some_and(|tokens| tokens.iter().any(|token| token.is_word("fn")))
}

/// The alternatives of the pattern at the end of these tokens.
fn patterns(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let mut start = tokens.len();
    for (at, token) in tokens.iter().enumerate().rev() {
        if depth == 0 && (token.is_sign(",") || token.opens()) {
            break;
        }
        if token.closes() {
            depth = depth.saturating_add(1);
        } else if token.opens() {
            depth = depth.saturating_sub(1);
        }
        start = at;
    }
    let pattern = tokens.get(start..).unwrap_or_default();
    let mut depth = 0_usize;
    let alternatives = pattern.split(|token| {
        if token.opens() {
            depth = depth.saturating_add(1);
        } else if token.closes() {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && token.is_sign("|")
    });
    alternatives.filter(|alternative| !alternative.is_empty()).collect()
}

/// The type and variant that a pattern is about: the innermost one that it names, since
/// `Self::Frame(FrameError::TooLong { .. })` is about `FrameError::TooLong`.
fn subject(pattern: &[Token]) -> Option<(String, String)> {
    let is_type = |token: &&Token| token.kind == Kind::Word && token.text.starts_with(char::is_uppercase);
    let mut named = pattern.windows(4).filter_map(|window| match window {
        [owner, colon, second, variant] if colon.is_sign(":") && second.is_sign(":") => {
            (is_type(&owner) && is_type(&variant)).then(|| (owner.text.clone(), variant.text.clone()))
        }
        _ => None,
    });
    named.next_back()
}

/// The type whose `impl` block these tokens end in.
fn implementing(before: &[Token]) -> Option<String> {
    let mut depth = 0_usize;
    for (at, token) in before.iter().enumerate().rev() {
        if token.closes() {
            depth = depth.saturating_add(1);
        } else if token.opens() && depth > 0 {
            depth = depth.saturating_sub(1);
        } else if token.is_sign("{") {
            let head = before.get(..at).unwrap_or_default();
            let start =
                head.iter().rposition(|token| token.is_sign("}") || token.is_sign(";") || token.is_sign("{"));
            let head = head.get(start.map_or(0, |start| start.saturating_add(1))..).unwrap_or_default();
            if let Some(at) = head.iter().position(|token| token.is_word("impl")) {
                let arguments = head.iter().any(|token| token.is_word("fn"));
                if !arguments {
                    return implemented(head.get(at.saturating_add(1)..).unwrap_or_default());
                }
            }
        }
    }
    None
}

/// The last type that an `impl` head names, past its generics and its trait.
fn implemented(head: &[Token]) -> Option<String> {
    let after_for = head.iter().rposition(|token| token.is_word("for")).map_or(0, |at| at.saturating_add(1));
    let mut depth = 0_usize;
    let mut name = None;
    for token in head.get(after_for..).unwrap_or_default() {
        if token.is_sign("<") {
            depth = depth.saturating_add(1);
        } else if token.is_sign(">") {
            depth = depth.saturating_sub(1);
        } else if token.is_word("where") {
            break;
        } else if depth == 0 && token.kind == Kind::Word {
            name = Some(token.text.clone());
        }
    }
    name
}

/// A code that a call carries, with the next text of the same call for people.
fn call(file: &SourceFile, from: &[Token]) -> Meaning {
    let mut depth = 0_usize;
    let mut messages = BTreeSet::new();
    for token in from.iter().skip(1) {
        if token.is_sign(";") || (token.closes() && depth == 0) {
            break;
        }
        if token.opens() {
            depth = depth.saturating_add(1);
        } else if token.closes() {
            depth = depth.saturating_sub(1);
        } else if token.kind == Kind::Quoted && !is_code(&token.text) {
            messages.extend(message(&token.text));
            break;
        }
    }
    Meaning { name: None, krate: file.krate.clone(), messages, doc: String::new() }
}

/// A text without the code that it may begin with; `None` when nothing but placeholders is left.
fn message(text: &str) -> Option<String> {
    let text = code_of(text).map_or(text, |code| text.trim_start_matches(code)).trim();
    let mut depth = 0_usize;
    let says = text.chars().any(|c| {
        depth = match c {
            '{' => depth.saturating_add(1),
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0 && c.is_alphabetic()
    });
    says.then(|| text.to_owned())
}

/// The code at the beginning of a text.
fn code_of(text: &str) -> Option<&str> {
    text.split_whitespace().next().filter(|word| is_code(word))
}

/// Whether a text is a code: `POUCH-`, three capitals, a hyphen, two digits.
fn is_code(text: &str) -> bool {
    let mut parts = text.split('-');
    let (pouch, area, number) = (parts.next(), parts.next(), parts.next());
    pouch == Some("POUCH")
        && area.is_some_and(|area| area.len() == 3 && area.bytes().all(|b| b.is_ascii_uppercase()))
        && number.is_some_and(|number| number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests;
