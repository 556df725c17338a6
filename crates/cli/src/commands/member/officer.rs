//! `member officer`: who may approve notices of an office, and what.

use std::path::Path;
use std::time::Duration;

use pouch_directory::{Act, Mandate, OfficerEntry};
use pouch_notice::visible;
use pouch_wire::Environment;

use super::bounds::within;
use super::signing::{Change, Desk};
use crate::args;
use crate::clock;
use crate::commands::network::{full_mandate, text};
use crate::problem::Problem;
use crate::requests::{self, MemberRequest, OfficerRequest};

pub(super) async fn officer(command: args::Officer, desk: &Desk<'_>) -> Result<(), Problem> {
    let request = request(&command.request)?;
    let mandate = officers_mandate(&command.bounds)?;
    authorise(request, mandate, "officer", desk).await
}

/// An officer who was just called approves drafts that wait since some days: it is the root's entry that
/// says from when the key counts, and a mandate's beginning is compared with a draft's date.
const DRAFTS_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Everything within these bounds.
pub(super) fn officers_mandate(bounds: &args::Bounds) -> Result<Mandate, Problem> {
    let now = clock::now();
    within(Mandate { from: now.before(DRAFTS_WAIT), ..full_mandate()? }, bounds, now)
}

pub(super) fn request(path: &Path) -> Result<OfficerRequest, Problem> {
    match requests::read(path)? {
        MemberRequest::Officer(request) => Ok(request),
        MemberRequest::ContactPoint(_) => {
            Err(Problem::usage(format!("{}: is a node's request", path.display()))
                .next("give it to `pouch member office`"))
        }
    }
}

/// Authorises an officer within a mandate; says whose vote it is.
pub(super) async fn authorise(
    request: OfficerRequest,
    mandate: Mandate,
    kind: &str,
    desk: &Desk<'_>,
) -> Result<(), Problem> {
    let office = desk.office(&request.contact_point)?;
    let same = office.officers.iter().filter(|o| o.counts && o.person == request.person);
    for other in same {
        desk.out.show(&format!(
            "Note: {} is person {} too, with key {}. One person has one vote, however many keys.",
            visible(&other.title, true),
            visible(&other.person, true),
            other.key
        ));
    }
    let until = clock::utc(mandate.until);
    let what = format!(
        "{} of {} may approve as {kind} (person {}, key {}) until {until}",
        request.title,
        request.contact_point,
        request.person,
        request.key.id()
    );
    let after = vec![format!("may approve: {}", mandate.words())];
    let entry = OfficerEntry {
        contact_point: request.contact_point,
        environment: Environment::Live,
        key: request.key,
        title: text(&request.title)?,
        person: text(&request.person)?,
        mandate,
    };
    let change = Change { what, before: Vec::new(), after };
    let next = "the officer approves drafts at the office's node: pouch approve ID --key officer.pem";
    desk.decide(Act::AuthoriseOfficer(Box::new(entry)), change, next).await
}
