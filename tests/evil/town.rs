//! A network with a relay that may lie: NL writes, MD is lied to, BA is a witness of both kinds.
//!
//! The nodes are real processes; the relay is the product's, in this process, so that its conduct can be
//! another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pouch_crypto::{MlDsaKey, NoteKey, Passphrase, SigningKey};
use pouch_directory::CharterFile;
use pouch_relay::{Conduct, LogKeyPair, Relay, RelayConfig, RelayKeys};
use pouch_testkit::stage::{Node, Outcome, PATIENCE, Party, Program, Service, Stage, StageError, is, word};
use pouch_wire::{Canonical as _, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use super::liar::Liar;

/// The time, for what a liar signs.
#[must_use]
pub fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "the one place where these harnesses read the clock")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A state in the town.
#[derive(Debug)]
pub struct Resident {
    /// What its node tells.
    pub journal: Journal,
    config: String,
    service: Service,
}

/// The network.
#[derive(Debug)]
pub struct Town {
    /// Its keys, configurations and commands.
    pub stage: Stage,
    /// How the relay behaves.
    pub liar: Arc<Liar>,
    residents: BTreeMap<String, Resident>,
    relay: JoinHandle<Result<(), pouch_relay::RelayError>>,
    shutdown: CancellationToken,
    _dir: TempDir,
}

/// Who lives in the town: the folder of the node and its office.
pub const OFFICES: [(&str, &str); 3] = [("nl", "NL/technical"), ("md", "MD/policy"), ("ba", "BA/technical")];

fn parties() -> Vec<Party> {
    let party = |(_, office): (&str, &str)| Party { witnesses: true, ..Party::simple(office) };
    OFFICES.map(party).into()
}

impl Town {
    /// Founds and starts a network; everybody can be sealed to, and NL and MD have written to each other.
    ///
    /// # Errors
    /// When a step does not do what it should.
    pub async fn start(program: Program, under: &Path) -> Result<Self, StageError> {
        let dir = tempfile::tempdir_in(under).map_err(|error| StageError(error.to_string()))?;
        let stage = Stage::new(program, dir.path(), parties(), 0);
        stage.found().await?;
        let (liar, shutdown) = (Arc::new(Liar::default()), CancellationToken::new());
        let relay = start_relay(&stage, liar.clone(), now, shutdown.clone()).await?;
        let mut residents = BTreeMap::new();
        let mut nodes = Vec::new();
        for (folder, _) in OFFICES {
            let node = stage.start_node(folder).await?;
            nodes.push((folder, node));
        }
        for (folder, mut node) in nodes {
            node.everyone_can_be_sealed_to().await?;
            let Node { config, service, watcher, .. } = node;
            residents.insert(folder.to_owned(), Resident { journal: Journal::of(watcher), config, service });
        }
        let town = Self { stage, liar, residents, relay, shutdown, _dir: dir };
        town.meets("nl", "md").await?;
        town.meets("md", "nl").await?;
        Ok(town)
    }

    /// What a node tells.
    ///
    /// # Errors
    /// When nobody of this name lives here.
    pub fn journal(&self, folder: &str) -> Result<&Journal, StageError> {
        Ok(&self.resident(folder)?.journal)
    }

    fn resident(&self, folder: &str) -> Result<&Resident, StageError> {
        self.residents.get(folder).ok_or_else(|| StageError(format!("nobody is called {folder}")))
    }

