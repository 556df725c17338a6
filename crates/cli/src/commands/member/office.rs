//! `member office`: a new office, or new keys, details or bounds of one.

use pouch_directory::{Act, ContactPointEntry, DisplayName};
use pouch_wire::{ContactPoint, List, Set};

use super::bounds::within;
use super::signing::{Change, Desk, entry_of};
use crate::args;
use crate::clock;
use crate::commands::network::{bounded, contact_point, text};
use crate::problem::Problem;
use crate::requests::{self, ContactPointRequest, MemberRequest};

pub(super) async fn office(command: args::Office, desk: &Desk<'_>) -> Result<(), Problem> {
    let request = command.request.as_deref().map(request).transpose()?;
    let point = point_of(&command, request.as_ref())?;
    let current = desk.find(&point)?.map(entry_of).transpose()?;
    let entry = entry(&command, request.as_ref(), current.as_ref(), &point)?;
    let (what, before) = match &current {
        None => (format!("authorises the new office {point}"), Vec::new()),
        Some(current) => (format!("changes the office {point}"), words(current, Some(&entry))),
    };
    let after = words(&entry, current.as_ref());
    if current.is_some() && after.is_empty() {
        return Err(Problem::usage(format!("nothing of {point} would change"))
            .next("say what: --request, --telephone, --name, --relay, or a bound of its mandate"));
    }
    let new_key = current.as_ref().is_none_or(|current| current.signing != entry.signing);
    let next = match (&current, new_key) {
        (None, _) => format!(
            "give its node the charter and start it: pouch agent run; then compare its digits: pouch keys fingerprint {point}"
        ),
        (Some(_), true) => format!("compare its new digits by telephone: pouch keys fingerprint {point}"),
        (Some(_), false) => "nothing: every node takes it in by itself".to_owned(),
    };
    desk.decide(Act::AuthoriseContactPoint(Box::new(entry)), Change { what, before, after }, &next).await
}

fn request(path: &std::path::Path) -> Result<ContactPointRequest, Problem> {
    match requests::read(path)? {
        MemberRequest::ContactPoint(request) => Ok(*request),
        MemberRequest::Officer(_) => {
            Err(Problem::usage(format!("{}: is an officer's request", path.display()))
                .next("give it to `pouch member officer`"))
        }
    }
}

fn point_of(command: &args::Office, request: Option<&ContactPointRequest>) -> Result<ContactPoint, Problem> {
    match (&command.office, request) {
        (Some(office), Some(request)) if *office != request.contact_point => {
            Err(Problem::usage(format!("the request is of {}, not of {office}", request.contact_point)))
        }
        (_, Some(request)) => Ok(request.contact_point.clone()),
        (Some(office), None) => Ok(office.clone()),
        (None, None) => Err(Problem::usage("which office?")),
    }
}

/// The new entry: what the request and the options say, and for the rest what stands.
fn entry(
    command: &args::Office,
    request: Option<&ContactPointRequest>,
    current: Option<&ContactPointEntry>,
    point: &ContactPoint,
) -> Result<ContactPointEntry, Problem> {
    let mut entry = match (request, current) {
        (Some(request), None) => contact_point(request)?,
        (Some(request), Some(current)) => {
            let asked = contact_point(request)?;
            let names = named(current, asked.display_names.iter().cloned())?;
            // A request brings keys and details. What the office may say is the root's to decide.
            ContactPointEntry { mandate: current.mandate.clone(), display_names: names, ..asked }
        }
        (None, Some(current)) => current.clone(),
        (None, None) => {
            return Err(Problem::usage(format!(
                "the directory has no {point}, so its keys must come from its node"
            ))
            .next("give --request contact-point.toml, which `pouch init node` wrote"));
        }
    };
    if let Some(telephone) = &command.telephone {
        entry.telephone = text(telephone)?;
    }
    if !command.relays.is_empty() {
        let relays = command.relays.iter().map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
        entry.home_relays = bounded(List::new(relays))?;
    }
    let names = command.names.iter().map(|name| display_name(name)).collect::<Result<Vec<_>, _>>()?;
    entry.display_names = named(&entry, names)?;
    entry.mandate = within(entry.mandate, &command.bounds, clock::now())?;
    Ok(entry)
}

fn display_name(word: &str) -> Result<DisplayName, Problem> {
    let (language, name) = word.split_once('=').ok_or_else(|| {
        Problem::usage(format!("--name {word}: has no language")).next("write it as fr='Point de contact'")
    })?;
    Ok(DisplayName { language: text(language)?, name: text(name)? })
}

/// Names in these languages in the place of those that the office has in them.
fn named(
    entry: &ContactPointEntry,
    new: impl IntoIterator<Item = DisplayName>,
) -> Result<Set<DisplayName, 16>, Problem> {
    let mut names = entry.display_names.to_vec();
    for name in new {
        names.retain(|known| known.language != name.language);
        names.push(name);
    }
    bounded(Set::new(names))
}

/// What an entry says that the other does not.
fn words(entry: &ContactPointEntry, other: Option<&ContactPointEntry>) -> Vec<String> {
    let names: Vec<String> =
        entry.display_names.iter().map(|n| format!("{} ({})", &*n.name, &*n.language)).collect();
    let relays: Vec<&str> = entry.home_relays.iter().map(|relay| relay.as_str()).collect();
    let mandate = &entry.mandate;
    let all = [
        (other.is_none_or(|o| o.signing != entry.signing), format!("signing key {}", entry.signing.id())),
        (
            other.is_none_or(|o| o.transport != entry.transport),
            format!("transport key {}", entry.transport.id()),
        ),
        (other.is_none_or(|o| o.telephone != entry.telephone), format!("telephone {}", &*entry.telephone)),
        (other.is_none_or(|o| o.display_names != entry.display_names), names.join(", ")),
        (
            other.is_none_or(|o| o.home_relays != entry.home_relays),
            format!("collects at {}", relays.join(", ")),
        ),
        (
            other.is_none_or(|o| o.mandate != entry.mandate),
            format!(
                "may: {}, from {} until {}",
                mandate.words(),
                clock::utc(mandate.from),
                clock::utc(mandate.until)
            ),
        ),
    ];
    all.into_iter().filter(|(changed, _)| *changed).map(|(_, line)| line).collect()
}
