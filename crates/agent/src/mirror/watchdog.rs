//! Notices that the directory makes no progress: relays that do not answer, or that answer and show
//! nothing newer for longer than an honest log takes to be cosigned again.
//!
//! Pure: it is told what happened and when, by a clock that nobody sets.

use std::collections::BTreeSet;
use std::time::Duration;

use pouch_notice::Unheard;
use tokio::time::Instant;

/// A log that does not grow is cosigned again every ten minutes; twice that is no accident.
const STANDS_STILL_AFTER: Duration = Duration::from_secs(1200);
/// Twelve questions that each had fifteen seconds.
const SILENT_AFTER: Duration = Duration::from_secs(180);

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stall {
    /// No relay that is connected answers questions about the directory.
    Silent { relays: Vec<String>, since: Duration },
    /// They answer, and neither size nor cosignatures get newer.
    StandsStill { relays: Vec<String>, since: Duration },
}

/// What was seen of the relays' answers. A session that ends makes nothing undone: what is counted goes on
/// with the next one.
#[derive(Debug)]
pub(super) struct Watchdog {
    relays: BTreeSet<String>,
    /// Until when time is counted.
    counted: Instant,
    /// For how long nothing newer was believed.
    still: Unheard,
    /// For how long no relay answered.
    silent: Unheard,
    told: Option<Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Silent,
    StandsStill,
}

/// What is to be told now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It stalls.
    Stalls(Stall),
    /// It goes on again.
    GoesOn,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        let (still, silent) = (Unheard::default(), Unheard::default());
        Self { relays: BTreeSet::new(), counted: now, still, silent, told: None }
    }

    /// These relays are connected now, and no others.
    pub(super) fn connected<'a>(&mut self, relays: impl IntoIterator<Item = &'a str>, now: Instant) {
        self.pass(now);
        self.relays = relays.into_iter().map(str::to_owned).collect();
    }

    /// A relay answered a question about the directory, whatever it said.
    pub(super) fn answered(&mut self, relay: &str, now: Instant) {
        self.pass(now);
        if self.relays.contains(relay) {
            self.silent.heard();
        }
    }

    /// Something newer was believed.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.pass(now);
        self.still.heard();
    }

    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted);
        self.counted = self.counted.max(now);
        let up = !self.relays.is_empty();
        self.still.pass(passed, up);
        self.silent.pass(passed, up);
    }

    /// What changed since it was asked last. Each stall is told once until it is over.
    pub(super) fn look(&mut self, now: Instant) -> Option<Change> {
        self.pass(now);
        let stall = self.stall();
        let is = stall.as_ref().map(|stall| match stall {
            Stall::Silent { .. } => Told::Silent,
            Stall::StandsStill { .. } => Told::StandsStill,
        });
        match (stall, self.told) {
            (Some(stall), told) if told != is => {
                self.told = is;
                Some(Change::Stalls(stall))
            }
            // While no relay is connected nothing is known, and nothing is over.
            (None, Some(_)) if !self.relays.is_empty() => {
                self.told = None;
                Some(Change::GoesOn)
            }
            _ => None,
        }
    }

    fn stall(&self) -> Option<Stall> {
        if self.relays.is_empty() {
            return None;
        }
        let relays = || self.relays.iter().cloned().collect();
        let (silent, still) = (self.silent.total(), self.still.total());
        if silent > SILENT_AFTER {
            return Some(Stall::Silent { relays: relays(), since: silent });
        }
        (still > STANDS_STILL_AFTER).then(|| Stall::StandsStill { relays: relays(), since: still })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Watch {
        begun: Instant,
        dog: Watchdog,
    }

    impl Watch {
        fn with(relays: &[&str]) -> Self {
            let begun = Instant::now();
            let mut dog = Watchdog::new(begun);
            dog.connected(relays.iter().copied(), begun);
            Self { begun, dog }
        }

        fn at(&self, second: u64) -> Instant {
            self.begun.checked_add(Duration::from_secs(second)).unwrap()
        }

        fn look(&mut self, second: u64) -> Option<&'static str> {
            self.dog.look(self.at(second)).map(|change| match change {
                Change::Stalls(Stall::Silent { .. }) => "silent",
                Change::Stalls(Stall::StandsStill { .. }) => "stands still",
                Change::GoesOn => "goes on",
            })
        }
    }

    #[test]
    fn a_log_that_does_not_grow_and_is_cosigned_again_raises_no_alarm() {
        let mut watch = Watch::with(&["a"]);
        for minute in 0..24 * 60 {
            watch.dog.answered("a", watch.at(minute * 60));
            if minute % 10 == 0 {
                watch.dog.progressed(watch.at(minute * 60));
            }
            assert_eq!(watch.look(minute * 60 + 59), None);
        }
    }

    #[test]
    fn a_directory_that_stands_still_is_told_once_and_told_when_it_goes_on() {
        let mut watch = Watch::with(&["a", "b"]);
        for second in (0..=1200).step_by(60) {
            watch.dog.answered("a", watch.at(second));
            assert_eq!(watch.look(second), None);
        }
        watch.dog.answered("b", watch.at(1201));
        assert_eq!(watch.look(1201), Some("stands still"));
        assert_eq!(watch.look(1202), None);
        watch.dog.progressed(watch.at(1300));
        watch.dog.answered("b", watch.at(1300));
        assert_eq!(watch.look(1300), Some("goes on"));
        assert_eq!(watch.look(1301), None);
    }

    #[test]
    fn relays_that_do_not_answer_are_told_sooner_and_one_that_does_is_enough() {
        let mut watch = Watch::with(&["a", "b"]);
        watch.dog.answered("a", watch.at(100));
        assert_eq!(watch.look(280), None);
        assert_eq!(watch.look(281), Some("silent"));
        watch.dog.answered("b", watch.at(290));
        assert_eq!(watch.look(290), Some("goes on"));
    }

    #[test]
    fn without_a_relay_nothing_is_said_of_relays() {
        let mut watch = Watch::with(&[]);
        assert_eq!(watch.look(100_000), None);
        // Who was away for long and has just come is given its time.
        watch.dog.connected(["a"], watch.at(100_000));
        assert_eq!(watch.look(100_100), None);
        assert_eq!(watch.look(100_181), Some("silent"));
        watch.dog.connected([], watch.at(100_200));
        assert_eq!(watch.look(100_200), None, "it is not over because nobody is there");
    }

    #[test]
    fn sessions_that_flap_hide_no_directory_that_stands_still() {
        let mut watch = Watch::with(&[]);
        let mut told = Vec::new();
        for second in 0..3000 {
            // One second with a relay after each 140 without; it answers, and shows nothing newer.
            let up = second % 141 == 140;
            watch.dog.connected(up.then_some("a"), watch.at(second));
            if up {
                watch.dog.answered("a", watch.at(second));
            }
            told.extend(watch.look(second).map(|what| (second, what)));
        }
        assert_eq!(told, [(1409, "stands still")]);
        // What is newer ends it.
        watch.dog.progressed(watch.at(3000));
        watch.dog.connected(["a"], watch.at(3000));
        assert_eq!(watch.look(3000), Some("goes on"));
    }
}
