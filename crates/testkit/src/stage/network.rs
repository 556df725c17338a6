//! Founding and running a network by the commands that real parties type, in their order.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::node::Node;
use super::party::Party;
use super::process::{Program, Service, StageError};
use rand::Rng as _;

/// A folder with a network in it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The program that everybody runs.
    pub program: Program,
    dir: PathBuf,
    parties: Vec<Party>,
    witnesses: u8,
    charter: Vec<String>,
    relays: u8,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StageError {
    move |error| StageError(format!("{}: {error}", path.display()))
}

impl Stage {
    /// A stage in an empty folder.
    #[must_use]
    pub fn new(program: Program, dir: &Path, parties: Vec<Party>, witnesses: u8) -> Self {
        Self { program, dir: dir.to_owned(), parties, witnesses, relays: 1, charter: Vec::new() }
    }

    /// With more options for `network create`.
    #[must_use]
    pub fn with_charter(mut self, options: &[&str]) -> Self {
        self.charter = options.iter().map(|option| (*option).to_owned()).collect();
        self
    }

    /// The same with so many relays: `relay-1` sequences the directory, the others follow it.
    #[must_use]
    pub fn with_relays(self, relays: u8) -> Self {
        Self { relays, ..self }
    }

    /// The folder of a relay, by its number; the first is 1.
    #[must_use]
    pub fn relay_folder(number: u8) -> String {
        if number == 1 { "relay".to_owned() } else { format!("relay-{number}") }
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
        self.make_keys().await?;
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
        let relays = (1..=self.relays).map(Self::relay_folder);
        for folder in nodes.chain(witnesses).chain(relays) {
            let to = self.dir.join(folder).join("charter.pouch");
            fs::copy(&charter, &to).map_err(io(&to))?;
        }
        self.program.ok(&["network", "show", &charter]).await
    }

    async fn make_keys(&self) -> Result<(), StageError> {
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
        for (number, address) in (1..=self.relays).zip(free_addresses(self.relays)?) {
            self.make_relay(number, &address).await?;
        }
        Ok(())
    }

    /// A relay's keys, configuration and request; every one but the first follows the directory.
    ///
    /// # Errors
    /// When the command does not do what it should.
    pub async fn make_relay(&self, number: u8, address: &str) -> Result<(), StageError> {
        let folder = Self::relay_folder(number);
        self.new_folder(&folder)?;
        let (name, dir, passphrase) =
            (format!("relay-{number}"), self.path(&folder), self.passphrase(&folder));
        let mut init = vec![
            "relay",
            "init",
            "--name",
            &name,
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
        if number > 1 {
            init.push("--follows");
        }
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
            "--dir",
            &dir,
            "--throw-away",
            "--passphrase-file",
            &passphrase,
        ];
        for relay in &party.relays {
            node.extend(["--relay", relay]);
        }
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
            ["network", "create", "--name", "Demonstration network"].map(str::to_owned).into();
        for folder in (1..=self.relays).map(Self::relay_folder) {
            create.extend(["--relay".to_owned(), self.path(&format!("{folder}/relay-request.toml"))]);
        }
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

    /// Starts the relay, or the first of several.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_relay(&self) -> Result<Service, StageError> {
        self.start_relay_number(1).await
    }

    /// Starts one of several relays.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_relay_number(&self, number: u8) -> Result<Service, StageError> {
        let folder = Self::relay_folder(number);
        let config = self.path(&format!("{folder}/relay.toml"));
        let log = self.dir.join(folder).join("relay.log");
        self.program.start(&format!("relay-{number}"), &["relay", "run", "--config", &config], &log).await
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

/// UDP addresses on loopback that are free now.
///
/// # Errors
/// When there is no loopback.
pub fn free_addresses(count: u8) -> Result<Vec<String>, StageError> {
    let failed = |error: std::io::Error| StageError(format!("loopback: {error}"));
    // All are held before one is let go, so that none comes twice.
    let sockets = (0..count).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").map_err(failed));
    let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
    sockets.iter().map(|socket| socket.local_addr().map(|a| a.to_string()).map_err(failed)).collect()
}
