//! Errors of the disk, injected by strace into the system calls of a running relay or node: a wait for the
//! disk that fails, a write that fails, a write for which there was no room for a moment.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use pouch_testkit::stage::{PATIENCE, StageError};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::field::{Field, Whose, failed};

/// One error, at one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) whose: Whose,
    pub(crate) call: &'static str,
    pub(crate) error: &'static str,
    /// Each thread's n-th call of this kind, counted from when the network is at rest.
    pub(crate) n: u32,
}

impl Fault {
    /// Whether the process must end: what cannot be waited for or written is no full disk.
    pub(crate) fn is_fatal(self) -> bool {
        self.error == "EIO"
    }
}

/// The faults of a run.
pub(crate) fn faults(quick: bool) -> Vec<Fault> {
    let mut all = Vec::new();
    let ns: &[u32] = if quick { &[1, 2, 3, 5] } else { &[1, 2, 3, 4, 5, 6, 8, 12] };
    for n in ns {
        for whose in [Whose::Relay, Whose::Sender, Whose::Recipient] {
            all.push(Fault { whose, call: "fsync", error: "EIO", n: *n });
            if !quick || *n == 3 {
                all.push(Fault { whose, call: "pwrite64", error: "EIO", n: *n });
            }
            if !quick || *n == 1 {
                all.push(Fault { whose, call: "pwrite64", error: "ENOSPC", n: *n });
            }
        }
    }
    all
}

/// What a fault came to.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    /// How it ended: an exit code, if it did.
    pub(crate) exit: Option<i32>,
    /// How long after the error.
    pub(crate) ended_after: Option<Duration>,
    /// How long the next start took.
    pub(crate) recovered: Duration,
}

struct Strace {
    child: Child,
    said: std::path::PathBuf,
}

impl Strace {
    async fn around(process: u32, fault: Fault, folder: &Path) -> Result<Self, StageError> {
        let said = folder.join("strace.txt");
        std::fs::write(&said, "").map_err(failed)?;
        let Fault { call, error, n, .. } = fault;
        let mut child = Command::new("strace")
            .args(["-f", "-o"])
            .arg(&said)
            .args(["-e", "signal=none", "-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:error={error}:when={n}")])
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stderr = child.stderr.take().ok_or_else(|| StageError::new("strace says nothing"))?;
        let mut lines = BufReader::new(stderr).lines();
        match timeout(PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) if line.contains("attached") => {}
            other => return Err(StageError(format!("strace does not hold {process}: {other:?}"))),
        }
        // Whatever else it says goes where nobody reads, and does not fill its pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, said })
    }

    fn injected(&self) -> bool {
        std::fs::read_to_string(&self.said).is_ok_and(|text| text.contains("(INJECTED)"))
    }

    async fn let_go(mut self) -> Result<(), StageError> {
        self.child.kill().await.map_err(failed)
    }
}

/// Injects one fault while NL writes, and brings everything back.
pub(crate) async fn run(field: &mut Field, fault: Fault) -> Result<Came, StageError> {
    let strace = Strace::around(field.process(fault.whose)?, fault, field.stage.dir()).await?;
    let mut sent = 0_u32;
    let begun = Instant::now();
    while !strace.injected() {
        if begun.elapsed() > PATIENCE {
            return Err(StageError(format!("{fault:?} was never met")));
        }
        // A sender whose node ends while it answers hears an error; its outbox says what became of it.
        let precedence = ["flash", "priority", "routine"][(sent % 3) as usize];
        timeout(Duration::from_secs(5), field.sends(precedence)).await.ok();
        sent += 1;
    }
    let since = Instant::now();
    if !fault.is_fatal() {
        strace.let_go().await?;
        field.arrives("flash").await?;
        return Ok(Came { exit: None, ended_after: None, recovered: since.elapsed() });
    }
    let exit = field.take(fault.whose)?.ends().await?;
    let ended_after = since.elapsed();
    drop(strace);
    let begun = Instant::now();
    field.restart().await?;
    field.arrives("flash").await?;
    Ok(Came { exit: Some(exit), ended_after: Some(ended_after), recovered: begun.elapsed() })
}
