//! Makes untrusted text safe to show: nothing in it can move the cursor, turn the writing direction,
//! hide itself, or look like a line that the program wrote.
//!
//! What is taken away is written out, so that two texts that differ never look the same by hiding.

use crate::characters::{is_hidden, is_mark, width};

/// The text with every character that is not plainly visible written out, as `[U+202E]`. Newlines and
/// tabs become spaces when `one_line`; the no-break spaces of French typography are shown as spaces.
#[must_use]
pub fn visible(text: &str, one_line: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0_u32;
    // A mark that begins a text or a line would stand on what the program wrote before it.
    let mut bare = true;
    for c in text.chars() {
        marks = if is_mark(c) { marks.saturating_add(1) } else { 0 };
        match c {
            '\n' if !one_line => out.push('\n'),
            '\n' | '\t' | '\u{a0}' | '\u{202f}' => out.push(' '),
            c if is_hidden(c) || marks > MARKS_MAX || (bare && is_mark(c)) => {
                out.push_str(&format!("[U+{:04X}]", u32::from(c)));
            }
            c => out.push(c),
        }
        bare = c.is_whitespace() || is_hidden(c) || (bare && is_mark(c));
    }
    out
}

/// Combining marks on one letter before they are written out.
const MARKS_MAX: u32 = 3;

/// Lines that take at most `places` places of a terminal, broken at spaces where there are any. A word
/// that is longer is broken where the line ends.
#[must_use]
pub(crate) fn wrapped(text: &str, places: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut have = 0_usize;
        for word in paragraph.split(' ') {
            let long: usize = word.chars().map(width).sum();
            if have > 0 && have.saturating_add(1).saturating_add(long) > places {
                lines.push(core::mem::take(&mut line));
                have = 0;
            } else if have > 0 {
                line.push(' ');
                have = have.saturating_add(1);
            }
            for c in word.chars() {
                if have.saturating_add(width(c)) > places {
                    lines.push(core::mem::take(&mut line));
                    have = 0;
                }
                line.push(c);
                have = have.saturating_add(width(c));
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_deceive_is_written_out() {
        assert_eq!(visible("a\u{202e}b", false), "a[U+202E]b");
        assert_eq!(visible("\u{1b}[31mred", false), "[U+001B][31mred");
        assert_eq!(visible("zero\u{200b}width", false), "zero[U+200B]width");
        assert_eq!(visible("two\nlines", true), "two lines");
        assert_eq!(visible("tag\u{e0041}", true), "tag[U+E0041]");
        assert_eq!(visible("wide\u{3000}space", true), "wide[U+3000]space");
    }

    #[test]
    fn what_people_write_is_left_alone() {
        for text in [
            "Žluťoučký кůň",
            "Être ou ne pas être",
            "Привет, мир! Ёлка",
            "日本語のテキスト",
            "한국어",
            "ไม่มีน้ำ",
            "שָׁלוֹם",
            "e\u{301}te\u{301}",
            "→ 🙂",
        ] {
            assert_eq!(visible(text, false), text);
        }
        assert_eq!(visible("Quoi\u{a0}? 10\u{202f}000", false), "Quoi ? 10 000");
    }

    #[test]
    fn marks_stack_no_higher_than_three_and_never_on_what_the_program_wrote() {
        let flood = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(visible(&flood, false).chars().filter(|c| *c == '\u{301}').count(), 3);
        assert_eq!(visible("\u{301}a", false), "[U+0301]a");
        assert_eq!(visible("a\n\u{20dd}b", false), "a\n[U+20DD]b");
        assert_eq!(visible("\u{301}\u{302}a", true), "[U+0301][U+0302]a");
    }

    #[test]
    fn wide_characters_count_twice_and_marks_not_at_all() {
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}"]);
    }

    proptest! {
        #[test]
        fn nothing_hidden_ever_remains(text in any::<String>()) {
            let shown = visible(&text, true);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c)));
            prop_assert!(!shown.contains(|c: char| c.is_whitespace() && c != ' '));
        }

        #[test]
        fn showing_twice_changes_nothing(text in any::<String>()) {
            let shown = visible(&text, false);
            prop_assert_eq!(visible(&shown, false), shown);
        }

        #[test]
        fn no_line_is_wider_than_asked(text in any::<String>(), places in 8usize..100) {
            for line in wrapped(&visible(&text, false), places) {
                prop_assert!(line.chars().map(width).sum::<usize>() <= places);
            }
        }

        #[test]
        fn wrapping_loses_no_letter(text in any::<String>(), places in 8usize..100) {
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let text = visible(&text, false);
            prop_assert_eq!(letters(&wrapped(&text, places).concat()), letters(&text));
        }
    }
}
