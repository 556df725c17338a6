//! What the demo did, step by step: told as it happens, and kept as `summary.json`.

use std::path::Path;

use serde::Serialize;
use tokio::time::Instant;

use super::DemoError;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;

/// One step.
#[derive(Debug, Clone, Serialize)]
struct Step {
    name: String,
    passed: bool,
    milliseconds: u64,
    detail: String,
}

/// All steps so far.
#[derive(Debug)]
pub(super) struct Summary {
    out: Output,
    begun: Instant,
    step_begun: Instant,
    current: Option<String>,
    steps: Vec<Step>,
}

impl Summary {
    pub(super) fn new(out: Output) -> Self {
        Self { out, begun: Instant::now(), step_begun: Instant::now(), current: None, steps: Vec::new() }
    }

    /// Begins a step and says so.
    pub(super) fn step(&mut self, name: &str) {
        let number = self.steps.len().saturating_add(1);
        self.tell(&format!("\n{number}. {name}"));
        self.current = Some(name.to_owned());
        self.step_begun = Instant::now();
    }

    /// Says something within a step.
    pub(super) fn tell(&self, text: &str) {
        if !self.out.json {
            self.out.line(text);
        }
    }

    /// Quotes what a command printed.
    pub(super) fn quote(&self, text: &str) {
        for line in text.trim_end().lines() {
            self.tell(&format!("   | {line}"));
        }
    }

    /// The current step held.
    pub(super) fn held(&mut self, detail: &str) {
        self.tell(&format!("   {detail}"));
        self.end(true, detail);
    }

    /// The current step did not hold.
    pub(super) fn failed(&mut self, error: &DemoError) {
        self.tell(&format!("   FAILED: {error}"));
        self.end(false, &error.to_string());
    }

    fn end(&mut self, passed: bool, detail: &str) {
        let milliseconds = u64::try_from(self.step_begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let name = self.current.take().unwrap_or_default();
        self.steps.push(Step { name, passed, milliseconds, detail: detail.to_owned() });
    }

    /// Writes `summary.json`.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Problem> {
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let value = serde_json::json!({
            "schema": "pouch.demo/1",
            "passed": self.steps.iter().all(|step| step.passed),
            "milliseconds": milliseconds,
            "steps": self.steps,
        });
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        if self.out.json {
            self.out.line(&text);
        }
        files::replace(&dir.join("summary.json"), text.as_bytes())
    }

    /// Says how it went.
    pub(super) fn close(&self) {
        let seconds = self.begun.elapsed().as_secs_f32();
        self.tell(&format!(
            "\nEvery step held: {} of {} in {seconds:.1} s.",
            self.steps.len(),
            self.steps.len()
        ));
    }
}
