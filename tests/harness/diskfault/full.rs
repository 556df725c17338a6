//! A disk that is full: routine is not accepted, and that is said within a second; flash and receipts go on
//! out of the reserve; when there is room again everything goes on without a restart.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pouch_testkit::stage::{PATIENCE, Program, StageError, word};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::field::{Field, Whose, failed};

/// A small disk at a folder; unmounted when it goes.
struct Disk(PathBuf);

impl Disk {
    fn at(folder: &Path, mebibytes: u32) -> Result<Self, StageError> {
        std::fs::create_dir_all(folder).map_err(failed)?;
        let size = format!("size={mebibytes}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        match mounted {
            Ok(status) if status.success() => Ok(Self(folder.to_owned())),
            other => Err(StageError(format!("a small disk cannot be mounted; this needs root: {other:?}"))),
        }
    }

    /// Writes until there is no room.
    fn fill(&self) -> Result<(), StageError> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.0.join("filler"))
            .map_err(failed)?;
        for size in [65_536, 4096, 512] {
            let block = vec![7; size];
            while file.write(&block).is_ok_and(|written| written > 0) {}
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), StageError> {
        std::fs::remove_file(self.0.join("filler")).map_err(failed)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there lets it go later.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// What a full disk came to.
#[derive(Debug, Default)]
pub(crate) struct Full {
    /// The slowest "not accepted".
    pub(crate) refused_within: Duration,
    pub(crate) refused: u32,
    /// The slowest flash, from its writer to the receipt.
    pub(crate) flash_within: Duration,
    pub(crate) flashes: u32,
    /// Until everything goes on when there is room again.
    pub(crate) recovered_within: Duration,
    pub(crate) same_process: bool,
    pub(crate) judged: Value,
    pub(crate) holds: bool,
}

const FLASHES: u32 = 5;

/// Fills somebody's disk under load.
pub(crate) async fn run(program: &Program, under: &Path, whose: Whose) -> Result<Full, StageError> {
    let mut disk = None;
    let mut field = Field::start(program, under, |folder| {
        disk = Some(Disk::at(&folder.join(whose.data()), 48)?);
        Ok(())
    })
    .await?;
    let disk = disk.ok_or_else(|| StageError::new("no disk"))?;
    let (process, mut full) = (field.process(whose)?, Full::default());
    disk.fill()?;
    // What is allocated already may still take a few.
    for _ in 0..400 {
        let begun = Instant::now();
        if let Some(took) = refused(&mut field, whose, begun).await? {
            full.refused_within = full.refused_within.max(took);
            full.refused += 1;
        }
        if full.refused == 3 {
            break;
        }
    }
    for _ in 0..FLASHES {
        let arrived = field.arrives("flash").await.inspect_err(|_| last_words(&field));
        full.flash_within = full.flash_within.max(arrived?);
        full.flashes += 1;
    }
    let begun = Instant::now();
    disk.clear()?;
    if whose == Whose::Sender {
        // What was refused here is nowhere: its writer knows, and writes again.
        while field.sends("routine").await.is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(StageError::new("the node takes nothing though there is room"));
            }
        }
    }
    let judged = field.judge().await?;
    full.recovered_within = begun.elapsed();
    full.same_process = field.process(whose)? == process;
    full.holds = judged.holds() && judged.accepted > 0;
    full.judged = json!(judged.figures());
    if let Some(relay) = field.relay.take() {
        relay.kill().await?;
    }
    drop(field);
    drop(disk);
    Ok(full)
}

/// Sends routine; how long until it was said that it is not accepted, if it was.
async fn refused(field: &mut Field, whose: Whose, begun: Instant) -> Result<Option<Duration>, StageError> {
    let attachment = field.path("attachment.bin");
    if !attachment.exists() {
        std::fs::write(&attachment, vec![9; 100_000]).map_err(failed)?;
    }
    let attachment = attachment.display().to_string();
    let send = [
        "send",
        "--to",
        "MD/policy",
        "--type",
        "free-text",
        "--subject",
        "Map",
        "--precedence",
        "routine",
        "--text",
        "Attached.",
        "--attach",
        &attachment,
        "--json",
    ];
    let before = said(field, whose)?;
    let outcome = field.nl()?.run(&send).await?;
    if whose == Whose::Sender {
        return match outcome.exit {
            0 | 20 => Ok(None),
            25 if outcome.stderr.contains("POUCH-STO-02") => Ok(Some(begun.elapsed())),
            exit => Err(StageError(format!("not said to be for want of room ({exit}): {}", outcome.stderr))),
        };
    }
    let row: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let envelope = row.get("value").map(|row| word(row, "envelope").to_owned()).unwrap_or_default();
    let begun = Instant::now();
    loop {
        if said(field, whose)? > before {
            return Ok(Some(begun.elapsed()));
        }
        let rows = field.nl()?.json(&["outbox"]).await?;
        let accepted =
            rows.as_array().into_iter().flatten().filter(|row| word(row, "envelope") == envelope).any(
                |row| {
                    row.get("ladder")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .any(|rung| word(rung, "rung") != "queued")
                },
            );
        if accepted {
            return Ok(None);
        }
        if begun.elapsed() > PATIENCE {
            return Err(StageError::new("neither accepted nor refused"));
        }
    }
}

/// What everybody said last, for whoever looks why.
pub(crate) fn last_words(field: &Field) {
    for whose in [Whose::Relay, Whose::Sender, Whose::Recipient] {
        let text = std::fs::read_to_string(field.path(whose.log())).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        eprintln!("{whose:?}:\n  {}", lines.into_iter().rev().collect::<Vec<_>>().join("\n  "));
    }
}

/// How often the relay said that it has no room.
fn said(field: &Field, whose: Whose) -> Result<usize, StageError> {
    let text = std::fs::read_to_string(field.path(whose.log())).map_err(failed)?;
    Ok(text.matches("POUCH-STO-02").count())
}
