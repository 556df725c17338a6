//! Types that carry codes: enums with their variants, structs, and what is written above them.

use std::collections::BTreeMap;

use crate::tokens::{Kind, Token, after_group, group};

/// What is written above a type or a variant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Above {
    /// The doc comment, its lines joined; an empty line divides paragraphs.
    pub(super) doc: String,
    /// The text of `#[error("...")]`; empty when there is none.
    pub(super) message: String,
}

/// A type by name: what is above it, and above each of its variants.
#[derive(Debug, Clone, Default)]
pub(super) struct Type {
    /// Above the type.
    pub(super) above: Above,
    /// Above each variant, by name.
    pub(super) variants: BTreeMap<String, Above>,
}

/// The enums and structs of a file, by name.
pub(super) fn types(tokens: &[Token]) -> BTreeMap<String, Type> {
    let mut found = BTreeMap::new();
    let mut above = Above::default();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        if let Some(next) = take_above(rest, &mut above) {
            rest = next;
        } else if token.is_word("pub") {
            rest = match after {
                [paren, ..] if paren.is_sign("(") => after_group(after),
                _ => after,
            };
        } else if let (true, [name, body @ ..]) = (token.is_word("enum") || token.is_word("struct"), after) {
            let above = std::mem::take(&mut above);
            let body = body.get(generics(body)..).unwrap_or_default();
            let is_enum = token.is_word("enum") && body.first().is_some_and(|token| token.is_sign("{"));
            let variants = if is_enum { variants(group(body)) } else { BTreeMap::new() };
            found.insert(name.text.clone(), Type { above, variants });
            rest = body;
        } else {
            above = Above::default();
            rest = after;
        }
    }
    found
}

/// How many tokens stand before the body: generics and their bounds.
fn generics(tokens: &[Token]) -> usize {
    let body = |token: &Token| token.is_sign("{") || token.is_sign(";") || token.is_sign("(");
    tokens.iter().position(body).unwrap_or(tokens.len())
}

/// The variants inside an enum's braces.
fn variants(mut rest: &[Token]) -> BTreeMap<String, Above> {
    let mut found = BTreeMap::new();
    let mut above = Above::default();
    while let Some((token, after)) = rest.split_first() {
        if let Some(next) = take_above(rest, &mut above) {
            rest = next;
        } else if token.kind == Kind::Word {
            found.insert(token.text.clone(), std::mem::take(&mut above));
            rest = to_next_variant(after);
        } else {
            rest = after;
        }
    }
    found
}

fn to_next_variant(mut rest: &[Token]) -> &[Token] {
    while let Some((token, after)) = rest.split_first() {
        if token.is_sign(",") {
            return after;
        }
        rest = if token.opens() { after_group(rest) } else { after };
    }
    rest
}

/// Takes a doc comment or an attribute at the front; returns what follows it.
fn take_above<'a>(tokens: &'a [Token], above: &mut Above) -> Option<&'a [Token]> {
    let (token, after) = tokens.split_first()?;
    if token.kind == Kind::Doc {
        let space = match (above.doc.is_empty() || above.doc.ends_with('\n'), token.text.is_empty()) {
            (_, true) => "\n\n",
            (true, false) => "",
            (false, false) => " ",
        };
        above.doc.push_str(space);
        above.doc.push_str(&token.text);
        return Some(after);
    }
    if !token.is_sign("#") || !after.first()?.is_sign("[") {
        return None;
    }
    let inside = group(after);
    if inside.first().is_some_and(|token| token.is_word("error")) {
        let text = inside.iter().find(|token| token.kind == Kind::Quoted);
        above.message = text.map(|token| token.text.clone()).unwrap_or_default();
    }
    Some(after_group(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    #[test]
    fn variants_are_found_with_what_is_above_them() {
        let found = types(&tokens(
            "/// Why not.\n#[derive(Debug)]\n#[non_exhaustive]\npub enum Refusal<T: A> {\n/// Too late.\n///\n/// Send again.\n\
             #[error(\"expired {late_s} s ago\")]\nExpired {\n/// Seconds.\nlate_s: u64 },\n\
             /// Other.\n#[error(transparent)]\nOther(#[from] Box<T>),\nBare = 3 }",
        ));
        let refusal = &found["Refusal"];
        assert_eq!(refusal.above.doc, "Why not.");
        assert_eq!(refusal.variants.keys().collect::<Vec<_>>(), ["Bare", "Expired", "Other"]);
        let expired = &refusal.variants["Expired"];
        assert_eq!(expired.doc, "Too late.\n\nSend again.");
        assert_eq!(expired.message, "expired {late_s} s ago");
        assert_eq!(refusal.variants["Other"].message, "");
    }

    #[test]
    fn a_struct_carries_its_own_text() {
        let found = types(&tokens(
            "/// Empty.\n#[derive(thiserror::Error)]\n#[error(\"POUCH-KEY-10 empty\")]\npub(crate) struct Empty;\nfn a() {}",
        ));
        assert_eq!(
            found["Empty"].above,
            Above { doc: "Empty.".into(), message: "POUCH-KEY-10 empty".into() }
        );
    }
}
