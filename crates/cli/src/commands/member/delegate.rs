//! `member delegate`: somebody may approve until a time, and no longer than is wanted: one command ends it.

use std::time::Duration;

use pouch_control::{OfficeView, OfficerView};
use pouch_directory::Act;
use pouch_wire::Timestamp;

use super::officer::{authorise, officers_mandate, request};
use super::rules::persons;
use super::signing::{Change, Desk};
use crate::args;
use crate::clock;
use crate::commands::keys::reason;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::render::counted;

/// Longest delegation: a year. What lasts longer is an officer's mandate.
const DAYS_MAX: u64 = 366;

pub(super) async fn delegate(command: args::Delegate, desk: &Desk<'_>) -> Result<(), Problem> {
    match (&command.end, &command.officer_request) {
        (Some(officer), _) => end(officer, &command, desk).await,
        (None, Some(path)) => begin(request(path)?, &command, desk).await,
        (None, None) => Err(Problem::usage("who shall approve?").next("give --officer-request, or --end")),
    }
}

async fn begin(
    request: crate::requests::OfficerRequest,
    command: &args::Delegate,
    desk: &Desk<'_>,
) -> Result<(), Problem> {
    if command.office.as_ref() != Some(&request.contact_point) {
        return Err(Problem::usage(format!("the request is for {}", request.contact_point))
            .next("the deputy makes one for this office: pouch init officer --contact-point OFFICE"));
    }
    if command.bounds.until.is_none() {
        return Err(
            Problem::usage("a delegation has an end").next("give --until, as 2026-11-24T03:00:00Z or +3d")
        );
    }
    let mandate = officers_mandate(&command.bounds)?;
    let longest = clock::now().after(Duration::from_secs(DAYS_MAX.saturating_mul(24 * 3600)));
    if mandate.until > longest {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-MEM-05",
            format!("a delegation lasts {DAYS_MAX} days at most"),
        )
        .why("what is meant to end is forgotten when its end is far away; nothing was signed")
        .next(
            "give an earlier --until, or make it an officer: pouch member officer --request officer.toml",
        ));
    }
    authorise(request, mandate, "delegation", desk).await
}

/// One command: the officer's key is revoked, and counts for nothing from then on.
async fn end(wanted: &str, command: &args::Delegate, desk: &Desk<'_>) -> Result<(), Problem> {
    let now = clock::now();
    let (office, officer) = one(wanted, command, desk)?;
    let effective = command.effective.as_deref().map_or(Ok(now), |text| clock::moment(text, now))?;
    let left = persons(office).into_iter().filter(|person| *person != officer.person).count();
    let most = office.rules.iter().map(|rule| usize::from(rule.officers)).max().unwrap_or(0);
    if left < most {
        desk.out.show(&format!(
            "Warning: {} will have {}, and a rule of it needs {most}: what that covers leaves no more. Authorise \
             another: pouch member officer",
            office.contact_point,
            counted(left, "officer")
        ));
    }
    let change = change(office, officer, &command.reason, effective);
    let act = Act::RevokeKey { key: officer.key, reason: reason(&command.reason)?, effective };
    let next = "drafts that wait with this officer's approval need another one: pouch draft --list";
    desk.decide(act, change, next).await
}

fn change(office: &OfficeView, officer: &OfficerView, reason: &str, effective: Timestamp) -> Change {
    Change {
        what: format!("{} of {} approves no more ({reason})", officer.title, office.contact_point),
        before: vec![format!("{}, until {}", officer.state, clock::utc(officer.until))],
        after: vec![format!(
            "key {} is revoked for ever, with effect from {}",
            officer.key,
            clock::utc(effective)
        )],
    }
}

/// The one officer who is called so and whose key is not revoked yet.
fn one<'a>(
    wanted: &str,
    command: &args::Delegate,
    desk: &'a Desk<'_>,
) -> Result<(&'a OfficeView, &'a OfficerView), Problem> {
    let offices = desk.state.offices.iter();
    let offices = offices.filter(|o| command.office.as_ref().is_none_or(|only| o.contact_point == *only));
    let all = offices.flat_map(|office| office.officers.iter().map(move |officer| (office, officer)));
    let key = wanted.to_lowercase();
    let called = |officer: &OfficerView| {
        officer.title == wanted
            || officer.person == wanted
            || (key.len() >= 4 && officer.key.to_string().starts_with(&key))
    };
    let revoked = |officer: &OfficerView| officer.state.starts_with("revoked");
    let found: Vec<_> = all.filter(|(_, officer)| called(officer) && !revoked(officer)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            Err(Problem::new(Exit::NotFound, "POUCH-MEM-06", format!("no officer here is called {wanted:?}"))
                .next("pouch member show"))
        }
        more => {
            let keys: Vec<String> = more.iter().map(|(_, officer)| officer.key.to_string()).collect();
            Err(Problem::usage(format!("{wanted:?} is more than one officer: keys {}", keys.join(", ")))
                .next("give the beginning of the key"))
        }
    }
}
