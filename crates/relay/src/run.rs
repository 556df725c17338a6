//! Brings a relay up, and down again in order: no new sessions, what is under way is finished, the
//! logs are left whole.

use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::{Context, PublicKey, SigningKey};
use pouch_directory::{CharterFile, Directory};
use pouch_envelope::{AcceptedReceipt, DemotedReceipt, Demotion};
use pouch_net::{Authorise, Dialer, Limits, Listener, ServerSecrets, TcpDoor, TransportIdentity};
use pouch_store::{Mailboxes as _, RelayStore, SmallValues as _, Usage};
use pouch_wire::session::LogName;
use pouch_wire::{Canonical as _, EnvelopeId, Environment, Text, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::beacons::Beacons;
use crate::conduct::Conduct;
use crate::config::RelayConfig;
use crate::cosigning::{Board, Roster};
use crate::error::RelayError;
use crate::gate::Gate;
use crate::hours::Hour;
use crate::keeper;
use crate::keys::RelayKeys;
use crate::log::{Keeper, KeeperTask, Published};
use crate::named::{Duty, Named};
use crate::parts::{Base, Part, following, sequencing};
use crate::quota::{self, OnItsWay, Quota};
use crate::rates::Rates;
use crate::sequencer;
use crate::session::Peer;
use crate::statements::Statements;
use crate::switchboard::Switchboard;
use crate::{gone_back, session, status, wholeness};

/// Reads the clock.
pub type Clock = fn() -> Timestamp;

/// What every part of a relay shares: handles, and snapshots of what others own.
pub(crate) struct Desk {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    /// What is known of the witnesses, and what they say of the clock.
    pub(crate) board: Board,
    pub(crate) store: RelayStore,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) known: Known,
    pub(crate) statements: Statements,
    pub(crate) directory_log: Keeper,
    pub(crate) message_log: Keeper,
    pub(crate) switchboard: Switchboard,
    pub(crate) quota: watch::Sender<Quota>,
    pub(crate) on_its_way: OnItsWay,
    pub(crate) rates: Rates,
    pub(crate) gate: Gate,
    pub(crate) conduct: Arc<dyn Conduct>,
    pub(crate) beacons: Beacons,
    /// Told to senders.
    pub(crate) epoch: watch::Receiver<u64>,
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
        demotion: Option<Demotion>,
    ) -> Result<Vec<u8>, &'static str> {
        let network = self.directory.borrow().network();
        let relay = Text::new(self.name.clone()).map_err(|_| "relay name too long")?;
        let receipt = AcceptedReceipt { network, envelope, relay, index, at };
        let signed = match demotion {
            None => receipt.sign(&self.receipts, &self.context),
            Some(demotion) => DemotedReceipt { receipt, demotion }.sign(&self.receipts, &self.context),
        };
        let signed = signed.map_err(|_| "receipt too large")?;
        signed.to_bytes().map_err(|_| "receipt too large")
    }
}

/// Asked inside each handshake.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    directory: watch::Receiver<Arc<Directory>>,
    published: watch::Receiver<Option<Published>>,
}

impl Known {
    /// Whose session it is. A witness that leaves is known until what it must still cosign is published:
    /// the checkpoint that says so.
    pub(crate) fn peer(&self, key: &PublicKey) -> Option<Peer> {
        let directory = self.directory.borrow().clone();
        session::peer_with(key, &directory.now_view()).or_else(|| {
            let size = self.published.borrow().as_ref().map_or(0, |published| published.size);
            let before = session::peer_with(key, &directory.as_of(size))?;
            matches!(before, Peer::Witness(_)).then_some(before)
        })
    }
}

