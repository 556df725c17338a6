//! Verifies a tiled log, every byte of it: the checkpoint under a policy, every entry and every tile
//! under the checkpoint, and that nothing lies beside them.

use pouch_tlog::{
    BundleCoord, Checkpoint, EntryBundle, EntryReader as _, Frontier, KeyName, Note, NoteError, Policy,
    PolicyError, SelfCheckError, TileCoord, TileReader as _, self_check,
};
use pouch_wire::{Digest, Timestamp};
use serde::Serialize;

use crate::folder::{FolderError, LogFolder};

/// Why a log does not hold.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file could not be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The checkpoint is not a signed note.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is not one that the policy accepts.
    #[error("checkpoint: {0}")]
    Policy(#[from] PolicyError),
    /// What the checkpoint covers is not what lies in the folder.
    #[error("{0}")]
    Contents(#[from] SelfCheckError<FolderError>),
    /// Files that belong to no log of this size, or contradict it.
    #[error("{} of the folder's files are wrong; the first: {}: {}", .0.len(), first(.0).path, first(.0).words)]
    Findings(Vec<Finding>),
}

impl LogError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Folder(_) => "POUCH-AUD-01",
            Self::Note(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Contents(error) => error.code(),
            Self::Findings(_) => "POUCH-AUD-02",
        }
    }
}

fn first(findings: &[Finding]) -> Finding {
    findings.first().cloned().unwrap_or_default()
}

/// Something wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Finding {
    /// Which file.
    pub path: String,
    /// What is wrong.
    pub words: String,
}

impl Finding {
    /// Whether the file may only be newer than the checkpoint: the log is being written.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.words == BEYOND
    }
}

/// A log that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogReport {
    /// The log's name.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The witnesses whose cosignatures count.
    pub witnesses: Vec<String>,
    /// When the quorum had cosigned.
    pub cosigned_at: Option<Timestamp>,
    /// How many files were read.
    pub files: usize,
}

/// Verifies a folder's log, calling `entry` with each entry's index and bytes, in order.
///
/// The checkpoint needs both of the log's signatures (Ed25519 and ML-DSA-44) and the policy's quorum.
///
/// # Errors
/// When anything does not hold: a signature, the quorum, an entry, a tile, or a file that has no place
/// in the log.
pub fn verify_log(
    folder: &LogFolder,
    policy: &Policy,
    mut entry: impl FnMut(u64, &[u8]),
) -> Result<LogReport, LogError> {
    let note = Note::parse(&folder.checkpoint()?)?;
    let met = policy.check_strict(&note)?;
    let checkpoint = met.checkpoint();
    self_check(folder, &Frontier::default(), checkpoint)?;
    let files = folder.files()?;
    let findings = stray(folder, checkpoint, &files)?;
    if !findings.is_empty() {
        return Err(LogError::Findings(findings));
    }
    give_entries(folder, checkpoint.size(), &mut entry)?;
    Ok(LogReport {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root(),
        witnesses: met.witnesses().iter().map(KeyName::to_string).collect(),
        cosigned_at: met.cosigned_at(),
        files: files.len(),
    })
}

/// Reads a folder's entries as its checkpoint claims them, without asking who signed that: what the entries of
/// a directory say decides whose signatures count. Nothing is believed before [`verify_log`]. The number of
/// entries.
///
/// # Errors
/// When a file cannot be read, or is not what the checkpoint claims.
pub fn read_log(folder: &LogFolder, mut entry: impl FnMut(u64, &[u8])) -> Result<u64, LogError> {
    let note = Note::parse(&folder.checkpoint()?)?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(PolicyError::from)?;
    self_check(folder, &Frontier::default(), &checkpoint)?;
    give_entries(folder, checkpoint.size(), &mut entry)?;
    Ok(checkpoint.size())
}

fn give_entries(folder: &LogFolder, size: u64, entry: &mut impl FnMut(u64, &[u8])) -> Result<(), LogError> {
    let mut next = 0_u64;
    for coord in pouch_tlog::new_bundles(0, size) {
        let bytes = folder.bundle(coord)?;
        // It was parsed and hashed a moment ago; a folder that changes under our hands is a finding.
        let changed = || {
            LogError::Findings(vec![Finding {
                path: coord.to_string(),
                words: "changed while it was read".into(),
            }])
        };
        let bundle = EntryBundle::parse(coord, &bytes).map_err(|_| changed())?;
        for bytes in bundle.entries() {
            entry(next, bytes);
            next = next.saturating_add(1);
        }
    }
    Ok(())
}

/// Files that the checkpoint does not need: partial tiles of earlier sizes must be beginnings of what
/// is there now, and nothing else may lie in the folder.
fn stray(folder: &LogFolder, checkpoint: &Checkpoint, files: &[String]) -> Result<Vec<Finding>, LogError> {
    let mut findings = Vec::new();
    for path in files.iter().filter(|path| *path != "checkpoint") {
        let words = if let Ok(coord) = path.parse::<TileCoord>() {
            stray_tile(folder, coord, checkpoint.size())?
        } else if let Ok(coord) = path.parse::<BundleCoord>() {
            stray_bundle(folder, coord, checkpoint.size())?
        } else {
            Some("not a file of a tiled log")
        };
        if let Some(words) = words {
            findings.push(Finding { path: path.clone(), words: words.to_owned() });
        }
    }
    Ok(findings)
}

const BEYOND: &str = "lies beyond the checkpoint";
const ANOTHER_PAST: &str = "tells another past than the checkpoint";

fn stray_tile(folder: &LogFolder, coord: TileCoord, size: u64) -> Result<Option<&'static str>, LogError> {
    let Some(now) = TileCoord::in_tree(coord.level(), coord.index(), size) else { return Ok(Some(BEYOND)) };
    if now == coord {
        return Ok(None);
    }
    if coord.width() > now.width() {
        return Ok(Some(BEYOND));
    }
    let (old, new) = (folder.tile(coord)?, folder.tile(now)?);
    let whole = old.len() == usize::from(coord.width()).saturating_mul(32) && new.starts_with(&old);
    Ok((!whole).then_some(ANOTHER_PAST))
}

fn stray_bundle(folder: &LogFolder, coord: BundleCoord, size: u64) -> Result<Option<&'static str>, LogError> {
    let Some(now) = BundleCoord::in_tree(coord.index(), size) else { return Ok(Some(BEYOND)) };
    if now == coord {
        return Ok(None);
    }
    if coord.width() > now.width() {
        return Ok(Some(BEYOND));
    }
    let (old, new) = (folder.bundle(coord)?, folder.bundle(now)?);
    let whole = EntryBundle::parse(coord, &old).is_ok() && new.starts_with(&old);
    Ok((!whole).then_some(ANOTHER_PAST))
}
