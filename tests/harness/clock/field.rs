//! The network whose clocks are wrong: a relay, three witnesses, an office that reads and two that write.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pouch_testkit::stage::{Node, Outcome, Party, Service, Stage, StageError, is, word};
use pouch_tests::oracle::{Oracle, nodes};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::clocks::{Clocks, Wrong, set};
use crate::figures::Figures;

/// Who reads.
pub(crate) const READER: (&str, &str) = ("md", "MD/policy");
/// Who write.
pub(crate) const WRITERS: [(&str, &str); 2] = [("nl", "NL/technical"), ("ba", "BA/technical")];
/// How long anything may take that must happen; only a failure reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// The network.
pub(crate) struct Field {
    pub(crate) stage: Stage,
    pub(crate) oracle: Oracle,
    pub(crate) relay: Option<Service>,
    pub(crate) reader: Option<Node>,
    pub(crate) writers: Vec<Node>,
    /// A notice that the reader has, by which its verdicts are looked at.
    pub(crate) kept: String,
    witnesses: Vec<Service>,
}

/// What a node says of a notice, of its clock.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) colour: String,
    pub(crate) clock: String,
}

impl Field {
    /// Founds and starts it; the reader has one notice, and it is green.
    pub(crate) async fn start(clocks: &Clocks, dir: &Path) -> Result<Self, StageError> {
        std::fs::create_dir_all(dir).map_err(|error| StageError(error.to_string()))?;
        let parties = [READER, WRITERS[0], WRITERS[1]].map(|(_, office)| Party::simple(office));
        let stage = Stage::new(clocks.program(), dir, parties.into(), 3);
        stage.found().await?;
        for folder in ["relay", "witness-1", "witness-2", "witness-3", "md", "nl", "ba"] {
            set(&dir.join(folder), Wrong::By(0))?;
        }
        let relay = Some(stage.start_relay().await?);
        let witnesses = stage.start_witnesses().await?;
        let mut reader = stage.start_node(READER.0).await?;
        let mut writers = Vec::new();
        for (folder, _) in WRITERS {
            writers.push(stage.start_node(folder).await?);
        }
        for node in [&mut reader].into_iter().chain(&mut writers) {
            node.everyone_can_be_sealed_to().await?;
        }
        let oracle = Oracle::new();
        let reader = Some(reader);
        let kept = String::new();
        let mut field = Self { stage, oracle, relay, reader, writers, kept, witnesses };
        let kept = field.sends(0).await?.ok_or_else(|| StageError::new("the first notice was not taken"))?;
        field.reader.as_mut().unwrap().received(&kept).await?;
        field.kept = kept;
        field.green().await?;
        Ok(field)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.stage.dir().join(name)
    }

    /// Sets somebody's clock.
    pub(crate) fn set(&self, name: &str, wrong: Wrong) -> Result<(), StageError> {
        set(&self.folder(name), wrong)
    }

    pub(crate) fn reader(&self) -> &Node {
        self.reader.as_ref().unwrap()
    }

    /// A writer writes to the reader; `None` when its node does not take it.
    pub(crate) async fn sends(&mut self, writer: usize) -> Result<Option<String>, StageError> {
        let send = ["send", "--to", READER.1, "--type", "free-text", "--subject", "Clocks", "--text"];
        let text = ["A text of this harness", "--json"];
        let sent = self.writers[writer].run(&[send.as_slice(), &text].concat()).await?;
        if sent.stdout.trim().is_empty() {
            has_code(&sent)?;
            return Ok(None);
        }
        let row = value_of(&sent)?;
        nodes::sent(&mut self.oracle, WRITERS[writer].1, &row);
        Ok(Some(word(&row, "envelope").to_owned()))
    }

    /// What the reader's node shows now of the notice that it has, and says of its clock.
    pub(crate) async fn looks(&self) -> Result<Looked, StageError> {
        let clock = word(&self.reader().json(&["status"]).await?, "clock").to_owned();
        let shown = self.reader().run(&["show", &self.kept, "--json"]).await?;
        let colour = if shown.stdout.trim().is_empty() {
            has_code(&shown)?;
            "red".to_owned()
        } else {
            word(&value_of(&shown)?["row"]["verdict"], "colour").to_owned()
        };
        Ok(Looked { colour, clock })
    }

    /// Looks until what the reader sees is as it should be.
    pub(crate) async fn until(
        &self,
        what: &str,
        fits: impl Fn(&Looked) -> bool,
    ) -> Result<Looked, StageError> {
        let begun = Instant::now();
        loop {
            let looked = self.looks().await?;
            if fits(&looked) {
                return Ok(looked);
            }
            if begun.elapsed() > LONG {
                return Err(StageError(format!("{what} did not come within {LONG:?}: {looked:?}")));
            }
        }
    }

    /// Looks until everything is green.
    pub(crate) async fn green(&self) -> Result<Looked, StageError> {
        self.until("a green verdict", |looked| looked.colour == "green").await
    }

    /// Everybody's clock is right. Waits until all that was accepted is presented, or known not to come.
    pub(crate) async fn settle(&mut self, figures: &mut Figures) -> Result<(), StageError> {
        let last = self.sends(1).await?.ok_or_else(|| StageError::new("the last notice was not taken"))?;
        self.read_outboxes().await?;
        let reader = self.reader().config.clone();
        let mut watcher = self.stage.program.watch(&reader)?;
        let oracle = RefCell::new(std::mem::take(&mut self.oracle));
        let due: BTreeSet<String> =
            oracle.borrow().waiting().map(|one| one.id.clone()).chain([last]).collect();
        let due = RefCell::new(due);
        let all = |event: &Value| {
            nodes::event(&mut oracle.borrow_mut(), READER.1, event);
            if is(event, "kind", "received") {
                due.borrow_mut().remove(word(event, "envelope"));
            }
            due.borrow().is_empty()
        };
        // Whether they come or not, the oracle says.
        let came = watcher.wait_for("everything", LONG, all).await;
        self.oracle = oracle.into_inner();
        self.read_outboxes().await?;
        let inbox = self.reader().json(&["inbox", "--limit", nodes::ROWS]).await?;
        nodes::inbox(&mut self.oracle, READER.1, &inbox);
        figures.judged(&self.oracle.judge(), came.is_ok());
        self.green().await.map(drop)
    }

    async fn read_outboxes(&mut self) -> Result<(), StageError> {
        for (node, (_, office)) in self.writers.iter().zip(WRITERS) {
            let outbox = node.json(&["outbox", "--limit", nodes::ROWS]).await?;
            nodes::outbox(&mut self.oracle, office, &outbox);
        }
        Ok(())
    }

    /// Ends everything.
    pub(crate) async fn stop(self) -> Result<(), StageError> {
        for node in self.reader.into_iter().chain(self.writers) {
            node.stop().await?;
        }
        if let Some(relay) = self.relay {
            relay.stop().await?;
        }
        for witness in self.witnesses {
            timeout(LONG, witness.stop()).await.map_err(|_| StageError::new("a witness did not end"))??;
        }
        Ok(())
    }
}

/// A command that refuses says why by a code.
fn has_code(outcome: &Outcome) -> Result<(), StageError> {
    if outcome.stderr.contains("POUCH-") {
        return Ok(());
    }
    Err(StageError(format!("ended with {} and no code:\n{}", outcome.exit, outcome.stderr)))
}

fn value_of(outcome: &Outcome) -> Result<Value, StageError> {
    let mut value: Value = serde_json::from_str(&outcome.stdout)
        .map_err(|error| StageError(format!("{error}: {}{}", outcome.stdout, outcome.stderr)))?;
    Ok(value["value"].take())
}
