//! What must break when a defence is missing: a relay gives its word before the message is stored, and then
//! its disk fails.

use std::path::Path;
use std::time::Duration;

use pouch_envelope::Header;
use pouch_relay::{Accepting, Conduct, Peer};
use pouch_testkit::stage::{PATIENCE, Program, StageError, is, word};
use pouch_tests::evil::town::Town;
use pouch_tests::oracle::{Oracle, nodes};
use serde_json::Value;
use tokio::time::Instant;

/// Answers before it stores; its disk then never takes the message.
#[derive(Debug)]
struct AnswersFirst;

impl Conduct for AnswersFirst {
    fn accepts(&self, _from: &Peer, _header: &Header) -> Accepting {
        Accepting::Promise
    }
}

/// How many accepted messages such a relay loses.
pub(crate) async fn answers_first(program: &Program, under: &Path) -> Result<usize, StageError> {
    let town = Town::start(program.clone(), under).await?;
    town.liar.begins(AnswersFirst);
    let envelope = town.sends("nl", "md", "priority").await?;
    let begun = Instant::now();
    let mut oracle = Oracle::new();
    loop {
        let rows = listed(&town, "nl", "outbox").await?;
        nodes::outbox(&mut oracle, "NL/technical", &rows);
        let ours = rows.as_array().into_iter().flatten().find(|row| is(row, "envelope", &envelope));
        let rungs = ours.and_then(|row| row.get("ladder")).and_then(Value::as_array);
        if rungs.into_iter().flatten().any(|rung| word(rung, "rung") == "accepted") {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(StageError::new("a relay that answers first did not answer"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    town.liar.ends();
    // What is sent after it arrives; it does not.
    let after = town.sends("nl", "md", "flash").await?;
    town.received("md", &after).await?;
    nodes::inbox(&mut oracle, "MD/policy", &listed(&town, "md", "inbox").await?);
    Ok(oracle.judge().lost.iter().filter(|lost| lost.id == envelope).count())
}

async fn listed(town: &Town, folder: &str, what: &str) -> Result<Value, StageError> {
    let said = town.run(folder, &[what, "--json", "--limit", nodes::ROWS]).await?;
    let mut value: Value =
        serde_json::from_str(&said.stdout).map_err(|error| StageError(error.to_string()))?;
    Ok(value.get_mut("value").map(Value::take).unwrap_or_default())
}
