//! SIGKILL at a system call: strace holds a process, and kills it as it enters the n-th call of one kind,
//! before that call does anything. So a process dies between any two of the steps that others can see: what
//! it writes to the disk, and what it sends.

use std::process::Stdio;

use pouch_testkit::stage::{PATIENCE, StageError};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// What strace is told: each thread dies with its process at its own n-th call of this kind.
pub(crate) fn noose(call: &str, n: u32) -> Vec<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={n}"));
    ["-f", "-o", "/dev/null", "-e", "signal=none", "-e", &trace, "-e", &inject].map(str::to_owned).into()
}

/// A process that dies at a call.
#[derive(Debug)]
pub(crate) struct Noose {
    strace: Child,
    _stderr: Lines<BufReader<ChildStderr>>,
}

impl Noose {
    /// Around a process that runs; calls count from now on.
    pub(crate) async fn around(process: u32, call: &str, n: u32) -> Result<Self, StageError> {
        let failed = |error: std::io::Error| StageError(format!("strace: {error}"));
        let mut strace = Command::new("strace")
            .args(noose(call, n))
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stderr = strace.stderr.take().ok_or_else(|| StageError::new("strace has no voice"))?;
        let mut lines = BufReader::new(stderr).lines();
        match timeout(PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) if line.contains("attached") => Ok(Self { strace, _stderr: lines }),
            said => Err(StageError(format!("strace does not hold {process}: {said:?}"))),
        }
    }

    /// Waits until the process has died in it.
    pub(crate) async fn drawn(&mut self) {
        // Without a process to hold, strace ends; an error says that it ended before.
        self.strace.wait().await.ok();
    }

    /// Lets the process live.
    pub(crate) async fn loosen(mut self) -> Result<(), StageError> {
        // What it held goes on when it is gone. Asked to end, it may wait for a thread that ended meanwhile.
        self.strace.kill().await.map_err(|error| StageError(format!("strace: {error}")))
    }
}
