//! No network: a person carries a file. Real nodes with no relay to reach, the commands that people type, and
//! files that were tampered with on their way.

mod carried;
mod parts;
mod tampered;
mod walk;

use pouch_testkit::stage::{Node, PATIENCE, Stage, is, word};
use serde_json::Value;

/// What a command about a node printed as JSON, and how it ended.
async fn told(node: &Node, arguments: &[&str]) -> (Value, i32) {
    let outcome = node.run(&[arguments, &["--json"]].concat()).await.unwrap();
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    (value["value"].clone(), outcome.exit)
}

/// Writes a courier file; where it is.
async fn exported(node: &Node, stage: &Stage, name: &str, what: &[&str]) -> String {
    let path = stage.path(name);
    let (written, exit) = told(node, &[&["courier", "export"], what, &["--output", &path]].concat()).await;
    assert_eq!(exit, 0, "{written}");
    path
}

/// Imports a courier file; what became of its messages, and how the command ended.
async fn imported(node: &Node, path: &str) -> (Vec<(String, String)>, i32) {
    let (value, exit) = told(node, &["courier", "import", path]).await;
    let messages = value["messages"].as_array().unwrap_or_else(|| panic!("{value}"));
    let outcome = |m: &Value| (word(m, "outcome").to_owned(), word(m, "code").to_owned());
    (messages.iter().map(outcome).collect(), exit)
}

fn received(code: &str) -> (String, String) {
    ("received".to_owned(), code.to_owned())
}

fn outcomes(found: &(Vec<(String, String)>, i32)) -> (Vec<&str>, i32) {
    (found.0.iter().map(|(outcome, _)| outcome.as_str()).collect(), found.1)
}

/// A recipient's row of a sent notice's ladder.
async fn rung(node: &Node, envelope: &str) -> Value {
    let rows = node.json(&["outbox"]).await.unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", envelope)).unwrap();
    row["ladder"][0].clone()
}

/// The rows of the inbox.
async fn inbox(node: &Node) -> Vec<Value> {
    node.json(&["inbox"]).await.unwrap().as_array().unwrap().clone()
}

/// One clause of the verdict on a message: its state and code.
async fn clause(node: &Node, envelope: &str, name: &str) -> (String, String) {
    let (view, _) = told(node, &["show", envelope, "--why"]).await;
    let clauses = view["row"]["verdict"]["clauses"].as_array().unwrap();
    let found = clauses.iter().find(|clause| is(clause, "clause", name)).unwrap();
    (word(found, "state").to_owned(), word(found, "code").to_owned())
}

/// Waits until a node knows that the relay is gone.
async fn cut_off(node: &mut Node) {
    let ended = |event: &Value| is(event, "kind", "link") && word(event, "words").contains("ended");
    node.watcher.wait_for("the link's end", PATIENCE, ended).await.unwrap();
}

/// Writes a flash where no relay can be reached; the envelope's id.
async fn flash(node: &Node, to: &str, text: &str) -> String {
    let send = ["send", "--to", to, "--precedence", "flash", "--yes", "--subject", text, "--text", text];
    let (sent, exit) = told(node, &send).await;
    assert_eq!(exit, 20, "it waits here: {sent}");
    word(&sent, "envelope").to_owned()
}