impl Authorise for Known {
    fn is_known(&self, key: &PublicKey) -> bool {
        self.peer(key).is_some()
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
    let went_back = gone_back::recover(&config, &store).await?;
    let directory = sequencer::replay(&charter, &store).await?;
    let named = Named::new(&config.name, &keys);
    let duty = named.duty_at_start(&directory)?;
    let identity = TransportIdentity::from_key(&keys.transport)?;
    let secrets = server_secrets(&store).await?;
    let switchboard = Switchboard::start(shutdown.clone());
    let roster = Roster::of(&config, switchboard.witnesses(), clock)?;
    let writer =
        status::serve(roster.board.clone(), config.name.clone(), config.data.clone(), shutdown.clone());
    let writer = tokio::spawn(writer);
    let epoch = wholeness::start(&store, roster.board.clone(), went_back, &shutdown).await?;
    let (snapshots, mut snapshot) = watch::channel(Arc::new(directory.clone()));
    let context = Context::of(directory.network(), Environment::Live);
    let founded = u64::try_from(charter.first_statements.len()).unwrap_or(u64::MAX).saturating_add(1);
    let seen = snapshot.clone();
    let base = Base { config, store, snapshot: seen, switchboard, roster, clock, conduct, founded, shutdown };
    let RelayKeys { transport, receipts, message_log, directory_log } = keys;
    let dialer = Arc::new(Dialer::new(TransportIdentity::from_key(&transport)?, Limits::default())?);
    let mut directory_part = match (duty, directory_log) {
        (Duty::Sequences, Some(pair)) => sequencing(&base, directory, snapshots, pair).await?,
        (Duty::Sequences | Duty::Follows, _) => following(&base, directory, snapshots, &dialer).await?,
    };
    tokio::select! {
        named = named.until_named_as(duty, &mut snapshot) => named?,
        () = base.shutdown.cancelled() => return directory_part.end().await,
        ended = &mut directory_part.task => return over(LogName::Directory, ended),
    }
    let origin = message_origin(&base.config.name, &snapshot.borrow())?;
    let parts = base.keeper_parts(LogName::Messages, &origin, message_log)?;
    let (message_log, message_task) = keeper::start(parts, base.shutdown.clone()).await?;
    let known = Known { directory: snapshot.clone(), published: directory_part.log.published() };
    let listener = listen(&base.config, &identity, &known, &secrets, base.conduct.limits()).await?;
    let Base { config, store, switchboard, clock, conduct, shutdown, roster, .. } = base;
    let Part { log: directory_log, task: directory_task, statements } = directory_part;
    let other = named.until_other(duty, snapshot.clone(), directory_log.published());
    let share = Share::of(&config);
    let desk = Arc::new(Desk {
        name: config.name,
        clock,
        board: roster.board,
        store,
        directory: snapshot,
        known,
        statements,
        directory_log,
        message_log,
        switchboard,
        quota: watch::Sender::new(share.configured),
        on_its_way: OnItsWay::default(),
        rates: Rates::new(&config.senders),
        gate: Gate::default(),
        conduct,
        beacons: Beacons::default(),
        epoch,
        receipts,
        context,
    });
    info!(address = %listener.local_addr(), tcp = listener.has_tcp(), ?duty, "serving");
    ready();
    let ended = until_over(listener, desk, share, shutdown, directory_task, message_task, other).await;
    dialer.shutdown(patience(&ended)).await.ok();
    writer.await.ok();
    ended
}

/// Listens on UDP and, unless told otherwise, on TCP at the same number.
async fn listen(
    config: &RelayConfig,
    identity: &TransportIdentity,
    known: &Known,
    secrets: &ServerSecrets,
    limits: Limits,
) -> Result<Listener, RelayError> {
    let authorise = || Arc::new(known.clone());
    let listener = Listener::bind(config.listen, identity, authorise(), secrets, limits)?;
    let Some(addr) = config.tcp_beside(listener.local_addr()) else { return Ok(listener) };
    match TcpDoor::bind(addr, identity, authorise()).await {
        Ok(door) => Ok(listener.and_tcp(door)),
        Err(error) if config.listen_tcp.is_some() => Err(error.into()),
        Err(error) => {
            // Nobody asked for it: a number that another program has is no reason to serve nobody.
            warn!(code = error.code(), %addr, "not listening on TCP: who has no UDP does not get here");
            Ok(listener)
        }
    }
}

/// Serves, and comes down in order.
async fn until_over(
    listener: Listener,
    desk: Arc<Desk>,
    share: Share,
    shutdown: CancellationToken,
    directory_task: KeeperTask,
    message_task: KeeperTask,
    other: impl Future<Output = RelayError>,
) -> Result<(), RelayError> {
    let failed = serve(&listener, &desk, &share, &shutdown, directory_task, message_task, other).await;
    shutdown.cancel();
    if let Err(error) = listener.shutdown(patience(&failed)).await {
        warn!(code = error.code(), "sessions were cut off");
    }
    failed?;
    expired(&desk).await?;
    // Whoever opens the database next finds it unlocked and whole.
    Ok(desk.store.clone().close().await?)
}

/// How long sessions may take to end. Where nothing can be stored there is nothing to wait for.
const fn patience(ended: &Result<(), RelayError>) -> Duration {
    if ended.is_ok() { Duration::from_secs(3) } else { Duration::from_millis(300) }
}

/// Serves until told to stop, or until a log's keeper can go on no longer.
async fn serve(
    listener: &Listener,
    desk: &Arc<Desk>,
    share: &Share,
    shutdown: &CancellationToken,
    mut directory_task: KeeperTask,
    mut message_task: KeeperTask,
    other: impl Future<Output = RelayError>,
) -> Result<(), RelayError> {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    tokio::pin!(other);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => {
                let first = directory_task.await;
                let second = message_task.await;
                over(LogName::Directory, first)?;
                return over(LogName::Messages, second);
            }
            // Nothing is acknowledged after storage failed; the program ends, and says so.
            error = desk.store.until_ended() => return Err(error.into()),
            // The directory wants something else of it than what it was started for.
            error = &mut other => return Err(error),
            joined = &mut directory_task => return over(LogName::Directory, joined),
            joined = &mut message_task => return over(LogName::Messages, joined),
            _ = sweep.tick() => {
                share.divide(desk);
                expired(desk).await?;
            }
            incoming = listener.accept() => {
                let Some(incoming) = incoming else { return Ok(()) };
                let (desk, shutdown) = (desk.clone(), shutdown.clone());
                tokio::spawn(async move {
                    match incoming.handshake().await {
                        Ok(session) => session::serve(session, desk, shutdown).await,
                        Err(error) => debug!(code = error.code(), "handshake refused"),
                    }
                });
            }
        }
    }
}

