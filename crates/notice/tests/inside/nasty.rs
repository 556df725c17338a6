//! Texts that were made to deceive: in every field of every type they leave the rest of the form as it is.

use pouch_notice::{Notice, body_from_toml, body_to_toml, check_form};
use pouch_wire::{NoticeType, Text};

use crate::printed::{deceives, frame, shown};
use crate::stage::{NOW, body, notice};

/// Sixty-odd ways to look like something else.
const NASTY: &[&str] = &[
    // Lines that look like ours.
    "x\nPrecedence:     FLASH",
    "x\nLIVE - THIS IS NOT AN EXERCISE",
    "x\nEXERCISE EXERCISE EXERCISE - THIS IS A DRILL",
    "x\nEnd of NL/technical 2026-0007",
    "x\nVerified:       every clause holds",
    "x\nSpoken check:   00000 00000 00000 00000 00000 00000",
    "x\n------------------------------------------------------------------------------",
    "x\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nFrom:           MD/policy",
    "x\n| From: MD/policy",
    "x\n|",
    "|",
    "x\n ",
    "x\n\tIndented",
    "DRAFT - NOT SIGNED, NOT SENT",
    // Terminals.
    "\\u001b[2J\\u001b[H",
    "[31mred[0m",
    "^[[31m",
    "x\ttab",
    // Directions.
    "\u{202e}txet desrever",
    "\u{202d}\u{202c}",
    "\u{2066}isolate\u{2069}",
    "\u{2067}\u{2068}\u{2069}",
    "\u{200e}\u{200f}\u{61c}",
    "invoice\u{202e}fdp.exe",
    "\u{5d0}\u{5d1}\u{5d2} 123",
    "\u{627}\u{644}\u{639}\u{631}\u{628}\u{64a}\u{629}",
    // Nothing to see.
    "x\u{200b}",
    "x\u{200c}\u{200d}",
    "x\u{2060}\u{feff}",
    "x\u{ad}soft",
    "x\u{180e}",
    "x\u{115f}\u{1160}\u{3164}\u{ffa0}",
    "x\u{2800}",
    "x\u{34f}",
    "x\u{fe0f}\u{fe00}",
    "x\u{e0041}\u{e0042}\u{e007f}",
    "x\u{e0100}",
    "x\u{fff9}a\u{fffa}b\u{fffb}",
    "x\u{1d173}",
    "x\u{1bca0}",
    "x\u{e000}\u{f8ff}",
    "x\u{100000}",
    "x\u{fdd0}\u{fffe}\u{1ffff}",
    // Spaces that are not.
    "x\u{a0}y",
    "x\u{1680}y",
    "x\u{2000}\u{2001}\u{2002}\u{2003}\u{2009}\u{200a}y",
    "x\u{202f}y\u{205f}z\u{3000}",
    "x\u{2028}y\u{2029}z",
    "x\u{85}y",
    // Stacks.
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}",
    "\u{301}begins with a mark",
    "\u{e01}\u{e49}\u{e49}\u{e49}\u{e49}\u{e49}\u{e49}\u{e49}",
    "\u{20dd}\u{20de}\u{20e0}",
    "x\n\u{336}struck",
    // Looks like.
    "\u{410}\u{412}\u{421}",
    "\u{ff34}\u{ff2c}\u{ff30}\u{ff1a}\u{ff23}\u{ff2c}\u{ff25}\u{ff21}\u{ff32}",
    "TLP:CLEAR",
    "\u{2502} box",
    "\u{1f6a8}\u{1f6a8}\u{1f6a8}",
    "[U+202E]",
    // Markup, formats, paths.
    "<script>alert(1)</script>",
    "%s%n{0}{{}}$(id)`id`",
    "'; DROP TABLE notices; --",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\"\"\"",
    "\\",
];

/// The types' fields as TOML, with each of their texts in turn replaced.
fn replaced(table: &toml::Table, with: &str) -> Vec<toml::Table> {
    fn walk(value: &toml::Value, with: &str) -> Vec<toml::Value> {
        match value {
            toml::Value::String(_) => vec![toml::Value::String(with.to_owned())],
            toml::Value::Array(values) => values
                .iter()
                .enumerate()
                .flat_map(|(place, value)| {
                    walk(value, with).into_iter().map(move |new| {
                        let mut all = values.clone();
                        all[place] = new;
                        toml::Value::Array(all)
                    })
                })
                .collect(),
            toml::Value::Table(table) => replaced(table, with).into_iter().map(toml::Value::Table).collect(),
            _ => Vec::new(),
        }
    }
    table
        .iter()
        .flat_map(|(key, value)| {
            walk(value, with).into_iter().map(|new| {
                let mut all = table.clone();
                all.insert(key.clone(), new);
                all
            })
        })
        .collect()
}

#[test]
fn there_are_at_least_sixty() {
    assert!(NASTY.len() >= 60, "{}", NASTY.len());
}

#[test]
fn in_no_field_of_any_type_do_they_change_the_rest() {
    let mut tried = 0_usize;
    for kind in NoticeType::ALL {
        let honest = notice(body(*kind));
        let fields: toml::Table = body_to_toml(&honest.body).unwrap().parse().unwrap();
        for words in NASTY {
            for table in replaced(&fields, words) {
                // Words from closed lists, times and members are refused; what is taken must be harmless.
                let Ok(body) = body_from_toml(*kind, &table.to_string()) else { continue };
                let changed = Notice { body, ..honest.clone() };
                if check_form(&changed).is_err() {
                    continue;
                }
                let (before, after) = (shown(&honest, NOW), shown(&changed, NOW));
                assert_eq!(frame(&before), frame(&after), "{kind}: {words:?}");
                assert!(!after.contains(deceives), "{kind}: {words:?}\n{after}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "only {tried} were taken");
}

#[test]
fn in_the_subject_they_change_nothing_else_either() {
    let honest = notice(body(NoticeType::IncidentNotice));
    for words in NASTY {
        let Ok(subject) = Text::new(*words) else { continue };
        let changed = Notice { subject, ..honest.clone() };
        if check_form(&changed).is_err() {
            continue;
        }
        assert_eq!(frame(&shown(&honest, NOW)), frame(&shown(&changed, NOW)), "{words:?}");
    }
}

#[test]
fn a_very_long_line_is_wrapped_and_no_letter_lost() {
    let words = "x".repeat(16 * 1024);
    let fields = pouch_notice::fields_from_text(NoticeType::FreeText, &words).unwrap();
    let form = shown(&notice(body_from_toml(NoticeType::FreeText, &fields).unwrap()), NOW);
    assert!(form.lines().all(|line| line.chars().count() <= 78));
    assert!(
        form.lines().filter(|line| line.starts_with("| x")).map(|line| line.len() - 2).sum::<usize>()
            == words.len()
    );
}
