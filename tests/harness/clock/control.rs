//! The negative controls: a relay without the two defences, and what comes of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pouch_relay::{Conduct, Peer};
use pouch_testkit::stage::{Node, Party, Stage, StageError, is, word};
use pouch_tests::evil::town::{now, start_relay};
use pouch_tests::oracle::{Oracle, nodes};
use pouch_wire::Timestamp;
use pouch_wire::session::{Attached, Changed};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clocks::{Clocks, Wrong, set};
use crate::field::{LONG, READER, WRITERS};
use crate::figures::Figures;

/// By how many seconds the relay's own clock is ahead.
static RELAY_AHEAD_S: AtomicU64 = AtomicU64::new(0);
/// By how many seconds the time is ahead that it tells the reader.
static TOLD_AHEAD_S: AtomicU64 = AtomicU64::new(0);

/// Ten minutes: the directory is fresh by such a clock, so that nothing else makes a reader doubt.
const AHEAD_S: u32 = 600;
/// Longer than any message lives.
const PAST_ALL_S: u64 = 60 * 24 * 3600;

fn clock() -> Timestamp {
    now().after(Duration::from_secs(RELAY_AHEAD_S.load(Ordering::SeqCst)))
}

/// A relay that drops by its own clock alone, and tells the reader what the reader's own clock says.
#[derive(Debug)]
struct Weak;

impl Weak {
    fn told(to: &Peer, honest: Timestamp) -> Timestamp {
        let ahead = TOLD_AHEAD_S.load(Ordering::SeqCst);
        let reads = matches!(to, Peer::ContactPoint(point) if point.to_string() == READER.1);
        if reads { honest.after(Duration::from_secs(ahead)) } else { honest }
    }
}

impl Conduct for Weak {
    fn drops_by_its_own_clock(&self) -> bool {
        true
    }

    fn welcomes(&self, to: &Peer, honest: Attached) -> Attached {
        Attached { now: Self::told(to, honest.now), ..honest }
    }

    fn tells(&self, to: &Peer, honest: Changed) -> Option<Changed> {
        Some(Changed { now: Self::told(to, honest.now), ..honest })
    }
}

/// Both controls, in one network.
pub(crate) async fn both(clocks: &Clocks, dir: &Path, figures: &mut Figures) -> Result<(), StageError> {
    std::fs::create_dir_all(dir).map_err(|error| StageError(error.to_string()))?;
    let parties = [READER, WRITERS[0]].map(|(_, office)| Party::simple(office));
    let stage = Stage::new(clocks.program(), dir, parties.into(), 1);
    stage.found().await?;
    for folder in ["witness-1", "md", "nl"] {
        set(&dir.join(folder), Wrong::By(0))?;
    }
    let shutdown = CancellationToken::new();
    let relay = start_relay(&stage, Arc::new(Weak), clock, shutdown.clone()).await?;
    let witnesses = stage.start_witnesses().await?;
    let (mut md, mut nl) = (stage.start_node("md").await?, stage.start_node("nl").await?);
    md.everyone_can_be_sealed_to().await?;
    nl.everyone_can_be_sealed_to().await?;
    let mut oracle = Oracle::new();
    let kept = sends(&nl, &mut oracle).await?;
    md.received(&kept).await?;
    sure_at_a_wrong_time(&stage, &md, &nl, &kept, figures).await?;
    md.stop().await?;
    let waits = sends(&nl, &mut oracle).await?;
    nl.progress(&waits, READER.1, "accepted").await?;
    RELAY_AHEAD_S.store(PAST_ALL_S, Ordering::SeqCst);
    let ended = |error: &dyn core::fmt::Display| StageError(format!("the weak relay: {error}"));
    shutdown.cancel();
    relay.await.map_err(|error| ended(&error))?.map_err(|error| ended(&error))?;
    RELAY_AHEAD_S.store(0, Ordering::SeqCst);
    let shutdown = CancellationToken::new();
    let relay = start_relay(&stage, Arc::new(Weak), clock, shutdown.clone()).await?;
    let md = stage.start_node("md").await?;
    lost(&stage, &md, &nl, oracle, figures).await?;
    md.stop().await?;
    nl.stop().await?;
    shutdown.cancel();
    relay.await.map_err(|error| ended(&error))?.map_err(|error| ended(&error))?;
    for witness in witnesses {
        witness.stop().await?;
    }
    Ok(())
}

async fn sends(nl: &Node, oracle: &mut Oracle) -> Result<String, StageError> {
    let send = ["send", "--to", READER.1, "--type", "free-text", "--subject", "Clocks", "--text", "Control"];
    let row = nl.send(&send).await?;
    nodes::sent(oracle, WRITERS[0].1, &row);
    Ok(word(&row, "envelope").to_owned())
}

/// The reader's clock is wrong, and nobody who is asked disagrees: it must be shown as sure, or the harness
/// would not see it when it is.
async fn sure_at_a_wrong_time(
    stage: &Stage,
    md: &Node,
    nl: &Node,
    kept: &str,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let folder = stage.dir().join("md");
    set(&folder, Wrong::By(i64::from(AHEAD_S)))?;
    TOLD_AHEAD_S.store(u64::from(AHEAD_S), Ordering::SeqCst);
    // Whatever enters the directory makes the relay tell its time at once.
    let (dir, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    nl.ok(&rotate).await?;
    let begun = Instant::now();
    let mut green = false;
    while !green && begun.elapsed() < LONG {
        let shown = md.run(&["show", kept, "--json"]).await?;
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
        green = is(&shown["value"]["row"]["verdict"], "colour", "green");
    }
    figures.control("another's time", green, if green { "green at a wrong time" } else { "never green" });
    TOLD_AHEAD_S.store(0, Ordering::SeqCst);
    set(&folder, Wrong::By(0))
}

/// What was accepted is gone when the clock is right again.
async fn lost(
    stage: &Stage,
    md: &Node,
    nl: &Node,
    mut oracle: Oracle,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let marker = sends(nl, &mut oracle).await?;
    let mut watcher = stage.program.watch(&md.config)?;
    let last = |event: &serde_json::Value| is(event, "kind", "received") && is(event, "envelope", &marker);
    watcher.wait_for("the message after it", LONG, last).await?;
    nodes::outbox(&mut oracle, WRITERS[0].1, &nl.json(&["outbox", "--limit", nodes::ROWS]).await?);
    nodes::inbox(&mut oracle, READER.1, &md.json(&["inbox", "--limit", nodes::ROWS]).await?);
    let judged = oracle.judge();
    figures.control("the witnesses' time", judged.lost.len() == 1, &judged.broken().join("; "));
    Ok(())
}
