//! The printed form: its order, and that text changes nothing outside of its own block.

use pouch_crypto::sha256;
use pouch_notice::{Attachment, Draft, Notice, preview, printed_own, spoken_check};
use pouch_wire::{Canonical as _, Environment, ExerciseId, List, NoticeType, Text, Timestamp, Tlp};
use proptest::prelude::*;

use crate::stage::{HOUR, NOW, body, key, notice, text};

pub(crate) fn shown(notice: &Notice, now: Timestamp) -> String {
    let draft = Draft::new(notice.clone()).unwrap();
    let signed = draft.approve(Vec::new()).unwrap().sign(&key("NL/technical")).unwrap();
    printed_own(&signed, None, now)
}

/// The lines that are ours: all but those of untrusted text.
pub(crate) fn ours(form: &str) -> Vec<&str> {
    form.lines().filter(|line| !line.starts_with("| ") && *line != "|").collect()
}

/// The lines that are ours and do not depend on the notice's id.
pub(crate) fn frame(form: &str) -> Vec<&str> {
    ours(form).into_iter().filter(|line| !line.starts_with("Spoken check:")).collect()
}

fn place(form: &str, beginning: &str) -> usize {
    form.lines()
        .position(|line| line.starts_with(beginning))
        .unwrap_or_else(|| panic!("{beginning} in\n{form}"))
}

#[test]
fn the_drill_comes_first_and_the_number_again_at_the_end() {
    let mut notice = notice(body(NoticeType::IncidentNotice));
    notice.attachments = List::new(vec![Attachment {
        name: Text::new("indicators.csv").unwrap(),
        media_type: Text::new("text/csv").unwrap(),
        len: 5,
        digest: sha256(b"12345"),
    }])
    .unwrap();
    let form = shown(&notice, Timestamp(NOW.0 + 40_000));
    let order = [
        "LIVE - THIS IS NOT AN EXERCISE",
        "From:",
        "To (must act):",
        "Info:",
        "Number:",
        "Type:",
        "Precedence:",
        "Sharing:",
        "Signed:",
        "Valid until:",
        "Language:",
        "Subject:",
        "What happened:",
        "Attachment:",
        "Spoken check:",
        "End of NL/technical 2026-0007",
    ];
    let places: Vec<usize> = order.iter().map(|beginning| place(&form, beginning)).collect();
    assert!(places.is_sorted(), "{form}");
    for words in [
        "2026-11-24T03:00:00Z (40 s ago)",
        "IMMEDIATE",
        "TLP:AMBER.",
        "MD/policy",
        "BA/technical, OSCE/duty",
        &sha256(b"12345").to_string(),
        &spoken_check(Notice::id_of(&notice.to_bytes().unwrap())),
    ] {
        assert!(form.contains(words), "{words} in\n{form}");
    }
    assert!(form.lines().all(|line| line.chars().count() <= 78), "{form}");
}

#[test]
fn a_drill_is_called_one_whatever_name_it_has_and_nothing_live_is() {
    let mut drill = notice(text("words"));
    drill.environment = Environment::Exercise(ExerciseId(sha256(b"exercise")));
    let live = notice(text("words"));
    let of = |notice: &Notice, name: Option<&str>| {
        let draft = Draft::new(notice.clone()).unwrap();
        let signed = draft.approve(Vec::new()).unwrap().sign(&key("NL/technical")).unwrap();
        printed_own(&signed, name, NOW)
    };
    for name in [None, Some("Winter 2026"), Some("LIVE - THIS IS NOT AN EXERCISE"), Some("")] {
        let form = of(&drill, name);
        assert_eq!(form.lines().nth(1), Some("EXERCISE EXERCISE EXERCISE - THIS IS A DRILL"));
        assert!(!form.lines().any(|line| line == "LIVE - THIS IS NOT AN EXERCISE"));
        let form = of(&live, name);
        assert_eq!(form.lines().nth(1), Some("LIVE - THIS IS NOT AN EXERCISE"));
        assert!(!form.contains("DRILL"));
    }
}

