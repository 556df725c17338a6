//! An exercise: how it stands, who takes part, and whether this node can speak in it.

use pouch_control::{ExerciseView, JoinedView};
use pouch_directory::{Exercise, View};
use pouch_notice::visible;
use pouch_wire::{Environment, Timestamp};

use crate::desk::Desk;
use crate::exercises::{Stage, may_speak, stage};

pub(super) fn exercise(exercise: &Exercise, view: &View<'_>, now: Timestamp, desk: &Desk) -> ExerciseView {
    let environment = Environment::Exercise(exercise.id);
    let state = match stage(exercise, view, now) {
        Stage::Before => "not begun",
        Stage::Running => "running",
        Stage::Over if view.exercise_is_closed(exercise.id) => "closed",
        Stage::Over => "over",
    };
    ExerciseView {
        id: exercise.id.to_string(),
        name: visible(&exercise.name, true),
        state: state.to_owned(),
        participants: exercise.participants.to_vec(),
        opened_by: exercise.opened_by.clone(),
        from: exercise.from,
        until: exercise.until,
        joined: view
            .contact_points(environment)
            .map(|entry| JoinedView {
                contact_point: entry.contact_point.clone(),
                signing_key: entry.signing.id(),
                live_prekeys: view.prekeys(&entry.contact_point, environment, now).len(),
            })
            .collect(),
        speaks: may_speak(environment, desk).is_ok(),
    }
}
