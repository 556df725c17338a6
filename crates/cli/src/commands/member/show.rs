//! `member show`: offices, officers, rules and delegations in words.

use pouch_control::{GovernanceView, OfficeView, OfficerView};
use pouch_notice::visible;
use pouch_wire::Timestamp;

use super::signing::state;
use crate::clock::{age, utc};
use crate::config::NodeFiles;
use crate::output::Output;
use crate::problem::Problem;

pub(super) async fn show(node: Option<&NodeFiles>, out: &Output) -> Result<(), Problem> {
    let node = node.ok_or_else(|| Problem::usage("no node is configured"))?;
    let view = state(&node.client()).await?;
    out.result("member", &view, &words(&view))
}

fn words(view: &GovernanceView) -> String {
    let mut lines = vec![format!(
        "{}  {}  root {}, as of {} entries of the directory",
        view.member,
        visible(&view.name, true),
        view.root.short(),
        view.size
    )];
    for office in &view.offices {
        lines.extend(office_words(office, view.at));
    }
    lines.join("\n")
}

fn office_words(office: &OfficeView, now: Timestamp) -> Vec<String> {
    let names: Vec<String> = office
        .names
        .iter()
        .map(|(language, name)| format!("{} ({})", visible(name, true), visible(language, true)))
        .collect();
    let mut lines = vec![
        format!(
            "  {}  {}  telephone {}",
            office.contact_point,
            names.join(", "),
            visible(&office.telephone, true)
        ),
        format!(
            "    signing key {}; collects at {}",
            office.signing_key.short(),
            visible(&office.home_relays.join(", "), true)
        ),
        format!("    may: {}, until {}", visible(&office.mandate, true), utc(office.until)),
    ];
    match office.rules.as_slice() {
        [] => lines.push("    rules: none; no officer needs to approve anything".into()),
        rules => lines.extend(rules.iter().map(|rule| format!("    rule: {}", visible(&rule.words, true)))),
    }
    let (delegations, officers): (Vec<_>, Vec<_>) = office.officers.iter().partition(|o| o.delegation);
    lines.extend(officers.iter().map(|officer| officer_words("officer", officer, now)));
    lines.extend(delegations.iter().map(|officer| officer_words("delegation", officer, now)));
    lines
}

fn officer_words(kind: &str, officer: &OfficerView, now: Timestamp) -> String {
    let end = if officer.counts {
        format!(", ends {} ({})", age(officer.until, now), utc(officer.until))
    } else {
        String::new()
    };
    format!(
        "    {kind}: {} (person {}, key {}): {}{end}; {}",
        visible(&officer.title, true),
        visible(&officer.person, true),
        officer.key.short(),
        visible(&officer.state, true),
        visible(&officer.mandate, true)
    )
}