#[test]
fn a_draft_says_that_it_is_one_and_looks_the_same_on_every_machine() {
    let bytes = notice(body(NoticeType::IncidentNotice)).to_bytes().unwrap();
    let form = preview(&bytes).unwrap();
    assert_eq!(form.id, Notice::id_of(&bytes));
    assert_eq!(form.text.matches("DRAFT - NOT SIGNED, NOT SENT").count(), 2);
    assert!(!form.text.contains(" ago"));
    assert_eq!(preview(&bytes).unwrap().text, form.text);
    assert!(!shown(&notice(text("words")), NOW).contains("DRAFT"));
}

#[test]
fn age_expiry_and_a_clock_that_disagrees_are_said() {
    let notice = notice(text("words"));
    let at = |ms: u64| shown(&notice, Timestamp(ms));
    assert!(at(NOW.0 + 119_000).contains("(119 s ago)"));
    assert!(at(NOW.0 + 120_000).contains("(2 min ago)"));
    assert!(at(NOW.0 + 3 * HOUR).contains("(3 h ago)"));
    assert!(!at(NOW.0 + 24 * HOUR - 1).contains("EXPIRED"));
    assert!(at(NOW.0 + 24 * HOUR).contains("EXPIRED 0 s ago"));
    assert!(at(NOW.0 - 5000).contains("(5 s ahead of this clock)"));
}

#[test]
fn an_emergency_release_and_each_label_are_said_in_words() {
    let mut broken = notice(text("words"));
    assert!(!shown(&broken, NOW).contains("RELEASED"));
    broken.break_glass = true;
    assert!(shown(&broken, NOW).contains("RELEASED:       by one officer in an emergency (break-glass)"));
    for tlp in Tlp::ALL {
        broken.tlp = tlp;
        let form = shown(&broken, NOW).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(form.contains(&format!("{tlp}. {}", tlp.plain_words())), "{form}");
    }
}

#[test]
fn a_joint_statement_is_never_shown_as_complete_by_one_signature() {
    let form = shown(&notice(body(NoticeType::JointStatement)), NOW);
    assert!(form.contains("NOT COMPLETE:   signed by NL alone; valid with 2 of 3 signatures"));
    assert!(!shown(&notice(text("words")), NOW).contains("NOT COMPLETE"));
}

#[test]
fn naming_an_origin_stands_beside_its_sentence() {
    let fields = "what_happened = \"a\"\napparent_origin = \"b\"\n";
    let body = pouch_notice::body_from_toml(NoticeType::IncidentNotice, fields).unwrap();
    let form = shown(&notice(body), NOW);
    assert!(form.contains("Apparent origin:\n| b\n"));
    assert!(form.contains("| Naming an apparent origin is not attributing responsibility."));
}

/// Whether a terminal, a printer or a reader could be deceived by a character.
pub(crate) fn deceives(c: char) -> bool {
    (c.is_control() && c != '\n')
        || (c.is_whitespace() && c != ' ' && c != '\n')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

proptest! {
    #[test]
    fn text_changes_nothing_outside_of_its_block(words in any::<String>(), subject in any::<String>()) {
        let plain = notice(text("words"));
        let mut other = plain.clone();
        let kept = |text: &str| text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>();
        let fields = pouch_notice::fields_from_text(NoticeType::FreeText, &format!("x{}", kept(&words))).unwrap();
        other.body = pouch_notice::body_from_toml(NoticeType::FreeText, &fields).unwrap();
        let line: String = format!("x{subject}").chars().filter(|c| !c.is_control() && !"\u{2028}\u{2029}".contains(*c)).take(40).collect();
        other.subject = Text::new(line).unwrap();
        let (plain, other) = (shown(&plain, NOW), shown(&other, NOW));
        prop_assert_eq!(frame(&plain), frame(&other));
        prop_assert!(!other.contains(deceives));
    }
}
