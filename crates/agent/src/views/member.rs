//! What our member decided about its offices, for its own people.

use std::time::Duration;

use pouch_control::{Bytes, GovernanceView, OfficeView, OfficerView, RuleView};
use pouch_directory::{ContactPointEntry, OfficerRecord, ReleaseRule, View};
use pouch_notice::{Moment, visible};
use pouch_wire::{Canonical as _, ContactPoint, Environment, Timestamp};

use crate::desk::Desk;
use crate::refusals::{Failed, not_found};

/// An officer's mandate that is given for no longer than this is called a delegation: a year, and the
/// week before it in which drafts may have been written.
const DELEGATION_AT_MOST: Duration = Duration::from_secs((366 + 8) * 24 * 3600);

pub(crate) fn member(desk: &Desk) -> Result<GovernanceView, Failed> {
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    let record = view.member(&desk.me.member).ok_or_else(|| not_found(desk.me.member.as_str()))?;
    // Also while the member is suspended: it may still put its offices in order.
    let offices = view.offices_of(&record.member, Environment::Live);
    let offices = offices.into_iter().map(|entry| office(entry, &view, now)).collect::<Result<_, _>>()?;
    Ok(GovernanceView {
        network: desk.network,
        member: record.member.clone(),
        name: visible(&record.name, true),
        root: record.root.id(),
        size: directory.size(),
        at: now,
        relays: view.relays().iter().map(|relay| visible(&relay.name, true)).collect(),
        offices,
    })
}

fn office(entry: &ContactPointEntry, view: &View<'_>, now: Timestamp) -> Result<OfficeView, Failed> {
    let point = &entry.contact_point;
    let names = entry.display_names.iter();
    Ok(OfficeView {
        contact_point: point.clone(),
        names: names.map(|n| (visible(&n.language, true), visible(&n.name, true))).collect(),
        telephone: visible(&entry.telephone, true),
        home_relays: entry.home_relays.iter().map(|relay| visible(relay, true)).collect(),
        signing_key: entry.signing.id(),
        mandate: entry.mandate.words(),
        until: entry.mandate.until,
        entry: Bytes(entry.to_bytes()?),
        officers: officers(point, view, now),
        rules: view.release_rules(point).iter().map(rule).collect(),
    })
}

fn officers(point: &ContactPoint, view: &View<'_>, now: Timestamp) -> Vec<OfficerView> {
    view.officer_records(point, Environment::Live).iter().map(|record| officer(record, now)).collect()
}

fn officer(record: &OfficerRecord<'_>, now: Timestamp) -> OfficerView {
    let entry = record.entry;
    let (from, until) = (entry.mandate.from, entry.mandate.until);
    let (counts, state) = match record.revoked {
        Some(revoked) => (
            false,
            format!(
                "revoked by entry {} ({}) with effect from {}",
                revoked.index,
                revoked.reason.as_str(),
                Moment(revoked.effective)
            ),
        ),
        None if now >= until => (false, format!("over since {}", Moment(until))),
        None if now < from => (false, format!("not before {}", Moment(from))),
        None => (true, "may approve".to_owned()),
    };
    OfficerView {
        key: entry.key.id(),
        title: visible(&entry.title, true),
        person: visible(&entry.person, true),
        mandate: entry.mandate.words(),
        from,
        until,
        delegation: until.since(from) <= DELEGATION_AT_MOST,
        counts,
        state,
        entry: record.index,
    }
}

fn rule(rule: &ReleaseRule) -> RuleView {
    RuleView {
        types: rule.types.to_vec(),
        at_or_above: rule.at_or_above,
        officers: rule.officers,
        break_glass: rule.break_glass,
        words: rule.words(),
    }
}
