//! What was found, as figures.

use pouch_tests::oracle::Judgement;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clocks::Wrong;
use crate::field::Looked;

/// The figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    quick: bool,
    seconds: Vec<(&'static str, u64)>,
    begun: Option<Instant>,
    cases: usize,
    taken: usize,
    not_taken: usize,
    /// Shown as sure under a wrong clock.
    green_when_wrong: Vec<String>,
    /// A wrong clock that nobody was told of, or a right one that was called wrong.
    told_wrong: Vec<String>,
    /// Not green though the clock was right again.
    not_right_again: Vec<String>,
    settled: bool,
    judged: Option<Value>,
    broken: Vec<String>,
    controls: Vec<Value>,
    controls_failed: usize,
}

impl Figures {
    pub(crate) fn new(quick: bool) -> Self {
        Self { quick, begun: Some(Instant::now()), ..Self::default() }
    }

    /// A part of the run is over; how long all took until then.
    pub(crate) fn done(&mut self, part: &'static str) {
        let took = self.begun.map_or(0, |begun| begun.elapsed().as_secs());
        eprintln!("{took:>4} s  {part}");
        self.seconds.push((part, took));
    }

    /// Somebody's clock was wrong, and that is all that is asked of it: what follows is judged by the oracle.
    pub(crate) fn case_of(&mut self, _whose: &str) {
        self.cases += 1;
    }

    /// A reader's clock was wrong: what it was shown, and told.
    pub(crate) fn case(&mut self, whose: &str, (name, wrong): (&str, Wrong), looked: &Looked) {
        self.clock(whose, (name, wrong), &looked.clock);
        let green = looked.colour == "green";
        if green && !wrong.is_honest() {
            self.green_when_wrong.push(format!("{whose}, {name}: {looked:?}"));
        }
        if !green && wrong.is_honest() {
            self.told_wrong.push(format!("{whose}, {name}: {looked:?}"));
        }
    }

    /// Somebody's clock was wrong: what its node says of it.
    pub(crate) fn clock(&mut self, whose: &str, (name, wrong): (&str, Wrong), said: &str) {
        self.cases += 1;
        if said.starts_with("agrees") != wrong.is_honest() {
            self.told_wrong.push(format!("{whose}, {name}: {said}"));
        }
    }

    /// A clock was put right: what the reader is shown then.
    pub(crate) fn right_again(&mut self, whose: &str, (name, _): (&str, Wrong), looked: &Looked) {
        if looked.colour != "green" {
            self.not_right_again.push(format!("{whose}, {name}: {looked:?}"));
        }
    }

    /// Whether a node took what it was given to send.
    pub(crate) fn taken(&mut self, taken: bool) {
        if taken { self.taken += 1 } else { self.not_taken += 1 }
    }

    /// What the oracle says in the end.
    pub(crate) fn judged(&mut self, judged: &Judgement, settled: bool) {
        self.settled = settled;
        self.judged = Some(judged.figures());
        self.broken = judged.broken();
    }

    /// A control: what it was, and whether it broke what it should.
    pub(crate) fn control(&mut self, name: &str, broke: bool, found: &str) {
        self.controls_failed += usize::from(!broke);
        self.controls.push(json!({ "without": name, "broken": broke, "found": found }));
    }

    pub(crate) fn value(&self) -> Value {
        let held = self.cases >= 40
            && self.settled
            && self.broken.is_empty()
            && self.green_when_wrong.is_empty()
            && self.told_wrong.is_empty()
            && self.not_right_again.is_empty()
            && self.controls.len() == 2
            && self.controls_failed == 0;
        json!({
            "harness": "clock",
            "quick": self.quick,
            "cases": self.cases,
            "seconds": self.seconds,
            "messages": { "taken": self.taken, "not_taken": self.not_taken },
            "judged": self.judged,
            "broken": self.broken,
            "green_when_wrong": self.green_when_wrong,
            "told_wrong": self.told_wrong,
            "not_right_again": self.not_right_again,
            "controls": self.controls,
            "held": held,
        })
    }
}
