//! Rust source cut into the few kinds of token that the checks need.
//!
//! A check that reads source must not be fooled by comments, text in quotes or test code. This is
//! no parser: it knows words, quoted text, doc comments and single signs, and where a
//! `#[cfg(test)]` item ends.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// A string literal; the token's text is what it says, without quotes and escapes.
    Quoted,
    /// An outer doc comment; the token's text is its line without `/// `.
    Doc,
    /// A character literal or a lifetime.
    Quote,
    /// One sign.
    Sign,
}

/// A token and the line it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text.
    pub(crate) text: String,
    /// Its line, from 1.
    pub(crate) line: usize,
}

impl Token {
    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// Whether it is this word.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Whether it opens a bracket of any kind.
    pub(crate) fn opens(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text.as_str(), "{" | "(" | "[")
    }

    /// Whether it closes a bracket of any kind.
    pub(crate) fn closes(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text.as_str(), "}" | ")" | "]")
    }
}

/// The tokens of a source file, in order.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut cutter = Cutter { rest: source, line: 1 };
    let mut found = Vec::new();
    while cutter.skip_blank() {
        if let Some(token) = cutter.next_token() {
            found.push(token);
        }
    }
    found
}

/// The tokens without the items under `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        let marked =
            rest.len() >= MARK.len() && rest.iter().zip(MARK).all(|(token, text)| token.text == text);
        if marked {
            rest = after_item(rest.get(MARK.len()..).unwrap_or_default());
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// What follows the item at the front: after its closing brace, or its semicolon.
fn after_item(mut rest: &[Token]) -> &[Token] {
    while let Some((token, after)) = rest.split_first() {
        if token.is_sign("{") {
            return after_group(rest);
        }
        if token.is_sign(";") {
            return after;
        }
        rest = if token.opens() { after_group(rest) } else { after };
    }
    rest
}

/// What follows the bracket at the front, once it is closed again.
pub(crate) fn after_group(tokens: &[Token]) -> &[Token] {
    tokens.get(group(tokens).len().saturating_add(2)..).unwrap_or_default()
}

/// What stands inside the bracket at the front.
pub(crate) fn group(tokens: &[Token]) -> &[Token] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.opens() {
            depth = depth.saturating_add(1);
        } else if token.closes() {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return tokens.get(1..at).unwrap_or_default();
        }
    }
    tokens.get(1..).unwrap_or_default()
}

