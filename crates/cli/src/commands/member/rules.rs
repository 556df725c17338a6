//! `member rules`: how many officers must approve which notices of an office.

use std::collections::BTreeSet;

use pouch_control::OfficeView;
use pouch_directory::{Act, ReleaseRule};
use pouch_wire::{List, NoticeType, Precedence, Set};

use super::signing::{Change, Desk};
use crate::args;
use crate::commands::network::bounded;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::render::counted;

pub(super) async fn rules(command: &args::Rules, desk: &Desk<'_>) -> Result<(), Problem> {
    let office = desk.office(&command.office)?;
    let rules = command.rules.iter().map(|text| rule(text)).collect::<Result<Vec<_>, _>>()?;
    for rule in &rules {
        enough(rule, office, desk)?;
    }
    let none = || vec!["no officer needs to approve anything".to_owned()];
    let before: Vec<String> = office.rules.iter().map(|rule| rule.words.clone()).collect();
    let after: Vec<String> = rules.iter().map(ReleaseRule::words).collect();
    let change = Change {
        what: format!("{}: {}", command.office, counted(rules.len(), "release rule")),
        before: if before.is_empty() { none() } else { before },
        after: if after.is_empty() { none() } else { after },
    };
    let rules = bounded(List::new(rules))?;
    let act = Act::SetReleaseRules { contact_point: command.office.clone(), rules };
    desk.decide(act, change, "nothing: every recipient checks it from this entry on; pouch member show").await
}

/// Reads a rule as it is typed: `types=a+b,at-or-above=flash,officers=2,break-glass`.
fn rule(text: &str) -> Result<ReleaseRule, Problem> {
    let wrong = |what: String| {
        Problem::usage(format!("--rule {text}: {what}"))
            .next("write it as types=incident-notice+update,at-or-above=immediate,officers=2,break-glass")
    };
    let (mut types, mut at_or_above, mut officers, mut break_glass) = (None, None, None, false);
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("types", "all")) => types = Some(NoticeType::ALL.to_vec()),
            Some(("types", words)) => {
                let each = words.split('+').map(|word| {
                    word.parse::<NoticeType>().map_err(|error| wrong(format!("{word}: {error}")))
                });
                types = Some(each.collect::<Result<Vec<_>, _>>()?);
            }
            Some(("at-or-above", word)) => {
                let word = word.parse::<Precedence>().map_err(|error| wrong(format!("{word}: {error}")))?;
                at_or_above = Some(word);
            }
            Some(("officers", word)) => {
                let count = word.parse::<u8>().ok().filter(|n| *n > 0);
                officers = Some(count.ok_or_else(|| wrong(format!("{word} is no number of officers")))?);
            }
            None if part == "break-glass" => break_glass = true,
            _ => return Err(wrong(format!("{part:?} is no part of a rule"))),
        }
    }
    let officers = officers.ok_or_else(|| wrong("how many officers?".to_owned()))?;
    let types = types.unwrap_or_else(all_but_checks);
    Ok(ReleaseRule {
        types: bounded(Set::new(types))?,
        at_or_above: at_or_above.unwrap_or(Precedence::Routine),
        officers,
        break_glass,
    })
}

fn all_but_checks() -> Vec<NoticeType> {
    NoticeType::ALL.iter().copied().filter(|kind| *kind != NoticeType::CommCheck).collect()
}

/// How many different persons count now.
pub(super) fn persons(office: &OfficeView) -> BTreeSet<&str> {
    office.officers.iter().filter(|officer| officer.counts).map(|officer| officer.person.as_str()).collect()
}

/// A rule that nobody could meet would silence the office when it matters.
fn enough(rule: &ReleaseRule, office: &OfficeView, desk: &Desk<'_>) -> Result<(), Problem> {
    let (needed, have) = (usize::from(rule.officers), persons(office).len());
    if have < needed {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-MEM-04",
            format!("{} would need {}, and has {have}", office.contact_point, counted(needed, "officer")),
        )
        .why("no notice that the rule covers could ever leave")
        .next("authorise officers first: pouch member officer --request officer.toml"));
    }
    if have == needed {
        desk.out.show(&format!(
            "Warning: {} has exactly as many officers as must approve. When one is away, nothing leaves that the \
             rule covers; have one more.",
            office.contact_point
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_typed() {
        let read = rule("types=incident-notice+update,at-or-above=flash,officers=2,break-glass").unwrap();
        assert_eq!(read.types.to_vec(), [NoticeType::IncidentNotice, NoticeType::Update]);
        assert_eq!((read.at_or_above, read.officers, read.break_glass), (Precedence::Flash, 2, true));
        let short = rule("officers=1").unwrap();
        assert_eq!((short.at_or_above, short.break_glass), (Precedence::Routine, false));
        assert!(!short.types.has(&NoticeType::CommCheck) && short.types.has(&NoticeType::FreeText));
        assert!(rule("officers=1,types=all").unwrap().types.has(&NoticeType::CommCheck));
    }

    #[test]
    fn what_is_no_rule_is_said_and_never_dropped() {
        for text in [
            "",
            "types=all",
            "officers=0",
            "officers=two",
            "officers=1,at-or-above=urgent",
            "officers=1,types=letter",
            "officers=1,breakglass",
            "officers=1,persons=2",
        ] {
            assert_eq!(rule(text).unwrap_err().exit, 2, "{text}");
        }
    }
}
