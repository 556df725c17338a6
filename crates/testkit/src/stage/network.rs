//! Founding and running a network by the commands that real parties type, in their order.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rand::Rng as _;
use serde_json::Value;

use super::process::{PATIENCE, Program, Service, StageError, Watcher, value_of};

/// A member with one office.
#[derive(Debug, Clone)]
pub struct Party {
    /// The folder of its node, within the stage.
    pub folder: String,
    /// The member's code.
    pub member: String,
    /// Its name.
    pub name: String,
    /// Its office.
    pub office: String,
    /// The office's name.
    pub title: String,
    /// The office's telephone.
    pub telephone: String,
    /// Officers of the office; when there are any, all must approve immediate and flash notices.
    pub officers: Vec<Officer>,
    /// Whether the node cosigns logs.
    pub witnesses: bool,
}

/// An officer.
#[derive(Debug, Clone)]
pub struct Officer {
    /// The folder of the officer's key, within the stage.
    pub folder: String,
    /// The title.
    pub title: String,
}

impl Party {
    /// A party without officers, named after its office.
    #[must_use]
    pub fn simple(office: &str) -> Self {
        let member = office.split('/').next().unwrap_or_default();
        Self {
            folder: member.to_lowercase(),
            member: member.to_owned(),
            name: format!("State of {member}"),
            office: office.to_owned(),
            title: format!("Office {office}"),
            telephone: "+1 555 0100".to_owned(),
            officers: Vec::new(),
            witnesses: false,
        }
    }

    fn root(&self) -> String {
        format!("{}-root", self.folder)
    }
}

/// A folder with a network in it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The program that everybody runs.
    pub program: Program,
    dir: PathBuf,
    parties: Vec<Party>,
    witnesses: u8,
    charter: Vec<String>,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StageError {
    move |error| StageError(format!("{}: {error}", path.display()))
}

impl Stage {
    /// A stage in an empty folder.
    #[must_use]
    pub fn new(program: Program, dir: &Path, parties: Vec<Party>, witnesses: u8) -> Self {
        Self { program, dir: dir.to_owned(), parties, witnesses, charter: Vec::new() }
    }

