//! The paths that a source file names: `std::fs::read`, also out of `use std::{fs, net};`.

use crate::tokens::{Kind, Token, after_group, group};

/// A path in source, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its segments.
    pub(super) segments: Vec<String>,
    /// Its line.
    pub(super) line: usize,
}

impl Named {
    /// Whether these segments stand in it one after the other.
    pub(super) fn holds(&self, wanted: &[&str]) -> bool {
        self.segments.windows(wanted.len()).any(|window| window.iter().zip(wanted).all(|(a, b)| a == b))
    }
}

/// Every path in these tokens, groups in braces taken apart. A single word is a path of one segment.
pub(super) fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = if token.kind == Kind::Word { path(&[], rest, &mut found) } else { after };
    }
    found
}

/// Takes the path at the front, below a prefix; returns what follows it.
fn path<'a>(prefix: &[String], tokens: &'a [Token], found: &mut Vec<Named>) -> &'a [Token] {
    let mut segments = prefix.to_vec();
    let line = tokens.first().map_or(0, |token| token.line);
    let mut rest = tokens;
    loop {
        match rest {
            [word, colon, second, after @ ..]
                if word.kind == Kind::Word && colon.is_sign(":") && second.is_sign(":") =>
            {
                segments.push(word.text.clone());
                rest = after;
            }
            [word, after @ ..] if word.kind == Kind::Word => {
                segments.push(word.text.clone());
                found.push(Named { segments, line });
                return after;
            }
            [brace, ..] if brace.is_sign("{") && !segments.is_empty() => {
                branches(&segments, group(rest), found);
                return after_group(rest);
            }
            _ => {
                if segments.len() > prefix.len() {
                    found.push(Named { segments, line });
                }
                return rest;
            }
        }
    }
}

/// The paths inside a use group.
fn branches(prefix: &[String], mut tokens: &[Token], found: &mut Vec<Named>) {
    while let Some((token, after)) = tokens.split_first() {
        tokens = if token.kind == Kind::Word { path(prefix, tokens, found) } else { after };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    fn names(source: &str) -> Vec<String> {
        paths(&tokens(source)).into_iter().map(|named| named.segments.join("::")).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        assert_eq!(
            names("use std::{fs, net::{self, UdpSocket}};"),
            ["use", "std::fs", "std::net::self", "std::net::UdpSocket"]
        );
    }

    #[test]
    fn paths_in_expressions_are_whole() {
        assert_eq!(names("let a = std::fs::read::<u8>(b.c);"), ["let", "a", "std::fs::read", "u8", "b", "c"]);
        assert_eq!(names("pub use x::*;"), ["pub", "use", "x"]);
    }

    #[test]
    fn segments_are_found_in_their_order() {
        let named = &paths(&tokens("::std::fs::File"))[0];
        assert!(named.holds(&["std", "fs"]));
        assert!(!named.holds(&["fs", "std"]));
        assert!(!named.holds(&["std", "File"]));
    }
}