/// The quotas as they were configured, and the disk that must hold them all.
struct Share {
    configured: Quota,
    data: std::path::PathBuf,
}

impl Share {
    fn of(config: &RelayConfig) -> Self {
        let office = Usage { bytes: config.quota_bytes, messages: config.quota_messages };
        Self { configured: Quota::of_office(office), data: config.data.clone() }
    }

    /// Divides the disk anew: it may have grown, and so may the network.
    fn divide(&self, desk: &Desk) {
        let members = desk.directory.borrow().now_view().members().count();
        let Some(disk) = quota::disk_of(&self.data) else { return };
        let now = self.configured.on_disk(disk, members);
        let changed = desk.quota.send_if_modified(|quota| core::mem::replace(quota, now) != now);
        if changed {
            let (office, member) = (now.office.bytes, now.member.bytes);
            warn!(code = "POUCH-RLY-70", members, office, member, "quotas follow from the disk's size");
        }
    }
}

/// Drops what nobody may act on any more. It is told, never silent; the sender sees no confirmation. Nothing
/// is dropped by a clock that the witnesses do not confirm: it would be gone when the clock is right again.
async fn expired(desk: &Desk) -> Result<(), RelayError> {
    let hour = desk.board.hour();
    if hour != Hour::Confirmed && !desk.conduct.drops_by_its_own_clock() {
        if matches!(hour, Hour::Disputed(_)) {
            warn!(clock = hour.words((desk.clock)()), code = "POUCH-RLY-75", "nothing expires");
        }
        return Ok(());
    }
    let gone = match desk.store.expire((desk.clock)()).await {
        Err(error) if !error.is_fatal() => {
            warn!(code = error.code(), "what expired is looked for again");
            return Ok(());
        }
        expired => expired?,
    };
    for gone in gone {
        // Not for whom: who wrote to whom is nobody's who reads a relay's log of events.
        warn!(envelope = %gone.envelope.short(), "expired undelivered");
    }
    Ok(())
}

/// How a log's keeper ended. One that was cut off left nobody knows what.
fn over(
    log: LogName,
    joined: Result<Result<(), RelayError>, tokio::task::JoinError>,
) -> Result<(), RelayError> {
    joined.unwrap_or(Err(RelayError::SelfCheck { log }))
}

fn message_origin(name: &str, directory: &Directory) -> Result<String, RelayError> {
    let view = directory.now_view();
    let named = view.relay(name).ok_or_else(|| RelayError::NoLongerNamed(name.to_owned()))?;
    Ok(named.message_log.origin.to_string())
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

/// How often expired messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