    /// Runs a command about a node, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run(&self, folder: &str, arguments: &[&str]) -> Result<Outcome, StageError> {
        let config = &self.resident(folder)?.config;
        self.stage.program.run(&[arguments, &["--config", config]].concat()).await
    }

    /// Sends a short text; the envelope's id.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn sends(&self, from: &str, to: &str, precedence: &str) -> Result<String, StageError> {
        let config = &self.resident(from)?.config;
        let to = office(to)?;
        let send = ["send", "--to", to, "--type", "free-text", "--precedence", precedence, "--yes"];
        let what = ["--subject", "Exchange", "--text", "A text of this harness", "--config", config];
        let sent = self.stage.program.json(&[send.as_slice(), what.as_slice()].concat()).await?;
        Ok(word(&sent, "envelope").to_owned())
    }

    /// Waits until a message is told as received and verified.
    ///
    /// # Errors
    /// When it is not, in time.
    pub async fn received(&self, by: &str, envelope: &str) -> Result<(), StageError> {
        let fits = |event: &Value| is(event, "kind", "received") && is(event, "envelope", envelope);
        self.journal(by)?.wait(&format!("the arrival of {envelope}"), PATIENCE, fits).await.map(drop)
    }

    /// One message goes, arrives and is confirmed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn meets(&self, from: &str, to: &str) -> Result<(), StageError> {
        let sent = self.sends(from, to, "routine").await?;
        self.received(to, &sent).await
    }

    /// The directory grows by a statement: NL takes a new signing key.
    ///
    /// # Errors
    /// When it does not.
    pub async fn rotates(&self, folder: &str) -> Result<Outcome, StageError> {
        let root = format!("{folder}-root");
        let (dir, passphrase) = (self.stage.path(&root), self.stage.passphrase(&root));
        let rotate = [
            "keys",
            "rotate",
            "--member-dir",
            &dir,
            "--throw-away",
            "--yes",
            "--passphrase-file",
            &passphrase,
        ];
        self.run(folder, &rotate).await
    }

    /// How many entries a node's directory has.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn directory_size(&self, folder: &str) -> Result<u64, StageError> {
        let config = &self.resident(folder)?.config;
        let view = self.stage.program.json(&["directory", "show", "--config", config]).await?;
        view.get("size").and_then(Value::as_u64).ok_or_else(|| StageError::new("no size of the directory"))
    }

    /// The name of the directory's log.
    ///
    /// # Errors
    /// When the charter cannot be read.
    pub fn directory_origin(&self) -> Result<pouch_tlog::KeyName, StageError> {
        let failed = |error: &dyn core::fmt::Display| StageError(format!("charter: {error}"));
        let bytes = std::fs::read(self.stage.path("charter.pouch")).map_err(|error| failed(&error))?;
        let file = CharterFile::from_bytes(&bytes).map_err(|error| failed(&error))?;
        let directory = file.found().map_err(|error| failed(&error))?;
        pouch_tlog::KeyName::new(directory.charter().directory_log.origin.to_string())
            .map_err(|error| failed(&error))
    }

    /// The alarms of all nodes so far, with whose they are.
    #[must_use]
    pub fn alarms(&self) -> Vec<(String, Value)> {
        let of = |(folder, resident): (&String, &Resident)| {
            resident
                .journal
                .alarms()
                .into_iter()
                .map(|(_, event)| (folder.clone(), event))
                .collect::<Vec<_>>()
        };
        self.residents.iter().flat_map(of).collect()
    }

    /// Ends everything; each node must end well, whatever it was told.
    ///
    /// # Errors
    /// When one does not.
    pub async fn end(self) -> Result<(), StageError> {
        for resident in self.residents.into_values() {
            resident.service.stop().await?;
        }
        self.shutdown.cancel();
        match timeout(PATIENCE, self.relay).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(StageError(format!("the relay: {error}"))),
            Ok(Err(error)) => Err(StageError(format!("the relay: {error}"))),
            Err(_) => Err(StageError::new("the relay did not end")),
        }
    }
}

/// The office of a folder.
///
/// # Errors
/// When nobody of this name lives here.
pub fn office(folder: &str) -> Result<&'static str, StageError> {
    let found = OFFICES.iter().find(|(name, _)| *name == folder);
    found.map(|(_, office)| *office).ok_or_else(|| StageError(format!("nobody is called {folder}")))
}

/// The key files of one folder.
#[derive(Debug)]
pub struct Keys {
    folder: std::path::PathBuf,
    passphrase: Passphrase,
}

