//! The bounds of a mandate as they are typed.

use pouch_directory::{Audience, Mandate};
use pouch_wire::{Member, Set, Timestamp};

use crate::args::Bounds;
use crate::clock;
use crate::commands::compose::in_capitals;
use crate::commands::network::bounded;
use crate::problem::Problem;

/// A mandate with these bounds in the place of those that it has.
pub(super) fn within(mut mandate: Mandate, bounds: &Bounds, now: Timestamp) -> Result<Mandate, Problem> {
    if !bounds.types.is_empty() {
        mandate.types = bounded(Set::new(bounds.types.iter().copied()))?;
    }
    if let Some(highest) = bounds.highest {
        mandate.highest_precedence = highest;
    }
    if let Some(label) = bounds.strictest_tlp {
        mandate.strictest_tlp = label;
    }
    if let Some(label) = bounds.most_open_tlp {
        mandate.most_open_tlp = label;
    }
    match bounds.audience.as_slice() {
        [] => {}
        [one] if one == "everyone" => mandate.audience = Audience::Everyone,
        members => mandate.audience = Audience::Members(members_of(members)?),
    }
    if let Some(from) = &bounds.from {
        mandate.from = clock::moment(from, now)?;
    }
    if let Some(until) = &bounds.until {
        mandate.until = clock::moment(until, now)?;
    }
    if mandate.until <= mandate.from || mandate.until <= now {
        return Err(Problem::usage("the mandate would be over before it begins")
            .next("give an --until that is to come, as 2026-11-24T03:00:00Z or +12h"));
    }
    Ok(mandate)
}

fn members_of(words: &[String]) -> Result<Set<Member, 64>, Problem> {
    let one = |word: &String| {
        in_capitals(word).parse::<Member>().map_err(|e| Problem::usage(format!("--audience {word}: {e}")))
    };
    bounded(Set::new(words.iter().map(one).collect::<Result<Vec<_>, _>>()?))
}
