//! Text from people and from strangers: names, digits, calls of the local API, and what is shown.

use core::fmt::Display;
use core::str::FromStr;

use pouch_control::{Answer, Call};
use pouch_crypto::{KeyFingerprint, spoken_digits};
use pouch_notice::{
    Draft, NotHeard, NoticeNumber, body_from_toml, compare_spoken, fields_from_text, preview, spoken_check,
    visible,
};
use pouch_tlog::KeyName;
use pouch_wire::{
    ContactPoint, Digest, KeyId, Member, NoticeId, NoticeType, Office, Precedence, Text, Tlp, decode_hex,
    encode_hex,
};

use super::stage;

/// Characters that steer a terminal or the eye: controls, directions, joiners, blanks of no width, tags.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c), 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// Panics when a form that is shown holds a character that steers, or a line that does not fit.
pub(crate) fn fits(form: &str) {
    for line in form.split('\n') {
        assert!(!line.contains(steers), "{line:?}");
        // Up to three marks stand on one letter and take no place.
        assert!(line.chars().count() <= 78 * 4, "{line:?}");
        assert!(!line.is_ascii() || line.len() <= 78, "{line:?}");
    }
}

/// The lines of a form that are the program's own and do not depend on the notice's id.
fn ours(form: &str) -> Vec<&str> {
    let ours = |line: &&str| !line.starts_with("| ") && *line != "|" && !line.starts_with("Spoken check:");
    form.lines().filter(ours).collect()
}

fn form(subject: &str, text: &str) -> Option<String> {
    let fields = fields_from_text(NoticeType::FreeText, text)?;
    let mut notice = stage::notice(body_from_toml(NoticeType::FreeText, &fields).ok()?);
    notice.subject = Text::new(subject).ok()?;
    let draft = Draft::new(notice).ok()?;
    Some(preview(draft.bytes()).unwrap().text)
}

/// No text, whatever is in it, steers the terminal, outgrows its line, or changes a line that is ours.
pub fn text_render(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for one_line in [true, false] {
        let shown = visible(&text, one_line);
        let breaks = |c: char| c == '\n' && !one_line;
        assert!(!shown.contains(|c| steers(c) && !breaks(c)), "{shown:?}");
        assert!(!shown.contains(|c: char| c.is_whitespace() && c != ' ' && !breaks(c)), "{shown:?}");
        assert_eq!(visible(&shown, one_line), shown, "what is visible stays as it is");
    }
    let (subject, words) = text.split_once('\n').unwrap_or((&text, &text));
    if subject.is_empty() || words.is_empty() {
        return; // An empty text has no line at all.
    }
    let plain = form("Subject", "words").unwrap();
    for form in [form(subject, "words"), form("Subject", words)].into_iter().flatten() {
        fits(&form);
        assert_eq!(ours(&form), ours(&plain));
    }
}

/// What a listener typed counts exactly when it is all thirty digits, whatever stands between them.
pub fn spoken_digits_heard(data: &[u8]) {
    let Ok(typed) = core::str::from_utf8(data) else { return };
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let strange = typed.chars().any(|c| c.is_alphabetic() || (c.is_numeric() && !c.is_ascii_digit()));
    let id = NoticeId(Digest::new([7; 32]));
    let right: String = spoken_check(id).chars().filter(char::is_ascii_digit).collect();
    match compare_spoken(id, typed) {
        Ok(()) => assert!(digits == right && !strange),
        Err(NotHeard::Differs { group }) => {
            assert!(digits.len() == 30 && !strange);
            let place = group * 5;
            assert_eq!(digits[..place - 5], right[..place - 5]);
            assert_ne!(digits[place - 5..place], right[place - 5..place]);
        }
        Err(_) => assert!(digits.len() != 30 || strange || typed.contains(|c: char| !c.is_ascii_digit())),
    }
    if let Ok(fingerprint) = typed.parse::<KeyFingerprint>() {
        assert_eq!(fingerprint.as_str().replace(' ', ""), digits);
        assert_eq!(fingerprint.to_string().parse().as_ref(), Ok(&fingerprint));
    }
    if let Some(bytes) = data.first_chunk() {
        let read = spoken_digits(&Digest::new(*bytes));
        assert_eq!(read.parse::<KeyFingerprint>().unwrap(), KeyFingerprint::of(&KeyId(Digest::new(*bytes))));
    }
}

/// A text that names something is the one way to write that name, unless the type says otherwise.
fn name<T: FromStr + Display + PartialEq + core::fmt::Debug>(text: &str) -> Option<String> {
    let value = text.parse::<T>().ok()?;
    let written = value.to_string();
    assert_eq!(written.parse::<T>().ok().as_ref(), Some(&value), "{text:?} is written {written:?}");
    Some(written)
}

/// Names are read strictly: what is read is written the same, and nothing in it steers a terminal.
pub fn names(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let strict = [name::<Member>(text), name::<Office>(text), name::<ContactPoint>(text)];
    for written in strict.into_iter().flatten() {
        assert_eq!(written, text);
    }
    let loose = [name::<NoticeType>(text), name::<Precedence>(text), name::<NoticeNumber>(text)];
    for written in loose.into_iter().flatten().chain(text.parse::<Tlp>().ok().map(|tlp| tlp.to_string())) {
        assert!(!written.contains(steers));
    }
    if let Ok(name) = KeyName::new(text) {
        assert!(!name.as_str().contains(|c: char| c.is_whitespace() || c == '+'));
    }
    if let Some(bytes) = decode_hex(text) {
        assert_eq!(encode_hex(&bytes), text.to_lowercase());
    }
}

/// A line of the local API is a call or is refused, and a call goes to JSON and back unchanged.
pub fn control_line(data: &[u8]) {
    if let Ok(call) = serde_json::from_slice::<Call>(data) {
        let line = serde_json::to_vec(&call).unwrap();
        let again: Call = serde_json::from_slice(&line).expect("a call that was read can be read again");
        assert_eq!(serde_json::to_vec(&again).unwrap(), line);
        assert!(!line.contains(&b'\n'), "one call is one line");
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(data) {
        let line = serde_json::to_vec(&answer).unwrap();
        let again: Answer = serde_json::from_slice(&line).expect("an answer that was read can be read again");
        assert_eq!(serde_json::to_vec(&again).unwrap(), line);
        assert!(!line.contains(&b'\n'), "one answer is one line");
    }
}
