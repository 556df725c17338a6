//! What was counted, and what it says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::field::Field;

/// The figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) relay_random: usize,
    pub(crate) agent_random: usize,
    /// At a syscall of the relay while it accepts.
    pub(crate) relay_accepts: usize,
    /// At a syscall of a node while it sends.
    pub(crate) agent_sends: usize,
    /// At a syscall of a node while it receives.
    pub(crate) agent_receives: usize,
    /// Calls at which the sweep came to where the process lived.
    pub(crate) swept: BTreeMap<String, u32>,
    slowest_served: Duration,
    slowest_delivered: Duration,
    /// What does not hold, in words.
    pub(crate) broken: Vec<String>,
    /// The negative controls, and what each broke.
    pub(crate) controls: BTreeMap<&'static str, Vec<String>>,
}

impl Figures {
    /// How many processes died.
    pub(crate) fn kills(&self) -> usize {
        self.relay_random + self.agent_random + self.relay_accepts + self.agent_sends + self.agent_receives
    }

    /// From its start a process took so long until it served.
    pub(crate) fn served(&mut self, took: Duration) {
        self.slowest_served = self.slowest_served.max(took);
    }

    /// Everything runs again, and after so long everything was told; or was not.
    pub(crate) fn settled(&mut self, took: Duration, came: bool, field: &Field) {
        self.slowest_delivered = self.slowest_delivered.max(took);
        let judgement = field.book.oracle().judge();
        self.broken = judgement.broken();
        if !came && self.broken.is_empty() {
            self.broken.push("what was sent and not accepted did not come in time".to_owned());
        }
    }

    /// All of it for a program. `least` is how many kills there must be.
    pub(crate) fn value(&self, field: &Field, seed: u64, quick: bool, least: usize) -> Value {
        let controls: Vec<Value> = self
            .controls
            .iter()
            .map(|(name, broke)| json!({ "without": name, "broke": broke, "fails": !broke.is_empty() }))
            .collect();
        let fail = self.controls.values().all(|broke| !broke.is_empty()) && !self.controls.is_empty();
        let held = self.broken.is_empty() && self.kills() >= least && fail;
        json!({
            "harness": "crash", "quick": quick, "seed": seed,
            "kills": {
                "all": self.kills(),
                "relay_random": self.relay_random, "relay_at_accepting_syscall": self.relay_accepts,
                "agent_random": self.agent_random, "agent_at_sending_syscall": self.agent_sends,
                "agent_at_receiving_syscall": self.agent_receives,
            },
            "swept": self.swept,
            "slowest_restart_to_serving_s": seconds(self.slowest_served),
            "slowest_restart_to_delivered_s": seconds(self.slowest_delivered),
            "alarms": alarms(field), "broken": self.broken, "controls": controls, "held": held,
        })
    }
}

/// The alarms of all nodes, by their code.
fn alarms(field: &Field) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for alarm in field.book.alarms() {
        let code = alarm.split(' ').nth(1).unwrap_or_default().to_owned();
        *counted.entry(code).or_default() += 1;
    }
    counted
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}
