//! `agent run`, `relay run`, `witness run`, `check-config`: services that say `ready` when they serve,
//! end with 0 on SIGTERM, and log to standard error without content.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use pouch_agent::{AgentError, Careful, KeyKeeper, KeyKeeperError, Node, NodeKeys, WitnessKeys};
use pouch_crypto::SigningKey;
use pouch_relay::{Honest, LogKeyPair, Relay, RelayKeys};
use pouch_wire::ExerciseId;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::clock;
use crate::commands::network::read_charter;
use crate::config;
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

pub(crate) async fn relay(global: &Global, out: &Output) -> Result<(), Problem> {
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
    let shutdown = until_told()?;
    let serves = format!("relay {}: listening on {}", config.name, config.listen);
    let ready = || {
        out.say(&serves);
        ready("relay");
    };
    let relay = Relay { config, keys, charter, clock: clock::now, conduct: Arc::new(Honest) };
    pouch_relay::run(relay, ready, shutdown).await.map_err(|error| {
        let exit = if error.is_storage() { Exit::Storage } else { Exit::Failed };
        Problem::new(exit, error.code(), error.to_string())
    })
}

pub(crate) async fn agent(global: &Global, out: &Output) -> Result<(), Problem> {
    let node = config::node(&global.config)?;
    log(global);
    let config = node.config;
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
    let shutdown = until_told()?;
    let serves = format!("node {}: answering on {}", config.contact_point, config.socket.display());
    let ready = || {
        out.say(&serves);
        ready("agent");
    };
    let version = env!("CARGO_PKG_VERSION");
    let node = Node { config, keys, charter, clock: clock::now, version, conduct: Arc::new(Careful) };
    pouch_agent::run(node, Box::new(Keeper(ring)), ready, shutdown).await.map_err(|error| {
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

pub(crate) async fn witness(global: &Global, out: &Output) -> Result<(), Problem> {
    let config = config::witness(&global.config)?;
    log(global);
    let source = Source::choose(global.passphrase_file.as_deref(), config.passphrase_file.as_deref())?;
    let ring = KeyRing::open(&config.keys, source.existing("the witness's keys")?);
    let keys = witness_keys(&config.name, &ring)?;
    let transport = ring.signing(name::TRANSPORT)?;
    let charter = read_charter(&config.charter)?;
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
struct Keeper(KeyRing);

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
    let (kind, charter, keys) = match (config::node(path), config::relay(path), config::witness(path)) {
        (Ok(node), _, _) => ("node", node.config.charter, node.config.keys),
        (_, Ok(relay), _) => ("relay", relay.charter, relay.keys),
        (_, _, Ok(witness)) => ("witness", witness.charter, witness.keys),
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
    let value = serde_json::json!({ "kind": kind, "charter": charter, "keys": keys });
    out.result("config", &value, &format!("{}: a good configuration of a {kind}.", path.display()))
}
