//! Brings a relay up, and down again in order: no new sessions, what is under way is finished, the
//! logs are left whole.

use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::{Context, SigningKey};
use pouch_directory::{CharterFile, Directory};
use pouch_envelope::AcceptedReceipt;
use pouch_net::{Authorise, BadIdentity, BindError, Limits, Listener, ServerSecrets, TransportIdentity};
use pouch_store::{Mailboxes as _, RelayStore, SmallValues as _, StoreError};
use pouch_tlog::{KeyName, LogSigner};
use pouch_wire::session::LogName;
use pouch_wire::{Canonical as _, EnvelopeId, Environment, Text, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::conduct::Conduct;
use crate::config::RelayConfig;
use crate::keeper::{self, Keeper, KeeperParts};
use crate::keys::RelayKeys;
use crate::publisher::Publisher;
use crate::quota::{OnItsWay, Quota};
use crate::sequencer::{self, Sequencer};
use crate::session;
use crate::switchboard::Switchboard;

/// Reads the clock.
pub type Clock = fn() -> Timestamp;

/// Why a relay could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Storage failed; nothing was acknowledged after it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The charter is not good, or does not name this relay with these keys.
    #[error("charter: {0}")]
    Charter(String),
    /// The transport key cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    /// The address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The folder of the published logs cannot be written.
    #[error("published logs: {0}")]
    Publish(#[from] std::io::Error),
    /// What was about to be signed does not match what is stored: one flipped bit is enough.
    #[error("the {log:?} log does not match its stored entries; nothing more is signed")]
    SelfCheck {
        /// Which log.
        log: LogName,
    },
    /// A signing key of a log does not work.
    #[error("log keys: {0}")]
    LogKeys(String),
}

impl RelayError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Charter(_) => "POUCH-RLY-01",
            Self::Identity(error) => error.code(),
            Self::Bind(error) => error.code(),
            Self::Publish(_) => "POUCH-RLY-02",
            Self::SelfCheck { .. } => "POUCH-RLY-03",
            Self::LogKeys(_) => "POUCH-RLY-04",
        }
    }

    /// Whether storage failed.
    #[must_use]
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::Store(_) | Self::SelfCheck { .. })
    }
}

/// What every part of a relay shares: handles, and snapshots of what others own.
pub(crate) struct Desk {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) store: RelayStore,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) sequencer: Sequencer,
    pub(crate) directory_log: Keeper,
    pub(crate) message_log: Keeper,
    pub(crate) switchboard: Switchboard,
    pub(crate) quota: Quota,
    pub(crate) on_its_way: OnItsWay,
    pub(crate) conduct: Arc<dyn Conduct>,
    receipts: SigningKey,
    context: Context,
}

impl Desk {
    /// The signed receipt of a message on durable storage. It says the same whenever it is made.
    pub(crate) fn receipt(
        &self,
        envelope: EnvelopeId,
        index: u64,
        at: Timestamp,
    ) -> Result<Vec<u8>, &'static str> {
        let network = self.directory.borrow().network();
        let relay = Text::new(self.name.clone()).map_err(|_| "relay name too long")?;
        let receipt = AcceptedReceipt { network, envelope, relay, index, at };
        let signed = receipt.sign(&self.receipts, &self.context).map_err(|_| "receipt too large")?;
        signed.to_bytes().map_err(|_| "receipt too large")
    }
}

/// Asked inside each handshake.
struct Known(watch::Receiver<Arc<Directory>>);

impl Authorise for Known {
    fn is_known(&self, key: &pouch_crypto::PublicKey) -> bool {
        self.0.borrow().now_view().who_has_transport(key).is_some()
    }
}

/// What a relay is started with.
#[derive(Debug)]
pub struct Relay {
    /// Its configuration.
    pub config: RelayConfig,
    /// Its keys.
    pub keys: RelayKeys,
    /// The charter that came by hand.
    pub charter: CharterFile,
    /// Reads the clock.
    pub clock: Clock,
    /// What it does with what it hands on: [`crate::Honest`].
    pub conduct: Arc<dyn Conduct>,
}

/// Runs a relay until `shutdown`; calls `ready` when it serves.
///
/// # Errors
/// When it cannot start, or storage fails.
pub async fn run(relay: Relay, ready: impl FnOnce(), shutdown: CancellationToken) -> Result<(), RelayError> {
    let Relay { config, keys, charter, clock, conduct } = relay;
    let store = RelayStore::open(&config.data.join("relay.sqlite"))?;
    let directory = sequencer::replay(&charter, &store).await?;
    check_named(&config, &keys, &directory)?;
    let identity = TransportIdentity::from_key(&keys.transport)?;
    let secrets = server_secrets(&store).await?;
    let switchboard = Switchboard::start(shutdown.clone());
    let (snapshots, snapshot) = watch::channel(Arc::new(directory.clone()));
    let context = Context::of(directory.network(), Environment::Live);

    let view = directory.now_view();
    let relay =
        view.relay(&config.name).ok_or_else(|| RelayError::Charter(format!("no relay {}", config.name)))?;
    let message_origin = relay.message_log.origin.to_string();
    let directory_origin = directory.charter().directory_log.origin.to_string();
    let parts = |log, origin: String, pair: crate::keys::LogKeyPair| -> Result<KeeperParts, RelayError> {
        let folder = match log {
            LogName::Directory => "directory",
            LogName::Messages => "messages",
        };
        Ok(KeeperParts {
            log,
            signer: signer(&origin, pair)?,
            store: store.clone(),
            publisher: Publisher::new(config.publish.join(folder))?,
            directory: snapshot.clone(),
            relay: config.name.clone(),
            switchboard: switchboard.clone(),
            clock,
        })
    };
    let directory_pair = keys.directory_log.ok_or_else(|| {
        RelayError::Charter("this relay sequences the directory, and has no key of its log".into())
    })?;
    let directory_parts = parts(LogName::Directory, directory_origin, directory_pair)?;
    let message_parts = parts(LogName::Messages, message_origin, keys.message_log)?;
    let (directory_log, directory_task) = keeper::start(directory_parts, shutdown.clone()).await?;
    let (message_log, message_task) = keeper::start(message_parts, shutdown.clone()).await?;
    let sequencer = Sequencer::start(
        directory,
        snapshots,
        store.clone(),
        directory_log.clone(),
        clock,
        conduct.clone(),
        shutdown.clone(),
    );
    let authorise = Arc::new(Known(snapshot.clone()));
    let listener = Listener::bind(config.listen, &identity, authorise, &secrets, Limits::default())?;
    let desk = Arc::new(Desk {
        name: config.name,
        clock,
        store,
        directory: snapshot,
        sequencer,
        directory_log,
        message_log,
        switchboard,
        quota: Quota { bytes: config.quota_bytes, messages: config.quota_messages },
        on_its_way: OnItsWay::default(),
        conduct,
        receipts: keys.receipts,
        context,
    });
    info!(address = %listener.local_addr(), "serving");
    ready();
    until_over(listener, desk, shutdown, directory_task, message_task).await
}

