//! What a member signs with the charter, in words, and whether its release rule can be met at all.

use pouch_wire::ContactPoint;

use crate::commands::network::Signing;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::render::counted;
use crate::requests::{self, MemberRequest};

/// What the member's first statements say, in words.
pub(crate) fn described(signing: &Signing) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    for path in &signing.requests {
        let said = match requests::read(path)? {
            MemberRequest::ContactPoint(request) => {
                if let Some(officers) = signing.officers {
                    words.push(format!(
                        "{}: immediate and flash notices need {}",
                        request.contact_point,
                        counted(usize::from(officers), "officer")
                    ));
                }
                format!(
                    "{}: signing key {}, may say everything to everyone for ten years",
                    request.contact_point,
                    request.signing.id().short()
                )
            }
            MemberRequest::Officer(request) => {
                format!("{} of {}: key {}", request.title, request.contact_point, request.key.id().short())
            }
        };
        words.push(said);
    }
    Ok(words)
}

/// A rule that nobody could meet would silence the office when it matters.
pub(crate) fn enough(
    needed: u8,
    point: &ContactPoint,
    officers_of: &[(ContactPoint, String)],
    out: &Output,
) -> Result<(), Problem> {
    let mut persons: Vec<&str> =
        officers_of.iter().filter(|(of, _)| of == point).map(|(_, person)| person.as_str()).collect();
    persons.sort_unstable();
    persons.dedup();
    let have = persons.len();
    if have < usize::from(needed) {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-CLI-22",
            format!(
                "{point} would need {}, and {have} would be known",
                counted(usize::from(needed), "officer")
            ),
        )
        .why("no immediate or flash notice of this office could ever leave")
        .next("give the requests of more officers (`pouch init officer`), or a smaller --officers"));
    }
    if have == usize::from(needed) && needed > 0 {
        out.say(&format!(
            "Warning: {point} has exactly as many officers as must approve. When one is away, no immediate or flash \
             notice leaves; have one more."
        ));
    }
    Ok(())
}
