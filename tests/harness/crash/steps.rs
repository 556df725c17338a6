//! SIGKILL at a system call: strace holds a running process, and kills it as it enters the n-th call of one
//! kind, before that call does anything. So a process dies between any two of the steps that others can see:
//! what it writes to the disk, and what it sends.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pouch_testkit::stage::{PATIENCE, StageError};
use pouch_wire::Precedence;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, timeout};

use crate::book::COMES_WITHIN;
use crate::field::{Field, Whom};
use crate::figures::Figures;

/// The calls by which anything leaves a process: to its files, to their folders, to the network, to its
/// users. `write` wakes its own threads too, and is how it answers on the socket.
pub(crate) const CALLS: [&str; 9] = [
    "pwrite64", "fdatasync", "fsync", "sendmsg", "sendto", "write", "rename", "unlink", "ftruncate",
];

/// Further than any path goes; only a failure gets there.
const FAR: u32 = 400;

/// A process that dies at a call.
#[derive(Debug)]
pub(crate) struct Noose {
    strace: Child,
    _stderr: Lines<BufReader<ChildStderr>>,
}

impl Noose {
    /// Around a process that runs; each of its threads dies with it at its own n-th call from now on.
    pub(crate) async fn around(process: u32, call: &str, n: u32) -> Result<Self, StageError> {
        let failed = |error: std::io::Error| StageError(format!("strace: {error}"));
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "signal=none", "-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:signal=KILL:when={n}")])
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
    async fn drawn(&mut self) {
        // Without a process to hold, strace ends; an error says that it ended before.
        self.strace.wait().await.ok();
    }

    /// Lets the process live.
    async fn loosen(mut self) -> Result<(), StageError> {
        if let Some(id) = self.strace.id().and_then(|id| i32::try_from(id).ok()) {
            kill(Pid::from_raw(id), Signal::SIGTERM).ok();
        }
        timeout(PATIENCE, self.strace.wait()).await.map_err(|_| StageError::new("strace holds on"))?.ok();
        Ok(())
    }
}

/// What a process does when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// The relay accepts a message, hands it over, and takes the receipt back.
    Accept,
    /// A node sends a message.
    Send,
    /// A node receives a message.
    Receive,
}

/// Who writes and who reads in every walk, by their places.
pub(crate) const FROM: usize = 0;
pub(crate) const TO: usize = 1;

impl Walk {
    pub(crate) const ALL: [Self; 3] = [Self::Accept, Self::Send, Self::Receive];

    fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }

    pub(crate) fn whom(self) -> Whom {
        match self {
            Self::Accept => Whom::Relay,
            Self::Send => Whom::Office(FROM),
            Self::Receive => Whom::Office(TO),
        }
    }
}

/// Goes along a path, one call further each time, until the process lives; judges after each death.
/// `stride` leaves out steps beyond the first few.
pub(crate) async fn sweep(
    field: &mut Field,
    walk: Walk,
    call: &str,
    stride: u32,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let mut n = 1;
    while n < FAR && figures.broken.is_empty() {
        if !step(field, walk, call, n, figures).await? {
            figures.swept.insert(format!("{} {call}", walk.name()), n);
            return Ok(());
        }
        match walk {
            Walk::Accept => figures.relay_accepts += 1,
            Walk::Send => figures.agent_sends += 1,
            Walk::Receive => figures.agent_receives += 1,
        }
        n += if n < 4 { 1 } else { stride };
    }
    if figures.broken.is_empty() {
        figures.broken.push(format!("{} has no end at {call}", walk.name()));
    }
    Ok(())
}

/// One message with a noose around whoever takes part; whether it was drawn.
async fn step(
    field: &mut Field,
    walk: Walk,
    call: &str,
    n: u32,
    figures: &mut Figures,
) -> Result<bool, StageError> {
    let mut noose = Noose::around(field.process(walk.whom())?, call, n).await?;
    let text = format!("{} {call} {n} {}", walk.name(), field.book.told());
    let sent = field.send(FROM, &[TO], Precedence::Priority, &text).await;
    let to = field.offices[TO].name;
    let died = match &sent {
        Ok(id) => {
            let book = field.book.clone();
            tokio::select! {
                () = noose.drawn() => true,
                there = book.until(|book| book.is_confirmed(id, to), COMES_WITHIN) => {
                    if there.is_none() {
                        figures.broken.push(format!("{text}: lives, and nothing comes"));
                    }
                    false
                }
            }
        }
        // It died while it took the message: nobody was told anything.
        Err(_) => {
            noose.drawn().await;
            true
        }
    };
    if !died {
        noose.loosen().await?;
        return Ok(false);
    }
    field.is_over(walk.whom()).await?;
    let begun = Instant::now();
    figures.served(field.restart().await?);
    if sent.is_err() {
        field.read_outboxes(16).await?;
    }
    if walk == Walk::Accept {
        wake(field, n).await?;
    }
    let came = field.book.all_told().await;
    if walk == Walk::Receive {
        field.read_inbox(TO).await?;
    }
    figures.settled(begun.elapsed(), came.is_some(), field);
    Ok(true)
}

/// After the relay's death: whoever lives on notices when it has something to say. Now and then nobody lives
/// on, so that reconnecting does not take ever longer.
async fn wake(field: &mut Field, n: u32) -> Result<(), StageError> {
    if n % 3 == 0 {
        for at in 0..field.offices.len() {
            field.kill(Whom::Office(at)).await?;
        }
        field.restart().await?;
        return Ok(());
    }
    field.send(TO, &[FROM], Precedence::Routine, "Is anybody there").await.map(drop)
}