impl Keys {
    /// Opened as whoever holds the folder opens them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(stage: &Stage, folder: &str) -> Result<Self, StageError> {
        Self::within(&stage.dir().join(folder))
    }

    /// Those of the relay or node whose folder this is.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn within(folder: &Path) -> Result<Self, StageError> {
        let bad = |error: &dyn core::fmt::Display| StageError(format!("{}: {error}", folder.display()));
        let passphrase = std::fs::read_to_string(folder.join("passphrase")).map_err(|error| bad(&error))?;
        let passphrase = Passphrase::new(passphrase).map_err(|error| bad(&error))?;
        Ok(Self { folder: folder.join("keys"), passphrase })
    }

    fn pem(&self, name: &str) -> Result<String, StageError> {
        std::fs::read_to_string(self.folder.join(format!("{name}.pem")))
            .map_err(|error| StageError(format!("{name}: {error}")))
    }

    /// A key that signs in domains.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn signing(&self, name: &str) -> Result<SigningKey, StageError> {
        pouch_crypto::read_signing_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|error| StageError(format!("{name}: {error}")))
    }

    /// A key that signs notes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn note(&self, name: &str) -> Result<NoteKey, StageError> {
        pouch_crypto::read_note_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|error| StageError(format!("{name}: {error}")))
    }

    /// A post-quantum key that signs notes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn mldsa(&self, name: &str) -> Result<MlDsaKey, StageError> {
        pouch_crypto::read_mldsa_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|error| StageError(format!("{name}: {error}")))
    }

    fn log(&self, log: &str) -> Result<LogKeyPair, StageError> {
        let (ed25519, mldsa) = (format!("{log}-ed25519"), format!("{log}-mldsa44"));
        Ok(LogKeyPair { ed25519: self.note(&ed25519)?, mldsa: self.mldsa(&mldsa)? })
    }
}

/// The relay of a folder, as the program would start it, with this conduct.
///
/// # Errors
/// When its files cannot be read.
pub fn relay_of(folder: &Path, conduct: Arc<dyn Conduct>) -> Result<Relay, StageError> {
    let bad = |error: &dyn core::fmt::Display| StageError(format!("relay: {error}"));
    let text = std::fs::read_to_string(folder.join("relay.toml")).map_err(|error| bad(&error))?;
    let mut config: RelayConfig = toml::from_str(&text).map_err(|error| bad(&error))?;
    for path in [&mut config.charter, &mut config.data, &mut config.keys, &mut config.publish] {
        *path = folder.join(&*path);
    }
    for made in [&config.data, &config.publish] {
        std::fs::create_dir_all(made).map_err(|error| bad(&error))?;
    }
    let keys = Keys::within(folder)?;
    let keys = RelayKeys {
        transport: keys.signing("transport")?,
        receipts: keys.signing("receipts")?,
        message_log: keys.log("message-log")?,
        directory_log: Some(keys.log("directory-log")?),
    };
    let charter = std::fs::read(&config.charter).map_err(|error| bad(&error))?;
    let charter = CharterFile::from_bytes(&charter).map_err(|error| bad(&error))?;
    Ok(Relay { config, keys, charter, clock: now, conduct })
}

/// Starts the first relay of a stage in this process, with a conduct and a clock of the harness's choice.
///
/// # Errors
/// When it does not start.
pub async fn start_relay(
    stage: &Stage,
    conduct: Arc<dyn Conduct>,
    clock: fn() -> Timestamp,
    shutdown: CancellationToken,
) -> Result<JoinHandle<Result<(), pouch_relay::RelayError>>, StageError> {
    let bad = |error: &dyn core::fmt::Display| StageError(format!("relay: {error}"));
    let relay = Relay { clock, ..relay_of(&stage.dir().join("relay"), conduct)? };
    let (ready, serves) = tokio::sync::oneshot::channel();
    let running = tokio::spawn(pouch_relay::run(relay, move || ready.send(()).unwrap_or_default(), shutdown));
    timeout(PATIENCE, serves).await.map_err(|error| bad(&error))?.map_err(|error| bad(&error))?;
    Ok(running)
}
