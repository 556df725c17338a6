//! Looks whether everything that is stored is what was stored, and begins a new epoch when something may be
//! lost that this relay accepted, so that senders bring it again.

use core::time::Duration;

use pouch_store::{Epoch as _, RelayStore, StoreError, StoredWhole as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::cosigning::Board;
use crate::error::RelayError;

/// What is read at the start does not stand in the way of whoever waits for messages.
const FIRST_AFTER: Duration = Duration::from_secs(30);
/// How often everything is read.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Damage that is met in many records within this time makes one epoch, not many.
const TOGETHER: Duration = Duration::from_secs(2);

/// Begins to look; the epoch, now and whenever it is raised.
pub(crate) async fn start(
    store: &RelayStore,
    board: Board,
    went_back: bool,
    shutdown: &CancellationToken,
) -> Result<watch::Receiver<u64>, RelayError> {
    let epoch = match store.epoch().await {
        Ok(epoch) if !went_back => epoch,
        Ok(_) | Err(StoreError::Damaged(_)) => raised(store, &board).await?,
        Err(error) => return Err(error.into()),
    };
    board.stored(epoch, store.damaged());
    let (epochs, seen) = watch::channel(epoch);
    let watcher = Watcher { store: store.clone(), board, epochs };
    tokio::spawn(watcher.serve(shutdown.clone()));
    tokio::spawn(scrub(store.clone(), shutdown.clone()));
    Ok(seen)
}

async fn raised(store: &RelayStore, board: &Board) -> Result<u64, StoreError> {
    let epoch = store.raise_epoch(board.now().0 / 1000).await?;
    warn!(code = "POUCH-RLY-61", epoch, "a new epoch: senders bring again what nobody confirmed");
    Ok(epoch)
}

struct Watcher {
    store: RelayStore,
    board: Board,
    epochs: watch::Sender<u64>,
}

impl Watcher {
    async fn serve(self, shutdown: CancellationToken) {
        let mut known = Vec::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = self.store.until_more_damage(&known) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(TOGETHER) => {}
            }
            let now = self.store.damaged();
            let worse = now.iter().any(|name| !known.contains(name));
            known = now;
            if worse {
                error!(
                    code = "POUCH-RLY-60",
                    records = known.len(),
                    "stored records are damaged; the others are served"
                );
                match raised(&self.store, &self.board).await {
                    Ok(epoch) => {
                        self.epochs.send_replace(epoch);
                    }
                    // The store itself ends the relay when it must.
                    Err(error) => warn!(code = error.code(), "the epoch is not raised"),
                }
            }
            let epoch = *self.epochs.borrow();
            self.board.stored(epoch, known.clone());
        }
    }
}

async fn scrub(store: RelayStore, shutdown: CancellationToken) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        if let Err(error) = store.scrub().await {
            warn!(code = error.code(), "what is stored was not read to its end");
        }
        wait = EVERY;
    }
}
