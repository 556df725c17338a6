//! How the directory's part of a relay is put together: it sequences the log, or follows it.

use std::sync::Arc;

use pouch_directory::Directory;
use pouch_net::Dialer;
use pouch_store::RelayStore;
use pouch_tlog::{KeyName, LogSigner};
use pouch_wire::session::LogName;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bridges::Bridges;
use crate::conduct::Conduct;
use crate::config::RelayConfig;
use crate::cosigning::Roster;
use crate::error::RelayError;
use crate::follower::{self, FollowerParts};
use crate::keeper::{self, KeeperParts};
use crate::keys::LogKeyPair;
use crate::log::{Keeper, KeeperTask};
use crate::log_files::LogFiles;
use crate::neighbours::NeighbourKeeper;
use crate::publisher::Publisher;
use crate::run::Clock;
use crate::sequencer::Sequencer;
use crate::statements::{Forwarder, Statements};
use crate::switchboard::Switchboard;

/// What the parts of a relay are made from.
pub(crate) struct Base {
    pub(crate) config: RelayConfig,
    pub(crate) store: RelayStore,
    pub(crate) snapshot: watch::Receiver<Arc<Directory>>,
    pub(crate) switchboard: Switchboard,
    pub(crate) roster: Roster,
    pub(crate) clock: Clock,
    pub(crate) conduct: Arc<dyn Conduct>,
    /// How many entries the charter file has.
    pub(crate) founded: u64,
    pub(crate) shutdown: CancellationToken,
}

/// The directory's log, and where statements go.
pub(crate) struct Part {
    pub(crate) log: Keeper,
    pub(crate) task: KeeperTask,
    pub(crate) statements: Statements,
}

impl Part {
    /// Waits until it has ended in order.
    pub(crate) async fn end(self) -> Result<(), RelayError> {
        self.task.await.unwrap_or(Err(RelayError::SelfCheck { log: LogName::Directory }))
    }
}

impl Base {
    fn files(&self, log: LogName) -> Result<LogFiles, RelayError> {
        let folder = match log {
            LogName::Directory => "directory",
            LogName::Messages => "messages",
        };
        let publisher = Publisher::new(self.config.publish.join(folder))?;
        Ok(LogFiles::new(log, self.store.clone(), publisher))
    }

    /// What a log of this relay's own is made of.
    pub(crate) fn keeper_parts(
        &self,
        log: LogName,
        origin: &str,
        pair: LogKeyPair,
    ) -> Result<KeeperParts, RelayError> {
        Ok(KeeperParts {
            signer: signer(origin, pair)?,
            store: self.store.clone(),
            files: self.files(log)?,
            directory: self.snapshot.clone(),
            relay: self.config.name.clone(),
            roster: self.roster.clone(),
            bridges: None,
        })
    }

    async fn bridges(&self) -> Result<Bridges, RelayError> {
        Bridges::load(self.store.clone(), self.founded).await
    }
}

/// A relay that decides what enters the directory's log.
pub(crate) async fn sequencing(
    base: &Base,
    directory: Directory,
    snapshots: watch::Sender<Arc<Directory>>,
    pair: LogKeyPair,
) -> Result<Part, RelayError> {
    let origin = directory.charter().directory_log.origin.to_string();
    let parts = base.keeper_parts(LogName::Directory, &origin, pair)?;
    let parts = KeeperParts { bridges: Some(base.bridges().await?), ..parts };
    let (log, task) = keeper::start(parts, base.shutdown.clone()).await?;
    let sequencer = Sequencer::start(base, directory, snapshots, log.clone());
    Ok(Part { log, task, statements: Statements::Sequenced(sequencer) })
}

/// A relay that follows another's.
pub(crate) async fn following(
    base: &Base,
    directory: Directory,
    snapshots: watch::Sender<Arc<Directory>>,
    dialer: &Arc<Dialer>,
) -> Result<Part, RelayError> {
    let network = directory.network();
    let (keeper, neighbours, news) =
        NeighbourKeeper::new(dialer.clone(), base.config.transport, network, base.shutdown.clone());
    let statements = Statements::Forwarded(Forwarder {
        directory: base.snapshot.clone(),
        neighbours: neighbours.clone(),
        budget: Arc::default(),
        clock: base.clock,
        conduct: base.conduct.clone(),
    });
    let parts = FollowerParts {
        name: base.config.name.clone(),
        store: base.store.clone(),
        files: base.files(LogName::Directory)?,
        directory,
        snapshots,
        keeper,
        neighbours,
        bridges: base.bridges().await?,
    };
    let (log, task) = follower::start(parts, news, base.shutdown.clone()).await?;
    Ok(Part { log, task, statements })
}

fn signer(origin: &str, pair: LogKeyPair) -> Result<LogSigner, RelayError> {
    let failed = |error: String| RelayError::LogKeys(error);
    let origin = KeyName::new(origin.to_owned()).map_err(|error| failed(error.to_string()))?;
    LogSigner::new(&origin, pair.ed25519, pair.mldsa).map_err(|error| failed(error.to_string()))
}
