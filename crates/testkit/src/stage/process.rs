//! Processes: the real `pouch`, run as a person or a service manager would run it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// How long any one thing may take before it counts as failed. Generous: nothing waits for it to pass,
/// only for events.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Why a stage could not go on, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StageError(pub String);

impl StageError {
    /// An error from words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// The `pouch` program to run.
#[derive(Debug, Clone)]
pub struct Program(PathBuf);

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit code; -1 when a signal ended it.
    pub exit: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Program {
    /// The program at a path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The program that is running now.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn current() -> Result<Self, StageError> {
        std::env::current_exe()
            .map(Self)
            .map_err(|error| StageError(format!("cannot find my own program: {error}")))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Runs `pouch ARGS` to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Outcome, StageError> {
        let line = words(arguments);
        let output = Command::new(&self.0).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
        let output = timeout(PATIENCE, output)
            .await
            .map_err(|_| StageError(format!("`pouch {line}` took longer than {PATIENCE:?}")))?
            .map_err(|error| StageError(format!("`pouch {line}`: {error}")))?;
        Ok(Outcome {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs `pouch ARGS`, which must exit 0; its standard output.
    ///
    /// # Errors
    /// When it does not exit 0; what it said on standard error is in the error.
    pub async fn ok<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, StageError> {
        let outcome = self.run(arguments).await?;
        if outcome.exit == 0 {
            return Ok(outcome.stdout);
        }
        let said = outcome.stderr.trim_end();
        Err(StageError(format!("`pouch {}` ended with {}:\n{said}", words(arguments), outcome.exit)))
    }

    /// Runs `pouch ARGS --json`, which must exit 0; the value that it printed.
    ///
    /// # Errors
    /// When it does not exit 0, or prints no JSON.
    pub async fn json<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Value, StageError> {
        let mut all: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        all.push(OsStr::new("--json"));
        value_of(&self.ok(&all).await?)
    }

    /// Starts a service and waits until it says that it is ready. Its log is appended to `log`.
    ///
    /// # Errors
    /// When it ends, or is not ready in time; its log is in the error.
    pub async fn start(&self, name: &str, arguments: &[&str], log: &Path) -> Result<Service, StageError> {
        let failed = |error: std::io::Error| StageError(format!("{name}: {error}"));
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or_else(|| StageError::new("no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        match timeout(PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) if line.starts_with("ready") => {
                Ok(Service { name: name.to_owned(), child, _stdout: lines })
            }
            _ => {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                Err(StageError(format!("{name} did not start:\n{log}")))
            }
        }
    }

    /// Watches a node from its first event on.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn watch(&self, config: &str) -> Result<Watcher, StageError> {
        let mut child = Command::new(&self.0)
            .args(["watch", "--json", "--quiet", "--after", "0", "--config", config])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| StageError(format!("watch: {error}")))?;
        let stdout = child.stdout.take().ok_or_else(|| StageError::new("no standard output"))?;
        Ok(Watcher { _child: child, lines: BufReader::new(stdout).lines() })
    }
}

/// What a command printed as JSON, without its wrapping.
pub(super) fn value_of(text: &str) -> Result<Value, StageError> {
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| StageError(format!("not JSON ({error}): {text}")))?;
    Ok(value.get_mut("value").map(Value::take).unwrap_or_default())
}

fn words<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    arguments.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// A running service; killed when dropped.
#[derive(Debug)]
pub struct Service {
    name: String,
    child: Child,
    /// Kept open, so that the service never writes into nowhere.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Service {
    /// Its process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    fn signal(&self, signal: Signal) -> Result<(), StageError> {
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return Ok(()) };
        kill(Pid::from_raw(id), signal).map_err(|error| StageError(format!("{}: {error}", self.name)))
    }

    async fn ended(&mut self) -> Result<std::process::ExitStatus, StageError> {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(StageError(format!("{}: {error}", self.name))),
            Err(_) => Err(StageError(format!("{} did not end", self.name))),
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has; it must end with exit code 0.
    ///
    /// # Errors
    /// When it ends otherwise, or not at all.
    pub async fn stop(mut self) -> Result<(), StageError> {
        self.end().await
    }

    /// The same, for whoever keeps its place: of one that has ended it says again how.
    ///
    /// # Errors
    /// When it ends otherwise, or not at all.
    pub async fn end(&mut self) -> Result<(), StageError> {
        self.signal(Signal::SIGTERM)?;
        let status = self.ended().await?;
        if status.success() { Ok(()) } else { Err(StageError(format!("{} ended with {status}", self.name))) }
    }

    /// Waits until it has ended by itself; its exit code, -1 when a signal ended it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ends(mut self) -> Result<i32, StageError> {
        self.ended().await.map(|status| status.code().unwrap_or(-1))
    }

    /// Waits until it has ended by itself, however, and for however long. Who stops waiting has it still.
    ///
    /// # Errors
    /// When the system does not tell.
    pub async fn over(&mut self) -> Result<(), StageError> {
        self.child.wait().await.map(drop).map_err(|error| StageError(format!("{}: {error}", self.name)))
    }

    /// Ends it at once (SIGKILL), as a power failure of the process would.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(mut self) -> Result<(), StageError> {
        self.signal(Signal::SIGKILL)?;
        self.ended().await.map(drop)
    }
}

/// A node's events, as `pouch watch` prints them.
#[derive(Debug)]
pub struct Watcher {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watcher {
    /// Waits for an event that fits, and gives it.
    ///
    /// # Errors
    /// When none comes in time, or the node stops.
    pub async fn wait_for(
        &mut self,
        what: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, StageError> {
        let deadline = Instant::now().checked_add(within).unwrap_or_else(Instant::now);
        loop {
            let line = timeout_at(deadline, self.lines.next_line())
                .await
                .map_err(|_| StageError(format!("{what} did not happen within {within:?}")))?
                .map_err(|error| StageError(format!("watch: {error}")))?
                .ok_or_else(|| StageError(format!("the node stopped before {what}")))?;
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(event) = event.get("value").filter(|event| fits(event)) {
                return Ok(event.clone());
            }
        }
    }
}
