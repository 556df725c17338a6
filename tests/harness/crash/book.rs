//! What is written down while processes die: everything that a sender was shown, everything that a
//! recipient told, each event once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pouch_control::{Client, Event};
use pouch_testkit::stage::StageError;
use pouch_tests::oracle::{Delivery, Oracle, nodes};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long a message may take to come once everything runs, before it counts as lost. Only a failure
/// waits so long.
pub(crate) const COMES_WITHIN: Duration = Duration::from_secs(45);

/// The pages.
#[derive(Debug, Default)]
struct Pages {
    oracle: Oracle,
    /// What was submitted and is not told yet.
    untold: BTreeSet<Delivery>,
    /// What senders wait for: told, and not yet confirmed to the sender.
    told: BTreeSet<Delivery>,
    /// The newest event of each office.
    newest: BTreeMap<String, u64>,
    alarms: Vec<String>,
}

/// What was seen so far, of everybody.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pages: Arc<Mutex<Pages>>,
    grows: watch::Sender<u64>,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self { pages: Arc::default(), grows: watch::Sender::new(0) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grown(&self) {
        self.grows.send_modify(|count| *count += 1);
    }

    /// A node took a message: a row of its outbox, from its answer or from the list.
    pub(crate) fn sent(&self, from: &str, row: &Value) {
        let mut pages = self.pages();
        nodes::sent(&mut pages.oracle, from, row);
        let id = row["envelope"].as_str().unwrap_or_default();
        for rung in row["ladder"].as_array().into_iter().flatten() {
            let one =
                Delivery { id: id.to_owned(), to: rung["recipient"].as_str().unwrap_or_default().to_owned() };
            if !pages.told.contains(&one) {
                pages.untold.insert(one);
            }
        }
        drop(pages);
        self.grown();
    }

    /// What a node lists of what it sent, with how far each got; what is gone, if this is all there is.
    pub(crate) fn outbox(&self, from: &str, rows: &[Value]) -> Vec<String> {
        for row in rows {
            self.sent(from, row);
        }
        let oracle = &mut self.pages().oracle;
        nodes::outbox(oracle, from, &Value::Array(rows.to_vec()));
        let listed = rows.iter().filter_map(|row| row["envelope"].as_str()).collect();
        oracle.gone_from(from, &listed)
    }

    /// What a node lists of what it received.
    pub(crate) fn inbox(&self, node: &str, rows: &Value) {
        nodes::inbox(&mut self.pages().oracle, node, rows);
    }

    fn event(&self, node: &str, event: &Event) {
        let mut pages = self.pages();
        let newest = pages.newest.entry(node.to_owned()).or_default();
        if event.number <= *newest {
            return;
        }
        *newest = event.number;
        let value = serde_json::to_value(event).unwrap_or_default();
        nodes::event(&mut pages.oracle, node, &value);
        match value["kind"].as_str() {
            Some("received") => {
                let id = value["envelope"].as_str().unwrap_or_default().to_owned();
                let one = Delivery { id, to: node.to_owned() };
                pages.untold.remove(&one);
                pages.told.insert(one);
            }
            Some("alarm" | "refused-arrival") => {
                let words = format!("{node}: {} {}", event.code, event.words);
                pages.alarms.push(words);
            }
            _ => {}
        }
        drop(pages);
        self.grown();
    }

    /// Writes down what a node tells from the newest known event on, until the node ends.
    pub(crate) async fn listen(&self, node: &str, client: &Client) -> Result<JoinHandle<()>, StageError> {
        let after = self.pages().newest.get(node).copied().unwrap_or(0);
        let mut events =
            client.watch(Some(after)).await.map_err(|error| StageError(format!("{node}: {error}")))?;
        let (book, node) = (self.clone(), node.to_owned());
        Ok(tokio::spawn(async move {
            while let Ok(Some(event)) = events.next().await {
                book.event(&node, &event);
            }
        }))
    }

    /// Looks into the oracle.
    pub(crate) fn oracle(&self) -> Oracle {
        self.pages().oracle.clone()
    }

    pub(crate) fn alarms(&self) -> Vec<String> {
        self.pages().alarms.clone()
    }

    /// How many deliveries of this sender's are on their way.
    pub(crate) fn on_their_way(&self) -> usize {
        self.pages().untold.len()
    }

    /// Whether the sender was shown that the recipient has it.
    pub(crate) fn is_confirmed(&self, id: &str, to: &str) -> bool {
        self.pages().oracle.is_confirmed(id, to)
    }

    /// Whether the sender was shown that a relay has it.
    pub(crate) fn is_accepted(&self, id: &str, to: &str) -> bool {
        self.pages().oracle.is_accepted(id, to)
    }

    /// Waits until something holds of what is written; how long that took, or `None` when it did not come
    /// to hold in time.
    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool, within: Duration) -> Option<Duration> {
        let begun = Instant::now();
        let mut grows = self.grows.subscribe();
        loop {
            grows.borrow_and_update();
            if holds(self) {
                return Some(begun.elapsed());
            }
            timeout_at(begun + within, grows.changed()).await.ok()?.ok()?;
        }
    }

    /// Waits until everything that was submitted is told where it should be.
    pub(crate) async fn all_told(&self) -> Option<Duration> {
        self.until(|book| book.on_their_way() == 0, COMES_WITHIN).await
    }
}
