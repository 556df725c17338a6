//! When things came about, for whoever judges a message of the past: what its sender's member had
//! decided before it, and what only after.
//!
//! An entry is as old as the newest time that it, or any entry before it, says it was drafted: the log
//! only grows, so a statement that is dated back cannot have stood before those that it follows. That
//! keeps a member from withdrawing, by a date, what it said.

use pouch_wire::{ContactPoint, Environment, ExerciseId, Member, Timestamp};

use crate::view::View;

impl View<'_> {
    /// The entry at `index` was logged at this time or later; `None` when it had no effect, or does not
    /// count here.
    #[must_use]
    pub fn logged_from(&self, index: u64) -> Option<Timestamp> {
        if index >= self.size() {
            return None;
        }
        if index == 0 { Some(self.charter_created()) } else { self.state().logged_from.get(&index).copied() }
    }

    /// Since when a member is suspended; `None` when it is not.
    #[must_use]
    pub fn suspended_since(&self, member: &Member) -> Option<Timestamp> {
        let period = self.state().members.get(member)?.at(self.size())?;
        if period.value.suspended { self.logged_from(period.from) } else { None }
    }

    /// When an exercise was or will be over: when it was closed, or the end of its time.
    #[must_use]
    pub fn exercise_over(&self, id: ExerciseId) -> Option<Timestamp> {
        let exercise = self.exercise(id)?;
        let closed = exercise.closed_at.and_then(|index| self.logged_from(index));
        Some(closed.map_or(exercise.until, |at| at.min(exercise.until)))
    }

    /// This view, moved on to what the office's own member had decided about the office and its release
    /// rules by `at`. A sender chooses which directory it cites; it does not choose to be bound by rules
    /// that its state replaced.
    #[must_use]
    pub fn caught_up(&self, point: &ContactPoint, environment: Environment, at: Timestamp) -> Self {
        let points = self.state().points.get(&(point.clone(), environment));
        let rules = self.state().rules.get(point);
        let points = points.into_iter().flat_map(|history| history.all()).map(|period| period.from);
        let rules = rules.into_iter().flat_map(|history| history.all()).map(|period| period.from);
        let decided = |index: &u64| self.state().logged_from.get(index).is_some_and(|from| *from <= at);
        let newest = points.chain(rules).filter(decided).max().unwrap_or(0);
        self.of_size(self.size().max(newest.saturating_add(1)))
    }
}
