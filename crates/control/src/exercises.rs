//! Exercises as users see them.

use pouch_wire::{ContactPoint, KeyId, Member, Timestamp};
use serde::{Deserialize, Serialize};

/// An exercise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExerciseView {
    /// Its id.
    pub id: String,
    /// Its name, as its opener chose it, made safe to show.
    pub name: String,
    /// `not begun`, `running`, `over` or `closed`.
    pub state: String,
    /// Who may take part.
    pub participants: Vec<Member>,
    /// Who opened it, and may close it.
    pub opened_by: Member,
    /// From when.
    pub from: Timestamp,
    /// Until when, unless it is closed before.
    pub until: Timestamp,
    /// The offices that joined.
    pub joined: Vec<JoinedView>,
    /// Whether this node can speak in it now.
    pub speaks: bool,
}

/// An office in an exercise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedView {
    /// Which.
    pub contact_point: ContactPoint,
    /// The key that signs for it there.
    pub signing_key: KeyId,
    /// How many of its sealing keys for the exercise can be used now.
    pub live_prekeys: usize,
}
