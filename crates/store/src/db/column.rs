//! Between columns and domain values. What does not fit is damage, said by name, never guessed at.

use pouch_wire::{ContactPoint, Digest, Environment, ExerciseId, Precedence};

use crate::db::damage;
use crate::error::StoreError;

/// SQLite's integers are signed; ours are not, and never that large.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Back again.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A contact point from its column.
pub(crate) fn point(text: &str) -> Result<ContactPoint, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("contact point".into()))
}

/// A precedence from its column.
pub(crate) fn precedence(rank: i64) -> Result<Precedence, StoreError> {
    u8::try_from(rank)
        .ok()
        .and_then(Precedence::from_rank)
        .ok_or_else(|| StoreError::Damaged("precedence".into()))
}

/// An environment's column: nothing for what is live, else the exercise's id.
pub(crate) fn exercise(environment: Environment) -> Option<[u8; 32]> {
    match environment {
        Environment::Live => None,
        Environment::Exercise(ExerciseId(id)) => Some(*id.as_bytes()),
    }
}

/// Back again.
pub(crate) fn environment(exercise: Option<[u8; 32]>) -> Environment {
    exercise.map_or(Environment::Live, |id| Environment::Exercise(ExerciseId(Digest::new(id))))
}

/// A row of a list, unless it is damaged: that is logged, and the others are served.
pub(crate) fn kept<T>(row: Result<T, StoreError>, table: &'static str) -> Result<Option<T>, StoreError> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(error @ StoreError::Damaged(_)) => {
            tracing::error!(code = error.code(), table, %error, "row left out");
            if let StoreError::Damaged(name) = error {
                damage::note(format!("{table}: {name}"));
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