    /// With more options for `network create`.
    #[must_use]
    pub fn with_charter(mut self, options: &[&str]) -> Self {
        self.charter = options.iter().map(|option| (*option).to_owned()).collect();
        self
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path within it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// The configuration file of a party's node.
    #[must_use]
    pub fn config(&self, folder: &str) -> String {
        self.path(&format!("{folder}/agent.toml"))
    }

    /// The passphrase file of whoever's folder it is.
    #[must_use]
    pub fn passphrase(&self, folder: &str) -> String {
        self.path(&format!("{folder}/passphrase"))
    }

    fn new_folder(&self, folder: &str) -> Result<(), StageError> {
        let path = self.dir.join(folder);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io(&path))?;
        let mut random = [0; 16];
        rand::rng().fill_bytes(&mut random);
        let file = path.join("passphrase");
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut opened| opened.write_all(pouch_wire::encode_hex(&random).as_bytes()))
            .map_err(io(&file))
    }

    /// Founds the network: everybody's keys and requests, the charter, a copy for each. Gives the
    /// charter as `network show` prints it.
    ///
    /// # Errors
    /// When a command does not do what it should.
    pub async fn found(&self) -> Result<String, StageError> {
        self.make_keys(&free_address()?).await?;
        let draft = self.draft().await?;
        let charter = self.path("charter.pouch");
        let mut finish = vec!["network".to_owned(), "finish".into(), draft.clone()];
        for party in &self.parties {
            finish.push(self.sign(party, &draft).await?);
        }
        finish.extend(["--output".to_owned(), charter.clone()]);
        self.program.ok(&finish).await?;
        let nodes = self.parties.iter().map(|party| party.folder.clone());
        let witnesses = (1..=self.witnesses).map(|n| format!("witness-{n}"));
        for folder in nodes.chain(witnesses).chain(["relay".to_owned()]) {
            let to = self.dir.join(folder).join("charter.pouch");
            fs::copy(&charter, &to).map_err(io(&to))?;
        }
        self.program.ok(&["network", "show", &charter]).await
    }

    async fn make_keys(&self, address: &str) -> Result<(), StageError> {
        for party in &self.parties {
            self.make_party(party).await?;
        }
        for n in 1..=self.witnesses {
            let folder = format!("witness-{n}");
            self.new_folder(&folder)?;
            let name = format!("witness-{n}.demo.pouch.invalid");
            let (dir, passphrase) = (self.path(&folder), self.passphrase(&folder));
            let init = [
                "witness",
                "init",
                "--name",
                &name,
                "--dir",
                &dir,
                "--throw-away",
                "--passphrase-file",
                &passphrase,
            ];
            self.program.ok(&init).await?;
        }
        self.new_folder("relay")?;
        let (dir, passphrase) = (self.path("relay"), self.passphrase("relay"));
        let init = [
            "relay",
            "init",
            "--name",
            "relay-1",
            "--address",
            address,
            "--origin",
            "demo.pouch.invalid",
            "--dir",
            &dir,
            "--throw-away",
            "--passphrase-file",
            &passphrase,
        ];
        self.program.ok(&init).await.map(drop)
    }

    async fn make_party(&self, party: &Party) -> Result<(), StageError> {
        let root = party.root();
        self.new_folder(&root)?;
        let (dir, passphrase) = (self.path(&root), self.passphrase(&root));
        let init = [
            "init",
            "member",
            "--member",
            &party.member,
            "--name",
            &party.name,
            "--dir",
            &dir,
            "--throw-away",
            "--passphrase-file",
            &passphrase,
        ];
        self.program.ok(&init).await?;
        self.new_folder(&party.folder)?;
        let (dir, passphrase) = (self.path(&party.folder), self.passphrase(&party.folder));
        let witness = format!("{}.demo.pouch.invalid", party.folder);
        let mut node = vec![
            "init",
            "node",
            "--contact-point",
            &party.office,
            "--name",
            &party.title,
            "--telephone",
            &party.telephone,
            "--relay",
            "relay-1",
            "--dir",
            &dir,
            "--throw-away",
            "--passphrase-file",
            &passphrase,
        ];
        if party.witnesses {
            node.extend(["--witness", &witness]);
        }
        self.program.ok(&node).await?;
        for officer in &party.officers {
            self.new_folder(&officer.folder)?;
            let (dir, passphrase) = (self.path(&officer.folder), self.passphrase(&officer.folder));
            let init = [
                "init",
                "officer",
                "--contact-point",
                &party.office,
                "--title",
                &officer.title,
                "--person",
                &officer.folder,
                "--dir",
                &dir,
                "--throw-away",
                "--passphrase-file",
                &passphrase,
            ];
            self.program.ok(&init).await?;
        }
        Ok(())
    }

    async fn draft(&self) -> Result<String, StageError> {
        let draft = self.path("charter-draft.pouch");
        let mut create: Vec<String> =
            ["network", "create", "--name", "Demonstration network", "--relay"].map(str::to_owned).into();
        create.push(self.path("relay/relay-request.toml"));
        for party in &self.parties {
            create.extend(["--founder".to_owned(), self.path(&format!("{}/founder.toml", party.root()))]);
        }
        let nodes = self.parties.iter().filter(|party| party.witnesses).map(|party| party.folder.clone());
        for folder in (1..=self.witnesses).map(|n| format!("witness-{n}")).chain(nodes) {
            create.extend(["--witness".to_owned(), self.path(&format!("{folder}/witness-request.toml"))]);
        }
        create.extend(self.charter.iter().cloned());
        create.extend(["--output".to_owned(), draft.clone()]);
        self.program.ok(&create).await?;
        Ok(draft)
    }

    async fn sign(&self, party: &Party, draft: &str) -> Result<String, StageError> {
        let root = party.root();
        let output = self.path(&format!("{root}/charter.signature"));
        let (member_dir, passphrase) = (self.path(&root), self.passphrase(&root));
        let mut sign: Vec<String> =
            ["network", "sign", draft, "--member-dir", &member_dir, "--passphrase-file", &passphrase]
                .map(str::to_owned)
                .into();
        sign.extend(["--request".to_owned(), self.path(&format!("{}/contact-point.toml", party.folder))]);
        for officer in &party.officers {
            sign.extend(["--request".to_owned(), self.path(&format!("{}/officer.toml", officer.folder))]);
        }
        if !party.officers.is_empty() {
            sign.extend(["--officers".to_owned(), party.officers.len().to_string()]);
        }
        sign.extend(["--output".to_owned(), output.clone()]);
        self.program.ok(&sign).await?;
        Ok(output)
    }

    /// Starts the relay.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_relay(&self) -> Result<Service, StageError> {
        let config = self.path("relay/relay.toml");
        self.program
            .start("relay-1", &["relay", "run", "--config", &config], &self.dir.join("relay/relay.log"))
            .await
    }

    /// Starts all stand-alone witnesses.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start_witnesses(&self) -> Result<Vec<Service>, StageError> {
        let mut started = Vec::new();
        for n in 1..=self.witnesses {
            let folder = format!("witness-{n}");
            let config = self.path(&format!("{folder}/witness.toml"));
            let log = self.dir.join(&folder).join("witness.log");
            started.push(self.program.start(&folder, &["witness", "run", "--config", &config], &log).await?);
        }
        Ok(started)
    }

    /// Starts a party's node and watches it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_node(&self, folder: &str) -> Result<Node, StageError> {
        let config = self.config(folder);
        let log = self.dir.join(folder).join("agent.log");
        let service = self.program.start(folder, &["agent", "run", "--config", &config], &log).await?;
        let watcher = self.program.watch(&config)?;
        Ok(Node { config, service, watcher, program: self.program.clone(), parties: self.parties.len() })
    }
}

