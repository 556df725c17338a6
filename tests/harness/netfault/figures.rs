//! What was measured, what it must be, and what the oracle found.

use std::time::Duration;

use pouch_tests::oracle::Judgement;
use serde_json::{Value, json};

/// What a part of the harness found.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    measured: Vec<Value>,
    controls: Vec<Value>,
    oracle: Vec<Value>,
    held: Option<bool>,
}

/// All of it, as it is printed.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) measured: Vec<Value>,
    pub(crate) controls: Vec<Value>,
    pub(crate) oracle: Vec<Value>,
    pub(crate) held: bool,
}

impl Figures {
    fn and(&mut self, held: bool) {
        self.held = Some(self.held.unwrap_or(true) && held);
    }

    /// Times that have a bound; one that never came to an end is `None`.
    pub(crate) fn times(&mut self, what: &str, times: &[Option<Duration>], bound: Duration) {
        let mut done: Vec<Duration> = times.iter().copied().flatten().collect();
        done.sort();
        let at = |percent: usize| {
            let index = (done.len() * percent).div_ceil(100).saturating_sub(1);
            done.get(index).map(|time| seconds(*time))
        };
        let never = times.len() - done.len();
        // With fewer than a hundred the 99th is the slowest.
        let held = never == 0 && !done.is_empty() && done[(done.len() * 99).div_ceil(100) - 1] <= bound;
        self.measured.push(json!({
            "what": what, "count": times.len(), "p50_s": at(50), "p99_s": at(99),
            "never": never, "bound_s": seconds(bound), "held": held,
        }));
        self.and(held);
        eprintln!("{what}: slowest {:?} of {}, {never} never", done.last(), times.len());
    }

    /// A claim that must be true.
    pub(crate) fn claim(&mut self, what: &str, held: bool) {
        self.measured.push(json!({ "what": what, "held": held }));
        self.and(held);
    }

    /// A run with one defence removed, which must fail.
    pub(crate) fn control(&mut self, what: &str, failed: bool) {
        self.controls.push(json!({ "control": what, "failed_as_it_should": failed }));
        self.and(failed);
    }

    /// What the oracle found.
    pub(crate) fn judged(&mut self, network: &str, judgement: &Judgement) {
        let held = judgement.holds() && judgement.accepted > 0;
        self.oracle.push(json!({
            "network": network, "held": held, "judgement": judgement.figures(),
        }));
        self.and(held);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.measured.extend(other.measured);
        self.controls.extend(other.controls);
        self.oracle.extend(other.oracle);
        self.and(other.held == Some(true));
    }

    pub(crate) fn told(self) -> Told {
        let Self { measured, controls, oracle, held } = self;
        Told { measured, controls, oracle, held: held == Some(true) }
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}
