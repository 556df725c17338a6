//! How long a relay that has many messages stored takes until it serves again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pouch_store::{Mailboxes as _, RelayStore};
use pouch_testkit::stage::StageError;
use pouch_tests::{files, stored};
use tokio::task::JoinSet;

use crate::field::{Field, Whom};
use crate::figures::Figures;

/// Messages that nobody fetches.
pub(crate) const STORED: u64 = 100_000;
/// How long it may take to serve again. The quick form runs beside other things, and only tells.
pub(crate) const BOUND: Duration = Duration::from_secs(1);
/// Stored by one task, so that many go into one wait for the disk.
const TASKS: u64 = 200;
/// How long all of it may take to be published.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(300);
/// Nobody's office: what is for it waits.
const NOBODY: &str = "ZZ/policy";

/// Fills the relay's store and lets it publish; then kills it again and again.
pub(crate) async fn restarts(
    field: &mut Field,
    times: usize,
    figures: &mut Figures,
) -> Result<(), StageError> {
    field.kill(Whom::Relay).await?;
    let before = field.relay_store();
    fill(&before).await;
    figures.started_with_stored(field.restart().await?);
    let published = |note: Option<&[u8]>| size_of(note) >= STORED;
    files::until(&field.checkpoint(), PUBLISHED_WITHIN, published).await?;
    for _ in 0..times {
        field.kill(Whom::Relay).await?;
        figures.died("with 100,000 messages stored");
        figures.served_with_stored(field.restart().await?);
    }
    Ok(())
}

async fn fill(path: &Path) {
    let store = Arc::new(RelayStore::open(path).unwrap());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in (task * STORED / TASKS)..((task + 1) * STORED / TASKS) {
                let mut message = stored::message(n, &[NOBODY], 500);
                message.not_after = pouch_wire::Timestamp(u64::MAX >> 1);
                store.accept(message).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    Arc::into_inner(store).unwrap().close().await.unwrap();
}

/// The size in a checkpoint (C2SP tlog-checkpoint): its second line.
fn size_of(note: Option<&[u8]>) -> u64 {
    let text = note.and_then(|note| str::from_utf8(note).ok()).unwrap_or_default();
    text.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0)
}
