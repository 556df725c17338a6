//! A network that is founded, works, is stopped, killed and started again, all of it recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pouch_testkit::stage::{Node, Party, Stage, StageError, word};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::record::{Record, Recorder};

/// What one run does, by its seed.
struct Run {
    stage: Stage,
    nl: Node,
    md: Node,
    rng: ChaCha8Rng,
}

/// What was recorded, by machine, and the folder where the stage stands as it was left.
pub(crate) struct Recorded {
    pub(crate) records: BTreeMap<String, Record>,
    pub(crate) stage: PathBuf,
    _dir: TempDir,
}

/// Runs a network and records it.
pub(crate) async fn run(pouch: &Path, under: &Path, seed: u64) -> Result<Recorded, StageError> {
    let failed = |error: std::io::Error| StageError(error.to_string());
    let dir = tempfile::tempdir_in(under).map_err(failed)?;
    let place = dir.path().join("stage");
    std::fs::create_dir(&place).map_err(failed)?;
    let recorder = Recorder::new(&dir.path().join("traces"), &place)?;
    // Every second run has a relay more, which follows the directory, and everybody collects at both.
    let relays = if seed % 2 == 1 { 2 } else { 1 };
    let homes = ["relay-1", "relay-2"];
    let homes = homes.get(..usize::from(relays)).unwrap_or_default();
    let party = |office| Party { witnesses: true, ..Party::simple(office).at(homes) };
    let parties = vec![party("NL/technical"), party("MD/policy")];
    let stage = Stage::new(recorder.program(pouch)?, &place, parties, 1).with_relays(relays);
    stage.found().await?;
    a_folder_that_is_not_there(&stage).await?;
    works(stage, relays, seed).await?;
    Ok(Recorded { records: recorder.collect()?, stage: place, _dir: dir })
}

/// Keys in a folder that the command has to make, and the folder around it too.
async fn a_folder_that_is_not_there(stage: &Stage) -> Result<(), StageError> {
    let (dir, passphrase) = (stage.path("desk/drawer/keys"), stage.passphrase("nl"));
    let officer =
        ["init", "officer", "--contact-point", "NL/technical", "--title", "Second", "--person", "anna"];
    let rest = ["--dir", &dir, "--throw-away", "--passphrase-file", &passphrase];
    stage.program.ok(&[officer.as_slice(), rest.as_slice()].concat()).await.map(drop)
}

async fn works(stage: Stage, relays: u8, seed: u64) -> Result<(), StageError> {
    let relay = stage.start_relay().await?;
    let mut followers = Vec::new();
    for number in 2..=relays {
        followers.push(stage.start_relay_number(number).await?);
    }
    let witnesses = stage.start_witnesses().await?;
    let (nl, md) = (stage.start_node("nl").await?, stage.start_node("md").await?);
    let mut run = Run { stage, nl, md, rng: ChaCha8Rng::seed_from_u64(seed) };
    run.nl.everyone_can_be_sealed_to().await?;
    run.md.everyone_can_be_sealed_to().await?;
    run.exchange(2).await?;
    run.new_key().await?;
    run.exchange(2).await?;
    // What waits at the relay while it starts again.
    let Run { stage, nl, md, rng } = run;
    md.stop().await?;
    let mut waiting = Vec::new();
    let mut rng = rng;
    for _ in 0..rng.random_range(2..5) {
        waiting.push(send(&nl, "MD/policy", &mut rng).await?);
    }
    relay.stop().await?;
    let relay = stage.start_relay().await?;
    let md = stage.start_node("md").await?;
    let mut run = Run { stage, nl, md, rng };
    for envelope in &waiting {
        run.md.received(envelope).await?;
    }
    // Killed, and asked to send meanwhile.
    relay.kill().await?;
    let late = send(&run.nl, "MD/policy", &mut run.rng).await?;
    let relay = run.stage.start_relay().await?;
    run.md.received(&late).await?;
    run.md.service.kill().await?;
    run.md = run.stage.start_node("md").await?;
    run.exchange(2).await?;
    run.nl.stop().await?;
    run.md.stop().await?;
    relay.stop().await?;
    for other in followers.into_iter().chain(witnesses) {
        other.stop().await?;
    }
    Ok(())
}

impl Run {
    /// Notices both ways, several at once; each is confirmed, some are acknowledged.
    async fn exchange(&mut self, rounds: usize) -> Result<(), StageError> {
        for _ in 0..rounds {
            let one = send(&self.nl, "MD/policy", &mut self.rng).await?;
            let two = send(&self.nl, "MD/policy", &mut self.rng).await?;
            let back = send(&self.md, "NL/technical", &mut self.rng).await?;
            self.md.received(&one).await?;
            self.md.received(&two).await?;
            self.nl.received(&back).await?;
            self.nl.progress(&two, "MD/policy", "verified").await?;
            self.md.ok(&["ack", &one, "--officer", "Duty officer"]).await?;
            self.nl.progress(&one, "MD/policy", "acknowledged").await?;
        }
        Ok(())
    }

    /// NL signs with another key from here on.
    async fn new_key(&mut self) -> Result<(), StageError> {
        let (dir, passphrase) = (self.stage.path("nl-root"), self.stage.passphrase("nl-root"));
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
        self.nl.ok(&rotate).await.map(drop)
    }
}

async fn send(node: &Node, to: &str, rng: &mut ChaCha8Rng) -> Result<String, StageError> {
    let text = "A text of this harness. ".repeat(rng.random_range(1..300));
    let sent = node.send(&["send", "--to", to, "--subject", "Exchange", "--text", &text]).await?;
    Ok(word(&sent, "envelope").to_owned())
}
