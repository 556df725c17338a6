//! Exercises that this office takes part in: which key speaks where, whether it may now, and their end.
//!
//! An exercise has a signing key and sealing keys of its own, made on this machine. When it is over they are
//! destroyed, so that nobody can speak or read in it any more; what came stays readable, with its mark. No key
//! of an exercise is ever asked for anything live, nor the reverse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pouch_control::{EventKind, Refusal};
use pouch_crypto::SigningKey;
use pouch_directory::{Exercise, View};
use pouch_notice::{Moment, visible};
use pouch_store::{Inbox as _, Prekeys as _};
use pouch_wire::{Environment, ExerciseId, Timestamp, limits};
use tracing::{error, info};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::refusals::{ambiguous, refusal};

/// How an exercise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not begun.
    Before,
    /// It runs.
    Running,
    /// It was closed, or its time is over.
    Over,
}

/// How an exercise stands at a time. One that was closed is over whatever the clock says.
pub(crate) fn stage(exercise: &Exercise, view: &View<'_>, now: Timestamp) -> Stage {
    stage_at((exercise.from, exercise.until), view.exercise_is_closed(exercise.id), now)
}

fn stage_at((from, until): (Timestamp, Timestamp), closed: bool, now: Timestamp) -> Stage {
    if closed || now >= until {
        Stage::Over
    } else if from.0.saturating_sub(now.0) > limits::CLOCK_SKEW_MS_MAX {
        Stage::Before
    } else {
        Stage::Running
    }
}

/// The exercise of an environment, as its name may be shown; `None` for what is live. Whoever opened it
/// chose the name, so it is never read as the mark itself.
pub(crate) fn name_of(environment: Environment, desk: &Desk) -> Option<String> {
    let Environment::Exercise(id) = environment else { return None };
    let directory = desk.directory();
    let name = directory.now_view().exercise(id).map(|exercise| visible(&exercise.name, true));
    Some(name.unwrap_or_else(|| "unknown exercise".to_owned()))
}

/// The key that speaks in an environment, if this office may speak there now.
pub(crate) fn may_speak(environment: Environment, desk: &Desk) -> Result<Arc<SigningKey>, Refusal> {
    let Environment::Exercise(id) = environment else { return Ok(desk.signing_key()) };
    let directory = desk.directory();
    let view = directory.now_view();
    let exercise = view.exercise(id).ok_or_else(|| unknown(&id.to_string()))?;
    runs(exercise, stage(exercise, &view, (desk.clock)()))?;
    let name = visible(&exercise.name, true);
    desk.key_in(environment).filter(|_| has_joined(id, &view, desk)).ok_or_else(|| {
        refusal(
            "POUCH-EXR-03",
            12,
            format!("{} has not joined EXERCISE {name}", desk.me),
            "an exercise has keys of its own; no live key speaks in it",
            "the holder of the member's root key lets the office join: pouch exercise join",
        )
    })
}

/// Whether the directory names our key of this exercise for our office.
fn has_joined(id: ExerciseId, view: &View<'_>, desk: &Desk) -> bool {
    let environment = Environment::Exercise(id);
    let entry = view.contact_point(&desk.me, environment);
    desk.key_in(environment).is_some_and(|key| entry.is_some_and(|entry| entry.signing == key.public()))
}

/// Refuses what is said in an exercise before it begins or when it is over.
fn runs(exercise: &Exercise, stage: Stage) -> Result<(), Refusal> {
    let name = visible(&exercise.name, true);
    match stage {
        Stage::Running => Ok(()),
        Stage::Before => Err(refusal(
            "POUCH-EXR-02",
            15,
            format!("EXERCISE {name} begins at {}", Moment(exercise.from)),
            "nothing is sent in it before",
            "pouch exercise list",
        )),
        Stage::Over => Err(refusal(
            "POUCH-EXR-01",
            15,
            format!("EXERCISE {name} is over"),
            "its keys are destroyed, and no relay and no recipient takes anything more in it",
            "what came in it can still be read; if this was meant to be live, send it without --exercise",
        )),
    }
}

