//! Exercises and who takes part.

use pouch_control::ExerciseView;
use pouch_wire::Timestamp;

use super::safe;
use crate::clock::{age, utc};

pub(crate) fn exercises(exercises: &[ExerciseView], now: Timestamp) -> String {
    if exercises.is_empty() {
        return "No exercise was opened.".into();
    }
    let one = |exercise: &ExerciseView| {
        let members: Vec<&str> = exercise.participants.iter().map(|member| member.as_str()).collect();
        let joined: Vec<String> =
            exercise.joined.iter().map(|office| office.contact_point.to_string()).collect();
        let joined = if joined.is_empty() { "nobody yet".to_owned() } else { joined.join(", ") };
        let ours = if exercise.speaks { "this node takes part" } else { "this node does not take part now" };
        format!(
            "EXERCISE {}  {}  {}\n    opened by {} for {}\n    from {} until {} ({})\n    joined: {joined}; {ours}",
            safe(&exercise.name),
            exercise.id.chars().take(8).collect::<String>(),
            exercise.state.to_uppercase(),
            exercise.opened_by,
            members.join(", "),
            utc(exercise.from),
            utc(exercise.until),
            age(exercise.until, now)
        )
    };
    exercises.iter().map(one).collect::<Vec<_>>().join("\n")
}
