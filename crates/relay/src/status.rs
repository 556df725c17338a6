//! Writes what is known of logs and witnesses into the relay's folder, for `pouch relay status`: whoever
//! looks disturbs nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pouch_wire::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::cosigning::Board;

/// A relay's logs and witnesses as it saw them last; what `pouch relay status` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// The relay.
    pub relay: String,
    /// When this was written; a relay that runs writes it at least every fifteen seconds.
    pub written_at: Timestamp,
    /// How many witnesses must cosign.
    pub quorum: u8,
    /// For how long a witness is missed before it counts as away.
    pub away_after_seconds: u64,
    /// What the witnesses' clocks say of the relay's, in words.
    #[serde(default)]
    pub clock: String,
    /// What the system keeps the relay from doing, in words; empty when that was never asked for.
    #[serde(default)]
    pub containment: String,
    /// Its logs.
    pub logs: Vec<LogStatus>,
    /// The network's witnesses.
    pub witnesses: Vec<WitnessStatus>,
    /// Its epoch: raised when something may be lost that it accepted.
    #[serde(default)]
    pub epoch: u64,
    /// Stored records that are damaged, by name. They are kept and not used.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// How far a log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// `directory` or `messages`.
    pub log: String,
    /// Size of the published checkpoint; zero before the first.
    pub published: u64,
    /// When a quorum had cosigned it.
    pub cosigned_at: Option<Timestamp>,
    /// Since when too few witnesses cosign for anything newer to be published.
    pub no_quorum_since: Option<Timestamp>,
    /// Whether that has lasted so long that it was told.
    pub told: bool,
}

/// How a witness stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessStatus {
    /// Its name.
    pub name: String,
    /// `session`, `http`, or `none`: how it was reached last.
    pub by: String,
    /// When it cosigned last.
    pub cosigned_at: Option<Timestamp>,
    /// Since when it does not.
    pub missing_since: Option<Timestamp>,
    /// Whether it is missing for so long that it counts as away, and that was told.
    pub away: bool,
    /// Why it did not cosign last: a code, or what it said.
    pub last_code: Option<String>,
    /// Whether it was found to remember less than it cosigned.
    pub forgot: bool,
}

/// The file in a relay's data folder.
const FILE: &str = "status.json";
/// Largest status: a few hundred bytes for each of at most 32 witnesses.
const BYTES_MAX: u64 = 256 * 1024;

impl RelayStatus {
    /// Whether any witness is away.
    #[must_use]
    pub fn is_somebody_away(&self) -> bool {
        self.witnesses.iter().any(|witness| witness.away || witness.forgot)
    }

    /// Whether too few witnesses are left, or a log cannot be published.
    #[must_use]
    pub fn is_under_quorum(&self) -> bool {
        let there = self.witnesses.iter().filter(|witness| !witness.away).count();
        there < usize::from(self.quorum) || self.logs.iter().any(|log| log.told)
    }

    /// What a relay wrote last into its data folder; `None` when no relay runs there, or it never did.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a status.
    pub fn read(data: &Path) -> std::io::Result<Option<Self>> {
        use std::io::Read as _;
        let file = match std::fs::File::open(data.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        serde_json::from_str(&text).map(Some).map_err(std::io::Error::other)
    }
}

/// Keeps the file as the board is, until the relay ends; then there is none.
pub(crate) async fn serve(board: Board, relay: String, data: PathBuf, shutdown: CancellationToken) {
    let path = data.join(FILE);
    loop {
        if let Err(error) = write(&path, &board.status(&relay)).await {
            warn!(kind = ?error.kind(), code = "POUCH-RLY-48", "the status is not written");
        }
        // Once a second is often enough for people, however fast the logs grow.
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(AT_MOST_EVERY) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = board.changed() => {}
            () = tokio::time::sleep(AT_LEAST_EVERY) => {}
        }
    }
    tokio::fs::remove_file(&path).await.ok();
}

/// In one step: whoever reads sees the old or the new.
async fn write(path: &Path, status: &RelayStatus) -> std::io::Result<()> {
    let new = path.with_extension("new");
    tokio::fs::write(&new, serde_json::to_vec(status).map_err(std::io::Error::other)?).await?;
    tokio::fs::rename(&new, path).await
}

const AT_MOST_EVERY: Duration = Duration::from_secs(1);
const AT_LEAST_EVERY: Duration = Duration::from_secs(14);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_status_is_read_back_and_gone_when_the_relay_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(RelayStatus::read(dir.path()).unwrap(), None);
        let board = Board::new(|| Timestamp(9), Duration::from_secs(60));
        board.expect(&["w.example".into()], 1);
        write(&dir.path().join(FILE), &board.status("relay-1")).await.unwrap();
        let read = RelayStatus::read(dir.path()).unwrap().unwrap();
        assert_eq!(read, board.status("relay-1"));
        assert_eq!(read.witnesses[0].missing_since, Some(Timestamp(9)));
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        serve(board, "relay-1".into(), dir.path().into(), shutdown).await;
        assert_eq!(RelayStatus::read(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(RelayStatus::read(dir.path()).is_err());
    }
}