struct Cutter<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cutter<'a> {
    /// Skips white space and plain comments; `false` at the end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let blank = self.rest.len().saturating_sub(self.rest.trim_start().len());
            self.take(blank);
            let doc = self.rest.starts_with("///") && !self.rest.starts_with("////");
            if self.rest.starts_with("/*") {
                self.skip_block_comment();
            } else if self.rest.starts_with("//") && !doc {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else {
                return !self.rest.is_empty();
            }
        }
    }

    fn skip_block_comment(&mut self) {
        self.take(2);
        let mut depth = 1_usize;
        while depth > 0 && !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth = depth.saturating_add(1);
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.take(2);
            } else {
                self.take_char();
            }
        }
    }

    fn next_token(&mut self) -> Option<Token> {
        let line = self.line;
        let first = self.rest.chars().next()?;
        let (kind, text) = if self.rest.starts_with("///") {
            let text = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            (Kind::Doc, text.trim_start_matches('/').trim().to_owned())
        } else if let Some(text) = self.quoted() {
            (Kind::Quoted, text)
        } else if first == '\'' {
            (Kind::Quote, self.quote())
        } else if is_word(first) {
            (Kind::Word, self.word().to_owned())
        } else {
            (Kind::Sign, self.take(first.len_utf8()).to_owned())
        };
        Some(Token { kind, text, line })
    }

    fn word(&mut self) -> &'a str {
        let raw = self.rest.strip_prefix("r#").map_or(0, |_| 2);
        self.take(raw);
        self.take(self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()))
    }

    /// A character literal or a lifetime, as it stands.
    fn quote(&mut self) -> String {
        let mut next = self.rest.chars().skip(1);
        let (first, second) = (next.next(), next.next());
        let open = self.take_char();
        if first == Some('\\') {
            let escape = self.take(2);
            let to = self.rest.find('\'').map_or(self.rest.len(), |at| at.saturating_add(1));
            return format!("{open}{escape}{}", self.take(to));
        }
        if second == Some('\'') {
            return format!("{open}{}{}", self.take_char(), self.take_char());
        }
        format!("{open}{}", self.word())
    }

    /// A string literal of any kind, if one stands here.
    fn quoted(&mut self) -> Option<String> {
        let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
            let body = self.rest.strip_prefix(prefix).unwrap_or_default();
            let hashed = prefix.ends_with('r') && body.trim_start_matches('#').starts_with('"');
            body.starts_with('"') || hashed
        })?;
        self.take(prefix.len());
        if !prefix.ends_with('r') {
            self.take(1);
            return Some(self.escaped());
        }
        let hashes = self.rest.len().saturating_sub(self.rest.trim_start_matches('#').len());
        self.take(hashes.saturating_add(1));
        let end = format!("\"{}", "#".repeat(hashes));
        let text = self.take(self.rest.find(&end).unwrap_or(self.rest.len())).to_owned();
        self.take(end.len().min(self.rest.len()));
        Some(text)
    }

    /// The text up to the closing quote.
    fn escaped(&mut self) -> String {
        let mut text = String::new();
        while !self.rest.is_empty() && !self.rest.starts_with('"') {
            if self.rest.starts_with("\\\n") {
                self.take(1);
                let blank = self.rest.len().saturating_sub(self.rest.trim_start().len());
                self.take(blank);
            } else if self.rest.starts_with('\\') {
                self.take(1);
                text.push_str(match self.take_char() {
                    "n" => "\n",
                    "t" => "\t",
                    "r" => "\r",
                    "0" => "\0",
                    other => other,
                });
            } else {
                text.push_str(self.take_char());
            }
        }
        self.take(1.min(self.rest.len()));
        text
    }

    fn take_char(&mut self) -> &'a str {
        self.take(self.rest.chars().next().map_or(0, char::len_utf8))
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(taken.matches('\n').count());
        self.rest = rest;
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_are_not_tokens_but_docs_are() {
        let source = "//! inner\n// plain\n/* block /* nested */ still */\n/// What it is.\nfn a() {}";
        assert_eq!(texts(source), ["What it is.", "fn", "a", "(", ")", "{", "}"]);
        assert_eq!(tokens(source)[1].line, 5);
    }

    #[test]
    fn quoted_text_is_one_token_whatever_stands_in_it() {
        assert_eq!(texts(r#""a // \"b\" }""#), ["a // \"b\" }"]);
        assert_eq!(texts("r#\"raw \" text\"# x"), ["raw \" text", "x"]);
        assert_eq!(texts("b\"bytes\" br\"raw\" \"\""), ["bytes", "raw", ""]);
        assert_eq!(texts("\"one \\\n    line\""), ["one line"]);
    }

    #[test]
    fn lifetimes_and_characters_do_not_open_strings() {
        assert_eq!(texts("&'a str"), ["&", "'a", "str"]);
        assert_eq!(texts("'\"' '\\'' '\\u{1f}' b'x' x"), ["'\"'", "'\\''", "'\\u{1f}'", "b", "'x'", "x"]);
        assert_eq!(texts("r#type"), ["type"]);
    }

    #[test]
    fn test_items_are_left_out() {
        let source = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn b() { if c {} } }\nfn d() {}\n#[cfg(test)]\nuse e;\nf";
        let kept: Vec<String> = without_tests(&tokens(source)).into_iter().map(|token| token.text).collect();
        assert_eq!(kept.join(" "), "fn a ( ) { } fn d ( ) { } f");
    }
}
