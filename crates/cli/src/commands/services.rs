//! `agent run`, `relay run`, `witness run`, `check-config`: services that say `ready` when they serve,
//! end with 0 on SIGTERM, and log to standard error without content.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use pouch_agent::{
    AgentError, Careful, KeyKeeper, KeyKeeperError, Node, NodeKeys, WitnessConfig, WitnessKeys,
};
use pouch_crypto::SigningKey;
use pouch_directory::CharterFile;
use pouch_relay::{Honest, LogKeyPair, Relay, RelayKeys};
use pouch_wire::ExerciseId;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::args::{AgentCommand, Command, Global, RelayCommand, WitnessCommand};
use crate::clock;
use crate::commands::network::read_charter;
use crate::config::{self, NodeFiles};
use crate::contained;
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;

fn log(global: &Global) {
    let level = if global.verbose { "debug" } else { "info" };
    let filter = EnvFilter::new(format!(
        "warn,pouch_agent={level},pouch_relay={level},pouch_net={level},pouch_store={level}"
    ));
    let built = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(true)
        .try_init();
    // A second subscriber in one process is refused; the first goes on.
    built.ok();
}

/// Ends the service on SIGTERM or SIGINT.
fn until_told() -> Result<CancellationToken, Problem> {
    let shutdown = CancellationToken::new();
    let failed =
        |error: std::io::Error| Problem::new(Exit::Internal, "POUCH-CLI-72", format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(shutdown)
}

/// Tells whoever started the service that it serves.
fn ready(what: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; the service serves all the same.
    writeln!(out, "ready {what}").and_then(|()| out.flush()).ok();
}

/// A service that has read what it needs and given up the rest, ready to run.
pub(crate) enum Service {
    /// `relay run`
    Relay(Box<Relay>),
    /// `agent run`
    Agent(Box<Node>, Keeper),
    /// `witness run`
    Witness(Box<Witness>),
}

/// A stand-alone witness, ready to run.
pub(crate) struct Witness {
    config: WitnessConfig,
    keys: WitnessKeys,
    transport: SigningKey,
    charter: CharterFile,
}

/// The service that a command runs, if it runs one. Called while the process has one thread: what it gives
/// up then, all that follow have given up too.
pub(crate) fn prepare(command: &Command, global: &Global) -> Result<Option<Service>, Problem> {
    match command {
        Command::Relay(RelayCommand::Run) => prepare_relay(global).map(Some),
        Command::Agent(AgentCommand::Run) => prepare_agent(global).map(Some),
        Command::Witness(WitnessCommand::Run) => prepare_witness(global).map(Some),
        _ => Ok(None),
    }
}

/// Runs it until it is told to end.
pub(crate) async fn run(service: Service, out: &Output) -> Result<(), Problem> {
    match service {
        Service::Relay(relay) => run_relay(*relay, out).await,
        Service::Agent(node, keeper) => run_agent(*node, keeper, out).await,
        Service::Witness(witness) => run_witness(*witness, out).await,
    }
}

fn prepare_relay(global: &Global) -> Result<Service, Problem> {
    let config = config::relay(&global.config)?;
    log(global);
    let source = Source::choose(global.passphrase_file.as_deref(), config.passphrase_file.as_deref())?;
    let ring = KeyRing::open(&config.keys, source.existing("the relay's keys")?);
    let directory_log = if ring.has(name::DIRECTORY_LOG) {
        let (ed25519, mldsa) = (ring.note(name::DIRECTORY_LOG)?, ring.mldsa(name::DIRECTORY_LOG_MLDSA)?);
        Some(LogKeyPair { ed25519, mldsa })
    } else {
        None
    };
    let keys = RelayKeys {
        transport: ring.signing(name::TRANSPORT)?,
        receipts: ring.signing(name::RECEIPTS)?,
        message_log: LogKeyPair {
            ed25519: ring.note(name::MESSAGE_LOG)?,
            mldsa: ring.mldsa(name::MESSAGE_LOG_MLDSA)?,
        },
        directory_log,
    };
    let charter = read_charter(&config.charter)?;
    for folder in [&config.data, &config.publish] {
        files::make_folder(folder)?;
    }
    contained::enter(&contained::relay(&config), config.containment)?;
    Ok(Service::Relay(Box::new(Relay {
        config,
        keys,
        charter,
        clock: clock::now,
        conduct: Arc::new(Honest),
    })))
}

async fn run_relay(relay: Relay, out: &Output) -> Result<(), Problem> {
    let shutdown = until_told()?;
    let serves = format!("relay {}: listening on {}", relay.config.name, relay.config.listen);
    let ready = || {
        out.say(&serves);
        ready("relay");
    };
    pouch_relay::run(relay, ready, shutdown).await.map_err(|error| {
        let exit = if error.is_storage() { Exit::Storage } else { Exit::Failed };
        Problem::new(exit, error.code(), error.to_string())
    })
}

fn prepare_agent(global: &Global) -> Result<Service, Problem> {
    let config = config::node(&global.config)?.config;
    log(global);
    let source = Source::choose(global.passphrase_file.as_deref(), config.passphrase_file.as_deref())?;
    let ring = KeyRing::open(&config.keys, source.existing("this node's keys")?);
    ring.guarded(name::SIGNING)?;
    let witness = match &config.witness {
        Some(part) => Some(witness_keys(&part.name, &ring)?),
        None => None,
    };
    let keys = NodeKeys {
        transport: ring.signing(name::TRANSPORT)?,
        vault: ring.signing(name::VAULT)?.seed(),
        witness,
    };
    let charter = read_charter(&config.charter)?;
    files::make_folder(&config.data)?;
    contained::enter(&contained::node(&config), config.containment)?;
    let (version, conduct) = (env!("CARGO_PKG_VERSION"), Arc::new(Careful));
    let node = Node { config, keys, charter, clock: clock::now, version, conduct };
    Ok(Service::Agent(Box::new(node), Keeper(ring)))
}

async fn run_agent(node: Node, keeper: Keeper, out: &Output) -> Result<(), Problem> {
    let shutdown = until_told()?;
    let serves = format!("node {}: answering on {}", node.config.contact_point, node.config.socket.display());
    let ready = || {
        out.say(&serves);
        ready("agent");
    };
    pouch_agent::run(node, Box::new(keeper), ready, shutdown).await.map_err(|error| {
        let exit = if error.is_storage() { Exit::Storage } else { Exit::Failed };
        let problem = Problem::new(exit, error.code(), error.to_string());
        if error.is_running_already() {
            problem
                .why("one folder has one node: two would tell different things of the same messages")
                .next("use the one that runs: pouch status; or stop it before starting another")
        } else {
            problem.next("pouch check-config; pouch explain ".to_owned() + error.code())
        }
    })
}

fn prepare_witness(global: &Global) -> Result<Service, Problem> {
    let config = config::witness(&global.config)?;
    log(global);
    let source = Source::choose(global.passphrase_file.as_deref(), config.passphrase_file.as_deref())?;
    let ring = KeyRing::open(&config.keys, source.existing("the witness's keys")?);
    let keys = witness_keys(&config.name, &ring)?;
    let transport = ring.signing(name::TRANSPORT)?;
    let charter = read_charter(&config.charter)?;
    contained::enter(&contained::witness(&config), config.containment)?;
    Ok(Service::Witness(Box::new(Witness { config, keys, transport, charter })))
}

async fn run_witness(witness: Witness, out: &Output) -> Result<(), Problem> {
    let Witness { config, keys, transport, charter } = witness;
    let shutdown = until_told()?;
    let mut serves = format!("witness {}: waits for the network's relays", config.name);
    if let Some(address) = config.listen_http {
        serves.push_str(&format!(" and answers on http://{address}"));
    }
    let ready = || {
        out.say(&serves);
        ready("witness");
    };
    pouch_agent::run_witness(config, keys, transport, charter, clock::now, ready, shutdown).await.map_err(
        |error| match &error {
            AgentError::Unfit(unfit) => Problem::new(Exit::Contradiction, unfit.code(), unfit.to_string())
                .why("a witness that forgot could cosign a second past, and nobody could tell which is true")
                .next("keep its folder as evidence; pouch explain ".to_owned() + unfit.code()),
            error if error.is_storage() => Problem::new(Exit::Storage, error.code(), error.to_string()),
            error => Problem::new(Exit::Failed, error.code(), error.to_string()),
        },
    )
}

fn witness_keys(witness: &str, ring: &KeyRing) -> Result<WitnessKeys, Problem> {
    Ok(WitnessKeys {
        name: witness.to_owned(),
        ed25519: ring.note(name::WITNESS)?,
        mldsa: ring.mldsa(name::WITNESS_MLDSA)?,
    })
}

/// Signing keys on disk, for an agent that takes a new one into use while it runs.
pub(crate) struct Keeper(KeyRing);

impl KeyKeeper for Keeper {
    fn signing(&self) -> Result<SigningKey, KeyKeeperError> {
        self.0.signing(name::SIGNING).map_err(|problem| KeyKeeperError(problem.what))
    }

    fn next_signing(&self) -> Result<Option<SigningKey>, KeyKeeperError> {
        if !self.0.has(name::NEXT_SIGNING) {
            return Ok(None);
        }
        self.0.signing(name::NEXT_SIGNING).map(Some).map_err(|problem| KeyKeeperError(problem.what))
    }

    fn promote(&self) -> Result<(), KeyKeeperError> {
        self.0.promote(name::NEXT_SIGNING, name::SIGNING).map_err(|problem| KeyKeeperError(problem.what))
    }

    fn exercises(&self) -> Result<Vec<ExerciseId>, KeyKeeperError> {
        let names = self.0.names().map_err(|problem| KeyKeeperError(problem.what))?;
        Ok(names.iter().filter_map(|file| name::exercise_of(file)).collect())
    }

    fn exercise_signing(&self, exercise: ExerciseId) -> Result<SigningKey, KeyKeeperError> {
        self.0.signing(&name::exercise(exercise)).map_err(|problem| KeyKeeperError(problem.what))
    }

    fn destroy_exercise_signing(&self, exercise: ExerciseId) -> Result<(), KeyKeeperError> {
        self.0.destroy(&name::exercise(exercise)).map_err(|problem| KeyKeeperError(problem.what))
    }
}

/// Reads a configuration and what it names, and starts nothing.
pub(crate) fn check_config(path: &Path, out: &Output) -> Result<(), Problem> {
    let configs = (config::node(path), config::relay(path), config::witness(path));
    let (kind, charter, keys, needs, demand) = match configs {
        (Ok(NodeFiles { config }), _, _) => (
            "node",
            config.charter.clone(),
            config.keys.clone(),
            contained::node(&config),
            config.containment,
        ),
        (_, Ok(relay), _) => {
            ("relay", relay.charter.clone(), relay.keys.clone(), contained::relay(&relay), relay.containment)
        }
        (_, _, Ok(witness)) => {
            let needs = contained::witness(&witness);
            ("witness", witness.charter, witness.keys, needs, witness.containment)
        }
        (Err(node), Err(relay), Err(witness)) => {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            return Err(match name {
                "relay.toml" => relay,
                "witness.toml" => witness,
                _ => node,
            });
        }
    };
    read_charter(&charter)?;
    if !keys.is_dir() {
        return Err(Problem::new(
            Exit::Usage,
            "POUCH-CFG-03",
            format!("{}: no folder of keys", keys.display()),
        )
        .next(
            "correct `keys` in the configuration, or make them: pouch init node, relay init, witness init",
        ));
    }
    let held = contained::rehearsed(&needs, demand)?.to_string();
    let value = serde_json::json!({ "kind": kind, "charter": charter, "keys": keys, "contained": held });
    let words = format!("{}: a good configuration of a {kind}.\ncontained  {held}", path.display());
    out.result("config", &value, &words)
}