/// Serves, and comes down in order.
async fn until_over(
    listener: Listener,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
    directory_task: KeeperTask,
    message_task: KeeperTask,
) -> Result<(), RelayError> {
    let failed = serve(&listener, &desk, &shutdown, directory_task, message_task).await;
    shutdown.cancel();
    if let Err(error) = listener.shutdown(Duration::from_secs(3)).await {
        warn!(code = error.code(), "sessions were cut off");
    }
    failed?;
    expired(&desk).await?;
    // Whoever opens the database next finds it unlocked and whole.
    Ok(desk.store.clone().close().await?)
}

type KeeperTask = tokio::task::JoinHandle<Result<(), RelayError>>;

/// Serves until told to stop, or until a log's keeper can go on no longer.
async fn serve(
    listener: &Listener,
    desk: &Arc<Desk>,
    shutdown: &CancellationToken,
    mut directory_task: KeeperTask,
    mut message_task: KeeperTask,
) -> Result<(), RelayError> {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let ended = |log, joined: Result<Result<(), RelayError>, _>| match joined {
        Ok(result) => result,
        Err(_) => Err(RelayError::SelfCheck { log }),
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => {
                let first = directory_task.await;
                let second = message_task.await;
                ended(LogName::Directory, first)?;
                return ended(LogName::Messages, second);
            }
            // Nothing is acknowledged after storage failed; the program ends, and says so.
            error = desk.store.until_ended() => return Err(error.into()),
            joined = &mut directory_task => return ended(LogName::Directory, joined),
            joined = &mut message_task => return ended(LogName::Messages, joined),
            _ = sweep.tick() => expired(desk).await?,
            incoming = listener.accept() => {
                let Some(incoming) = incoming else { return Ok(()) };
                let (desk, shutdown) = (desk.clone(), shutdown.clone());
                tokio::spawn(async move {
                    match incoming.handshake().await {
                        Ok(session) => session::serve(session, desk, shutdown).await,
                        Err(error) => info!(code = error.code(), "handshake refused"),
                    }
                });
            }
        }
    }
}

/// Drops what nobody may act on any more. It is told, never silent; the sender sees no confirmation.
async fn expired(desk: &Desk) -> Result<(), RelayError> {
    for gone in desk.store.expire((desk.clock)()).await? {
        // Not for whom: who wrote to whom is nobody's who reads a relay's log of events.
        warn!(envelope = %gone.envelope.short(), "expired undelivered");
    }
    Ok(())
}

fn check_named(config: &RelayConfig, keys: &RelayKeys, directory: &Directory) -> Result<(), RelayError> {
    let view = directory.now_view();
    let named = view
        .relay(&config.name)
        .ok_or_else(|| RelayError::Charter(format!("it names no relay {:?}", config.name)))?;
    let same = named.transport == keys.transport.public()
        && named.receipts == keys.receipts.public()
        && named.message_log.ed25519 == keys.message_log.ed25519.public();
    if !same {
        return Err(RelayError::Charter(format!(
            "it names other keys for relay {:?} than the key files hold",
            config.name
        )));
    }
    Ok(())
}

/// Kept over restarts, so that clients notice a restart at once and tokens stay good.
async fn server_secrets(store: &RelayStore) -> Result<ServerSecrets, RelayError> {
    if let Some(bytes) = store.meta("server-secrets").await?
        && let Some((reset, token)) = bytes.split_first_chunk::<32>()
        && let Ok(token) = <[u8; 32]>::try_from(token)
    {
        return Ok(ServerSecrets::new(*reset, token));
    }
    let secrets = ServerSecrets::generate(&mut rand::rng());
    let bytes = [secrets.reset().as_slice(), secrets.token().as_slice()].concat();
    store.put_meta("server-secrets", bytes).await?;
    Ok(secrets)
}

fn signer(origin: &str, pair: crate::keys::LogKeyPair) -> Result<LogSigner, RelayError> {
    let failed = |error: String| RelayError::LogKeys(error);
    let origin = KeyName::new(origin.to_owned()).map_err(|error| failed(error.to_string()))?;
    LogSigner::new(&origin, pair.ed25519, pair.mldsa).map_err(|error| failed(error.to_string()))
}

/// How often expired messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
