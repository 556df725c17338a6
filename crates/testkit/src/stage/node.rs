//! A running node, and the commands about it that a person types.

use serde_json::Value;

use super::process::{PATIENCE, Program, Service, StageError, Watcher, value_of};

/// A text field of a JSON object; empty when it is not there.
#[must_use]
pub fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a text field of a JSON object is this text.
#[must_use]
pub fn is(value: &Value, field: &str, text: &str) -> bool {
    word(value, field) == text
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// Its configuration file.
    pub config: String,
    /// Its process.
    pub service: Service,
    /// Its events.
    pub watcher: Watcher,
    pub(super) program: Program,
    pub(super) parties: usize,
}

/// The rungs of the receipt ladder, lowest first.
const LADDER: [&str; 5] = ["queued", "accepted", "verified", "acknowledged", "answered"];
/// How `send` ends when no relay can be reached.
const QUEUED: i32 = 20;
/// Events that may pass before something must have happened.
const EVENTS_MAX: usize = 1000;

impl Node {
    /// Asks it to end.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(self) -> Result<(), StageError> {
        drop(self.watcher);
        self.service.stop().await
    }

    /// Runs a command about this node that prints JSON.
    ///
    /// # Errors
    /// When it does not exit 0.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value, StageError> {
        self.program.json(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Writes a notice that may wait for a relay (exit code 20): it leaves by itself when one is back.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn send(&self, arguments: &[&str]) -> Result<Value, StageError> {
        let sent = self.run(&[arguments, &["--json"]].concat()).await?;
        if !matches!(sent.exit, 0 | QUEUED) {
            return Err(StageError(format!("not sent ({}):\n{}", sent.exit, sent.stderr.trim_end())));
        }
        value_of(&sent.stdout)
    }

    /// Runs a command about this node; its standard output.
    ///
    /// # Errors
    /// When it does not exit 0.
    pub async fn ok(&self, arguments: &[&str]) -> Result<String, StageError> {
        self.program.ok(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Runs a command about this node, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run(&self, arguments: &[&str]) -> Result<super::Outcome, StageError> {
        self.program.run(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Waits until its directory is witnessed and has a usable sealing key of every office.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn everyone_can_be_sealed_to(&mut self) -> Result<(), StageError> {
        for _ in 0..EVENTS_MAX {
            let view = self.json(&["directory", "show"]).await?;
            let points = list(&view, "members").flat_map(|member| list(member, "contact_points"));
            let sealable = points.filter(|p| p.get("live_prekeys").and_then(Value::as_u64) > Some(0)).count();
            if sealable >= self.parties && view.get("cosigned_at").is_some_and(|at| !at.is_null()) {
                return Ok(());
            }
            self.watcher
                .wait_for("a newer directory", PATIENCE, |event| is(event, "kind", "directory"))
                .await?;
        }
        Err(StageError::new("the directory did not become complete"))
    }

    /// Waits until a message is received and verified.
    ///
    /// # Errors
    /// When it is not, in time.
    pub async fn received(&mut self, envelope: &str) -> Result<Value, StageError> {
        let fits = |event: &Value| is(event, "kind", "received") && is(event, "envelope", envelope);
        self.watcher.wait_for(&format!("the arrival of {envelope}"), PATIENCE, fits).await
    }

    /// Waits until a recipient of a sent notice reached a rung.
    ///
    /// # Errors
    /// When it does not, in time.
    pub async fn progress(&mut self, envelope: &str, recipient: &str, rung: &str) -> Result<(), StageError> {
        let rank = |rung: &str| LADDER.iter().position(|r| *r == rung);
        for _ in 0..EVENTS_MAX {
            // All rows: by now many others may have been written.
            let rows = self.json(&["outbox", "--limit", "10000"]).await?;
            let reached = rows
                .as_array()
                .into_iter()
                .flatten()
                .filter(|row| is(row, "envelope", envelope))
                .flat_map(|row| list(row, "ladder"))
                .any(|r| is(r, "recipient", recipient) && rank(word(r, "rung")) >= rank(rung));
            if reached {
                return Ok(());
            }
            self.watcher
                .wait_for(&format!("{recipient}: {rung}"), PATIENCE, |event| is(event, "kind", "progress"))
                .await?;
        }
        Err(StageError(format!("{recipient} did not get to {rung}")))
    }
}
