//! What must break when a defence is missing: a relay gives its word before the message is stored, and then
//! its disk fails.

use std::path::Path;

use pouch_envelope::Header;
use pouch_relay::{Accepting, Conduct, Peer};
use pouch_testkit::stage::{PATIENCE, Program, StageError, is};
use pouch_tests::evil::town::Town;
use pouch_tests::oracle::{Oracle, nodes};
use serde_json::Value;

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
    let accepted = |event: &Value| is(event, "kind", "progress") && is(event, "envelope", &envelope);
    town.journal("nl")?.wait("the answer of a relay that answers first", PATIENCE, accepted).await?;
    let mut oracle = Oracle::new();
    nodes::outbox(&mut oracle, "NL/technical", &listed(&town, "nl", "outbox").await?);
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