/// The exercise that a person calls so: by its name, or by the beginning of its id.
pub(crate) fn called(wanted: &str, desk: &Desk) -> Result<ExerciseId, Refusal> {
    let directory = desk.directory();
    let beginning = wanted.to_lowercase();
    let by_id = |id: &ExerciseId| beginning.len() >= 4 && id.0.to_string().starts_with(&beginning);
    let found: Vec<ExerciseId> = directory
        .now_view()
        .exercises()
        .filter(|exercise| *exercise.name == *wanted || by_id(&exercise.id))
        .map(|exercise| exercise.id)
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(unknown(wanted)),
        // A name may be another one's id: the person says which.
        more => Err(ambiguous(wanted, more.iter().map(ExerciseId::short))),
    }
}

fn unknown(wanted: &str) -> Refusal {
    refusal("POUCH-AGT-32", 15, format!("no exercise is called {wanted:?}"), "", "pouch exercise list")
}

/// Where this node has sealing keys to look after.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) environment: Environment,
    /// Signs what is published there.
    pub(crate) key: Arc<SigningKey>,
    /// When nothing more is read there.
    pub(crate) until: Option<Timestamp>,
}

/// Live, and every exercise that this office joined and that begins within a day or runs.
pub(crate) fn places(desk: &Desk) -> Vec<Place> {
    let mut places = vec![Place { environment: Environment::Live, key: desk.signing_key(), until: None }];
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    for exercise in view.exercises().filter(|exercise| stage(exercise, &view, now) != Stage::Over) {
        let environment = Environment::Exercise(exercise.id);
        let soon = now.after(AHEAD) >= exercise.from;
        let key = desk.key_in(environment).filter(|_| soon && has_joined(exercise.id, &view, desk));
        places.extend(key.map(|key| Place { environment, key, until: Some(exercise.until) }));
    }
    places
}

/// How long before an exercise begins its sealing keys are published.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Reads the keys of exercises again. One that cannot be read keeps the node from nothing else.
pub(crate) fn load(desk: &Desk) -> Result<(), AgentError> {
    let mut keys = BTreeMap::new();
    for exercise in desk.keeper.exercises()? {
        match desk.keeper.exercise_signing(exercise) {
            Ok(key) => {
                keys.insert(exercise, Arc::new(key));
            }
            Err(error) => error!(exercise = exercise.short(), %error, "an exercise's key cannot be read"),
        }
    }
    *desk.exercise_keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    Ok(())
}

/// Destroys what is left of exercises that are over: sealing keys first, then the key that signs. Called as
/// often as the keys are looked after; what was interrupted is finished.
pub(crate) async fn end_what_is_over(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let mut kept: BTreeSet<ExerciseId> = desk.keeper.exercises()?.into_iter().collect();
    let prekeys = desk.store.prekeys().await?;
    kept.extend(prekeys.iter().filter_map(|row| exercise_of(row.environment)));
    let directory = desk.directory();
    for id in kept {
        let view = directory.now_view();
        let Some(exercise) = view.exercise(id) else { continue };
        // A wrong clock must not end an exercise that runs.
        let known = view.exercise_is_closed(id) || desk.time_is_sure();
        if !known || stage(exercise, &view, (desk.clock)()) != Stage::Over {
            continue;
        }
        // Nothing is signed or sealed with a key while it goes.
        let _turn = desk.outgoing.lock().await;
        let environment = Environment::Exercise(id);
        for row in prekeys.iter().filter(|row| row.environment == environment) {
            desk.store.destroy_prekey(row.id).await?;
        }
        desk.keeper.destroy_exercise_signing(id)?;
        desk.exercise_keys.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        desk.store.forgive(id).await?;
        info!(exercise = id.short(), "an exercise is over");
        let words = "it is over, and its keys are destroyed: nothing more can be sent or opened in it; what came \
                     stays readable";
        let happening = Happening::new(EventKind::Key, "POUCH-EXR-61", words);
        desk.tell(happening.within(environment, desk)).await?;
    }
    Ok(())
}

fn exercise_of(environment: Environment) -> Option<ExerciseId> {
    match environment {
        Environment::Live => None,
        Environment::Exercise(id) => Some(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exercise_runs_between_its_dates_and_not_when_it_was_closed() {
        let dates = (Timestamp(1_000_000), Timestamp(2_000_000));
        for (at, expected) in [
            (879_999, Stage::Before),
            (880_000, Stage::Running),
            (1_999_999, Stage::Running),
            (2_000_000, Stage::Over),
        ] {
            assert_eq!(stage_at(dates, false, Timestamp(at)), expected, "{at}");
            assert_eq!(stage_at(dates, true, Timestamp(at)), Stage::Over, "{at}");
        }
    }
}
