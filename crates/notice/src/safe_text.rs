//! Makes untrusted text safe to show: nothing in it can move the cursor, turn the writing direction,
//! hide itself, or look like a line that the program wrote.

/// The text with every character that is not plainly visible written out, as `[U+202E]`. Newlines and
/// tabs become spaces when `one_line`.
#[must_use]
pub fn visible(text: &str, one_line: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0_u32;
    for c in text.chars() {
        marks = if is_mark(c) { marks.saturating_add(1) } else { 0 };
        match c {
            '\n' if !one_line => out.push('\n'),
            '\n' | '\t' => out.push(' '),
            c if hidden(c) || marks > MARKS_MAX => out.push_str(&format!("[U+{:04X}]", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Combining marks on one letter before they are written out.
const MARKS_MAX: u32 = 3;

const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Controls, direction marks, invisible and private characters, odd spaces, surrogates of emphasis.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
        || (c.is_whitespace() && c != ' ')
}

/// Lines of at most `width` characters, broken at spaces where there are any.
#[must_use]
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let have = line.chars().count();
            if have > 0 && have.saturating_add(1).saturating_add(word.chars().count()) > width {
                lines.push(core::mem::take(&mut line));
            } else if have > 0 {
                line.push(' ');
            }
            for c in word.chars() {
                if line.chars().count() >= width {
                    lines.push(core::mem::take(&mut line));
                }
                line.push(c);
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
        assert_eq!(visible("Žluťoučký кůň", false), "Žluťoučký кůň");
    }

    proptest! {
        #[test]
        fn nothing_hidden_ever_remains(text in any::<String>()) {
            let shown = visible(&text, true);
            prop_assert!(!shown.chars().any(|c| c.is_control() || hidden(c)));
        }

        #[test]
        fn no_line_is_wider_than_asked(text in any::<String>(), width in 8usize..100) {
            for line in wrapped(&visible(&text, false), width) {
                prop_assert!(line.chars().count() <= width);
            }
        }
    }
}
