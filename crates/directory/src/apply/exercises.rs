//! Exercises: a world of their own, opened and closed by a member that takes part.

use pouch_wire::{Environment, ExerciseId, Member, Set, Text, Timestamp};

use super::Judged;
use super::signed::Signed;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::Exercise;

/// Longest exercise: a year.
const EXERCISE_MS_MAX: u64 = 366 * 24 * 3600 * 1000;

/// What a statement says of the exercise that it opens.
pub(super) struct NewExercise<'a> {
    pub(super) name: &'a Text<64>,
    pub(super) participants: &'a Set<Member, 64>,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Directory {
    pub(super) fn open_exercise<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        new: &NewExercise<'a>,
        id: ExerciseId,
    ) -> Result<Judged<'a>, Refused> {
        if new.until <= new.from || new.until.0.saturating_sub(new.from.0) > EXERCISE_MS_MAX {
            return Err(Refused::Span("exercise"));
        }
        if new.name.trim().is_empty() || self.state.exercise_names.contains(new.name) {
            return Err(Refused::Names(new.name.to_string()));
        }
        for member in new.participants {
            self.active(member)?;
        }
        let mut signers = new.participants.iter().filter(|member| self.by_root(signed, member).is_ok());
        let opener = signers.next().ok_or(Refused::NotEnough(0, 1))?;
        let exercise = Exercise {
            id,
            name: new.name.clone(),
            participants: new.participants.clone(),
            opened_by: opener.clone(),
            from: new.from,
            until: new.until,
            opened_at: index,
            closed_at: None,
        };
        Ok(Judged::new([opener.clone()], move |directory| {
            directory.state.exercise_names.insert(exercise.name.clone());
            directory.state.exercises.insert(id, exercise);
        }))
    }

    pub(super) fn close_exercise<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        id: ExerciseId,
    ) -> Result<Judged<'a>, Refused> {
        let opener = self.running(id)?.opened_by.clone();
        let speakers = self.by_root(signed, &opener)?;
        Ok(Judged::new(speakers, move |directory| {
            if let Some(exercise) = directory.state.exercises.get_mut(&id) {
                exercise.closed_at = Some(index);
            }
        }))
    }

    /// Keys may be bound for this member in this environment.
    pub(super) fn environment_open(&self, environment: Environment, member: &Member) -> Result<(), Refused> {
        let Environment::Exercise(id) = environment else { return Ok(()) };
        if self.running(id)?.participants.has(member) {
            Ok(())
        } else {
            Err(Refused::NotParticipant(member.clone()))
        }
    }

    fn running(&self, id: ExerciseId) -> Result<&Exercise, Refused> {
        let exercise = self.state.exercises.get(&id).filter(|exercise| exercise.closed_at.is_none());
        exercise.ok_or(Refused::NoExercise(id))
    }
}