/// A UDP address on loopback that is free now.
fn free_address() -> Result<String, StageError> {
    let failed = |error: std::io::Error| StageError(format!("loopback: {error}"));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    socket.local_addr().map(|address| address.to_string()).map_err(failed)
}

/// A text field of a JSON object; empty when it is not there.
#[must_use]
pub fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a text field of a JSON object is this text.
#[must_use]
pub fn is(value: &Value, field: &str, text: &str) -> bool {
    word(value, field) == text
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// Its configuration file.
    pub config: String,
    /// Its process.
    pub service: Service,
    /// Its events.
    pub watcher: Watcher,
    program: Program,
    parties: usize,
}

/// The rungs of the receipt ladder, lowest first.
const LADDER: [&str; 5] = ["queued", "accepted", "verified", "acknowledged", "answered"];
/// How `send` ends when no relay can be reached.
const QUEUED: i32 = 20;
/// Events that may pass before something must have happened.
const EVENTS_MAX: usize = 1000;

impl Node {
    /// Asks it to end.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(self) -> Result<(), StageError> {
        drop(self.watcher);
        self.service.stop().await
    }

    /// Runs a command about this node that prints JSON.
    ///
    /// # Errors
    /// When it does not exit 0.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value, StageError> {
        self.program.json(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Writes a notice that may wait for a relay (exit code 20): it leaves by itself when one is back.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn send(&self, arguments: &[&str]) -> Result<Value, StageError> {
        let sent = self.run(&[arguments, &["--json"]].concat()).await?;
        if !matches!(sent.exit, 0 | QUEUED) {
            return Err(StageError(format!("not sent ({}):\n{}", sent.exit, sent.stderr.trim_end())));
        }
        value_of(&sent.stdout)
    }

    /// Runs a command about this node; its standard output.
    ///
    /// # Errors
    /// When it does not exit 0.
    pub async fn ok(&self, arguments: &[&str]) -> Result<String, StageError> {
        self.program.ok(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Runs a command about this node, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run(&self, arguments: &[&str]) -> Result<super::Outcome, StageError> {
        self.program.run(&[arguments, &["--config", &self.config]].concat()).await
    }

    /// Waits until its directory is witnessed and has a usable sealing key of every office.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn everyone_can_be_sealed_to(&mut self) -> Result<(), StageError> {
        for _ in 0..EVENTS_MAX {
            let view = self.json(&["directory", "show"]).await?;
            let points = list(&view, "members").flat_map(|member| list(member, "contact_points"));
            let sealable = points.filter(|p| p.get("live_prekeys").and_then(Value::as_u64) > Some(0)).count();
            if sealable >= self.parties && view.get("cosigned_at").is_some_and(|at| !at.is_null()) {
                return Ok(());
            }
            self.watcher
                .wait_for("a newer directory", PATIENCE, |event| is(event, "kind", "directory"))
                .await?;
        }
        Err(StageError::new("the directory did not become complete"))
    }

    /// Waits until a message is received and verified.
    ///
    /// # Errors
    /// When it is not, in time.
    pub async fn received(&mut self, envelope: &str) -> Result<Value, StageError> {
        let fits = |event: &Value| is(event, "kind", "received") && is(event, "envelope", envelope);
        self.watcher.wait_for(&format!("the arrival of {envelope}"), PATIENCE, fits).await
    }

    /// Waits until a recipient of a sent notice reached a rung.
    ///
    /// # Errors
    /// When it does not, in time.
    pub async fn progress(&mut self, envelope: &str, recipient: &str, rung: &str) -> Result<(), StageError> {
        let rank = |rung: &str| LADDER.iter().position(|r| *r == rung);
        for _ in 0..EVENTS_MAX {
            let rows = self.json(&["outbox"]).await?;
            let reached = rows
                .as_array()
                .into_iter()
                .flatten()
                .filter(|row| is(row, "envelope", envelope))
                .flat_map(|row| list(row, "ladder"))
                .any(|r| is(r, "recipient", recipient) && rank(word(r, "rung")) >= rank(rung));
            if reached {
                return Ok(());
            }
            self.watcher
                .wait_for(&format!("{recipient}: {rung}"), PATIENCE, |event| is(event, "kind", "progress"))
                .await?;
        }
        Err(StageError(format!("{recipient} did not get to {rung}")))
    }
}
