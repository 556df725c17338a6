//! What was turned away, told seldom: a flood must not fill the disk of whoever keeps its log.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Counts by name until they may be told. Names are ours and few.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<String, u64>,
    told: Option<Instant>,
}

/// How often it is told at most.
const EVERY: Duration = Duration::from_secs(1);

impl Tally {
    /// Counts one; what came since it was last told, when it may be told again. What comes after is told
    /// with the next one, however much later.
    pub(crate) fn count(&mut self, what: &str, now: Instant) -> Option<String> {
        match self.counts.get_mut(what) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.counts.insert(what.to_owned(), 1)),
        }
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= EVERY);
        if !due {
            return None;
        }
        self.told = Some(now);
        let mut words = String::new();
        for (what, count) in core::mem::take(&mut self.counts) {
            let comma = if words.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            write!(words, "{comma}{count} {what}").ok();
        }
        Some(words)
    }
}

#[cfg(test)]
impl Tally {
    /// What was counted and is not told yet.
    pub(crate) fn untold(&self) -> impl Iterator<Item = String> {
        self.counts.iter().map(|(what, count)| format!("{count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_and_no_count_is_lost() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        let mut lines = Vec::new();
        for ms in 0..3000_u64 {
            let what = if ms % 3 == 0 { "a" } else { "b" };
            lines.extend(tally.count(what, now + Duration::from_millis(ms)));
        }
        assert_eq!(lines, ["1 a", "333 a, 667 b", "333 a, 667 b"]);
        let late = tally.count("a", now + Duration::from_secs(3600));
        assert_eq!(late, Some("334 a, 666 b".to_owned()));
    }
}
