//! What was counted, and what it says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::field::Field;
use crate::stored;

/// The figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// How many died, and at what.
    deaths: BTreeMap<&'static str, usize>,
    /// Calls at which the sweep came to where the process lived.
    pub(crate) swept: BTreeMap<String, u32>,
    slowest_served: Duration,
    slowest_delivered: Duration,
    /// The first start with a full store, which publishes all of it, and those after it.
    first_with_stored: Duration,
    with_stored: Vec<Duration>,
    /// What the oracle said of the honest run, and the alarms of its nodes.
    judged: Value,
    alarms: BTreeMap<String, usize>,
    /// What does not hold, in words.
    pub(crate) broken: Vec<String>,
    /// The negative controls, and what each broke.
    pub(crate) controls: BTreeMap<&'static str, Vec<String>>,
}

impl Figures {
    /// A process died at this.
    pub(crate) fn died(&mut self, at: &'static str) {
        *self.deaths.entry(at).or_default() += 1;
    }

    /// How many processes died.
    pub(crate) fn kills(&self) -> usize {
        self.deaths.values().sum()
    }

    /// From its start a process took so long until it served.
    pub(crate) fn served(&mut self, took: Duration) {
        self.slowest_served = self.slowest_served.max(took);
    }

    /// The first start of a relay whose store was filled past it took so long.
    pub(crate) fn started_with_stored(&mut self, took: Duration) {
        self.first_with_stored = took;
    }

    /// A relay with many messages stored took so long until it served again.
    pub(crate) fn served_with_stored(&mut self, took: Duration) {
        self.with_stored.push(took);
    }

    /// Everything runs again, and after so long everything was told; or was not.
    pub(crate) fn settled(&mut self, took: Duration, came: bool, field: &Field) {
        self.slowest_delivered = self.slowest_delivered.max(took);
        let judgement = field.book.oracle().judge();
        self.broken.extend(judgement.broken());
        if !came && self.broken.is_empty() {
            self.broken.push("what was sent and not accepted did not come in time".to_owned());
        }
    }

    /// The honest run is over: the last word on it.
    pub(crate) fn judged(&mut self, field: &Field, gone: &[String]) {
        let judgement = field.book.oracle().judge();
        self.broken.extend(judgement.broken());
        self.broken.extend(gone.iter().map(|id| format!("gone from its sender: {id}")));
        if judgement.undelivered > 0 {
            self.broken
                .push("nothing here expires or is refused, and something is shown as undelivered".into());
        }
        self.judged = judgement.figures();
        for alarm in field.book.alarms() {
            let code = alarm.split(' ').nth(1).unwrap_or_default().to_owned();
            *self.alarms.entry(code).or_default() += 1;
        }
    }

    /// All of it for a program. `least` is how many kills there must be.
    pub(crate) fn value(&self, seed: u64, quick: bool, least: usize, took: Duration) -> Value {
        let control = |(name, broke): (&&str, &Vec<String>)| json!({ "without": name, "broke": broke, "fails": !broke.is_empty() });
        let controls: Vec<Value> = self.controls.iter().map(control).collect();
        let fail = self.controls.values().all(|broke| !broke.is_empty()) && !self.controls.is_empty();
        let with_stored = self.with_stored.iter().max().copied().unwrap_or_default();
        // Beside other things no time decides; and a store that was never filled shows nothing.
        let in_time = !self.with_stored.is_empty() && (quick || with_stored <= stored::BOUND);
        let held = self.broken.is_empty() && self.kills() >= least && fail && in_time;
        json!({
            "harness": "crash", "quick": quick, "seed": seed, "took_s": seconds(took),
            "kills": self.kills(), "killed_at": self.deaths, "swept": self.swept,
            "judged": self.judged, "broken": self.broken, "alarms": self.alarms,
            "slowest_restart_to_serving_s": seconds(self.slowest_served),
            "slowest_restart_to_delivered_s": seconds(self.slowest_delivered),
            "restart_with_stored": {
                "messages": stored::STORED, "restarts": self.with_stored.len(), "bound_s": seconds(stored::BOUND),
                "slowest_s": seconds(with_stored), "first_s": seconds(self.first_with_stored),
            },
            "controls": controls, "held": held,
        })
    }
}

/// The same in words.
pub(crate) fn in_words(figures: &Value) -> String {
    let mut lines = Vec::new();
    let mut table = |title: String, field: &str| {
        lines.push(title);
        for (name, count) in figures[field].as_object().into_iter().flatten() {
            lines.push(format!("  {name:<28} {count:>6}"));
        }
    };
    table(format!("{} processes killed (seed {}):", figures["kills"], figures["seed"]), "killed_at");
    table("messages, per recipient:".to_owned(), "judged");
    table("alarms of the nodes meanwhile:".to_owned(), "alarms");
    lines.push(format!(
        "slowest: {} s from a restart to serving, {} s until all was delivered",
        figures["slowest_restart_to_serving_s"], figures["slowest_restart_to_delivered_s"]
    ));
    let stored = &figures["restart_with_stored"];
    lines.push(format!(
        "with {} messages stored: {} s at the slowest of {} restarts to serving (bound {} s)",
        stored["messages"], stored["slowest_s"], stored["restarts"], stored["bound_s"]
    ));
    for control in figures["controls"].as_array().into_iter().flatten() {
        let fails =
            if control["fails"] == true { "breaks the promise, as it must" } else { "BREAKS NOTHING" };
        lines.push(format!("without \"{}\": {fails}", control["without"].as_str().unwrap_or_default()));
    }
    for broken in figures["broken"].as_array().into_iter().flatten() {
        lines.push(format!("BROKEN: {}", broken.as_str().unwrap_or_default()));
    }
    lines.join("\n")
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}
