//! Negative controls: relays and nodes with one rule left out, killed at the step that the rule is for. Each
//! must break the promise; what the honest ones keep would mean nothing if these kept it too.

use std::collections::BTreeSet;

use pouch_testkit::stage::{Program, StageError};
use pouch_wire::Precedence;

use crate::book::COMES_WITHIN;
use crate::field::{Field, Programs, Whom};
use crate::figures::Figures;
use crate::noose::Noose;
use crate::walks::{FROM, TO};

/// A rule left out.
struct Control {
    /// The rule.
    name: &'static str,
    /// What the weak program calls its absence.
    weakness: &'static str,
    whom: Whom,
    /// At which calls it dies, each from the first on, until the promise breaks.
    calls: &'static [&'static str],
    /// What it breaks.
    breaks: &'static str,
}

const CONTROLS: [Control; 3] = [
    Control {
        name: "the relay stores before it answers",
        weakness: "answers-first",
        whom: Whom::Relay,
        calls: &["pwrite64"],
        breaks: "lost",
    },
    Control {
        name: "the node stores before it says that it has a message",
        weakness: "takes-first",
        whom: Whom::Office(TO),
        calls: &["pwrite64"],
        breaks: "lost",
    },
    Control {
        name: "the node knows what it told before",
        weakness: "forgets",
        whom: Whom::Office(TO),
        calls: &["write", "sendmsg", "fsync"],
        breaks: "twice",
    },
];

/// How many steps are tried.
const STEPS: u32 = 8;

/// Runs every control in a network whose honest run is judged already.
pub(crate) async fn run(
    field: &mut Field,
    pouch: &Program,
    weak: &Program,
    figures: &mut Figures,
) -> Result<(), StageError> {
    for control in CONTROLS {
        let honest = Programs::honest(pouch);
        let worse = (weak.clone(), vec![control.weakness.to_owned()]);
        let programs = match control.whom {
            Whom::Relay => Programs { relay: worse, ..honest.clone() },
            Whom::Office(_) => Programs { agent: worse, ..honest.clone() },
        };
        let mut broke = Vec::new();
        for (call, n) in control.calls.iter().flat_map(|call| (1..=STEPS).map(move |n| (call, n))) {
            broke = attempt(field, &control, call, n, &programs).await?;
            eprintln!("  {} {call} {n} {broke:?}", control.weakness);
            if !broke.is_empty() {
                break;
            }
        }
        figures.controls.insert(control.name, broke);
    }
    Ok(())
}

/// One message while whom the rule is for dies at the n-th call; what that broke of the promise.
async fn attempt(
    field: &mut Field,
    control: &Control,
    call: &str,
    n: u32,
    programs: &Programs,
) -> Result<Vec<String>, StageError> {
    let before: BTreeSet<String> = field.book.oracle().judge().broken().into_iter().collect();
    field.anew(programs).await?;
    one(field, "It works before").await?;
    let mut noose = Noose::around(field.process(control.whom)?, call, n).await?;
    let text = format!("{} {call} {n}", control.weakness);
    let id = field.send(FROM, &[TO], Precedence::Priority, &text).await?;
    let (book, to) = (field.book.clone(), field.offices[TO].name);
    let lives = tokio::select! {
        () = noose.drawn() => false,
        _ = book.until(|book| book.is_confirmed(&id, to), COMES_WITHIN) => true,
    };
    if lives {
        noose.loosen().await?;
        return Ok(Vec::new());
    }
    field.is_over(control.whom).await?;
    // Nobody lives on who would bring it again for another reason.
    field.anew(programs).await?;
    // What was sent before comes before this, if it comes.
    one(field, "It works again").await?;
    field.read_inbox(TO).await?;
    let after = field.book.oracle().judge().broken();
    let new =
        |words: &String| !before.contains(words) && words.starts_with(control.breaks) && words.contains(&id);
    Ok(after.into_iter().filter(new).collect())
}

/// One message that arrives and is confirmed.
async fn one(field: &Field, text: &str) -> Result<(), StageError> {
    let id = field.send(FROM, &[TO], Precedence::Priority, text).await?;
    let to = field.offices[TO].name;
    let there = field.book.until(|book| book.is_confirmed(&id, to), COMES_WITHIN).await;
    there.map(drop).ok_or_else(|| StageError(format!("{text}: not confirmed in time")))
}
