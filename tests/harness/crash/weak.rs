//! A relay or a node that keeps its word badly, as a process: what `prove crash` must find.
//!
//! `crash_weak relay|agent run --config FILE WEAKNESS`. It is the product's relay or node with another
//! conduct; the product's own program has no way to choose one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pouch_agent::{AgentConfig, KeyKeeper, KeyKeeperError, Node, NodeKeys, Repeating, Taking};
use pouch_crypto::SigningKey;
use pouch_directory::CharterFile;
use pouch_envelope::Header;
use pouch_relay::{Accepting, Peer};
use pouch_testkit::stage::StageError;
use pouch_tests::evil::town::{self, Keys};
use pouch_wire::{Canonical as _, ExerciseId};
use tokio_util::sync::CancellationToken;

/// How long after its word the deed follows: time enough for the word to arrive.
const LATE: Duration = Duration::from_millis(100);

/// A relay that answers before it stores.
#[derive(Debug)]
struct AnswersFirst;

impl pouch_relay::Conduct for AnswersFirst {
    fn accepts(&self, _from: &Peer, _header: &Header) -> Accepting {
        Accepting::AnswerFirst(LATE)
    }
}

/// A node that says that it has a message before it has.
#[derive(Debug)]
struct TakesFirst;

impl pouch_agent::Conduct for TakesFirst {
    fn takes(&self) -> Taking {
        Taking::Unkept(LATE)
    }
}

/// A node that does not know what it told before.
#[derive(Debug)]
struct Forgets;

impl pouch_agent::Conduct for Forgets {
    fn repeats(&self) -> Repeating {
        Repeating::New
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["relay", "run", "--config", config, "answers-first"] => relay(Path::new(config)).await,
        ["agent", "run", "--config", config, "takes-first"] => agent(Path::new(config), TakesFirst).await,
        ["agent", "run", "--config", config, "forgets"] => agent(Path::new(config), Forgets).await,
        other => Err(StageError(format!("no such weakness: {other:?}"))),
    };
    if let Err(error) = &ended {
        eprintln!("{error}");
    }
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failed(error: impl core::fmt::Display) -> StageError {
    StageError(error.to_string())
}

fn folder(config: &Path) -> Result<&Path, StageError> {
    config.parent().ok_or_else(|| StageError::new("a configuration in no folder"))
}

async fn relay(config: &Path) -> Result<(), StageError> {
    let relay = town::relay_of(folder(config)?, Arc::new(AnswersFirst))?;
    pouch_relay::run(relay, || println!("ready relay"), CancellationToken::new()).await.map_err(failed)
}

async fn agent(path: &Path, conduct: impl pouch_agent::Conduct) -> Result<(), StageError> {
    let folder = folder(path)?;
    let mut config: AgentConfig =
        toml::from_str(&std::fs::read_to_string(path).map_err(failed)?).map_err(failed)?;
    for place in [&mut config.charter, &mut config.data, &mut config.keys, &mut config.socket] {
        *place = folder.join(&*place);
    }
    let keys = Keys::within(folder)?;
    let keys = NodeKeys {
        transport: keys.signing("transport")?,
        vault: keys.signing("vault")?.seed(),
        witness: None,
    };
    let charter = std::fs::read(&config.charter).map_err(failed)?;
    let charter = CharterFile::from_bytes(&charter).map_err(failed)?;
    let conduct = Arc::new(conduct);
    let node = Node { config, keys, charter, clock: town::now, version: "weak", conduct };
    let keeper = Box::new(Keeper(folder.to_owned()));
    pouch_agent::run(node, keeper, || println!("ready agent"), CancellationToken::new()).await.map_err(failed)
}

/// The signing key in its file. Nothing else is asked of a node that lives for a moment.
struct Keeper(PathBuf);

impl KeyKeeper for Keeper {
    fn signing(&self) -> Result<SigningKey, KeyKeeperError> {
        let keys = Keys::within(&self.0).and_then(|keys| keys.signing("signing"));
        keys.map_err(|error| KeyKeeperError(error.to_string()))
    }

    fn next_signing(&self) -> Result<Option<SigningKey>, KeyKeeperError> {
        Ok(None)
    }

    fn promote(&self) -> Result<(), KeyKeeperError> {
        Err(KeyKeeperError("there is no next key".to_owned()))
    }

    fn exercises(&self) -> Result<Vec<ExerciseId>, KeyKeeperError> {
        Ok(Vec::new())
    }

    fn exercise_signing(&self, exercise: ExerciseId) -> Result<SigningKey, KeyKeeperError> {
        Err(KeyKeeperError(format!("no key of exercise {exercise}")))
    }

    fn destroy_exercise_signing(&self, _exercise: ExerciseId) -> Result<(), KeyKeeperError> {
        Ok(())
    }
}
