//! `audit log`, `audit evidence`, `directory verify`: offline, with nothing but files and the charter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pouch_audit::{LogError, LogFolder, LogReport, read_log, verify_log};
use pouch_directory::{CharterFile, Directory, Outcome};
use pouch_notice::{EvidenceFile, JointFile};
use pouch_tlog::Policy;
use pouch_wire::{Canonical as _, Timestamp, limits};
use serde::Serialize;

use crate::clock;
use crate::commands::network::read_charter;
use crate::exit::Exit;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;

/// Largest policy file: 96 keys of about 2 KiB.
const POLICY_BYTES_MAX: usize = 1024 * 1024;

fn failed(error: &LogError) -> Problem {
    let exit = match error {
        LogError::Folder(_) => Exit::Failed,
        LogError::Note(_) | LogError::Policy(_) => Exit::NotAuthentic,
        LogError::Contents(_) | LogError::Findings(_) => Exit::Contradiction,
    };
    if let LogError::Folder(_) = error {
        return Problem::new(exit, error.code(), format!("the log cannot be read: {error}"))
            .next("give the folder that has `checkpoint` and `tile/` in it");
    }
    Problem::new(exit, error.code(), format!("the log does not hold: {error}"))
        .why("what it says cannot be relied on")
        .next("keep this copy as evidence; compare it with the copies that others hold")
}

fn words(report: &LogReport) -> String {
    let at = report.cosigned_at.map(clock::utc).unwrap_or_else(|| "no time".into());
    format!(
        "{}: {} entries hold, {} files read; cosigned by {} ({at})",
        report.origin,
        report.size,
        report.files,
        report.witnesses.join(", ")
    )
}

/// A log that is being written may be a moment ahead of its checkpoint.
const ATTEMPTS: u8 = 10;
const PAUSE: Duration = Duration::from_millis(400);

pub(crate) async fn log(dir: &Path, policy: &Path, out: &Output) -> Result<(), Problem> {
    let bytes = files::read(policy, POLICY_BYTES_MAX)?;
    let policy = Policy::parse(&bytes)
        .map_err(|error| Problem::new(Exit::Usage, error.code(), format!("{}: {error}", policy.display())))?;
    let folder = LogFolder::new(dir);
    let mut attempt = 1;
    let report = loop {
        match verify_log(&folder, &policy, |_, _| {}) {
            Ok(report) => break report,
            Err(LogError::Findings(found)) if attempt < ATTEMPTS && found.iter().all(|f| f.is_ahead()) => {
                attempt = attempt.saturating_add(1);
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(failed(&error)),
        }
    };
    out.result("log-verified", &report, &words(&report))
}

/// A directory log that holds, and what its entries do.
#[derive(Debug, Serialize)]
pub(crate) struct DirectoryReport {
    log: LogReport,
    no_effect: u64,
}

impl DirectoryReport {
    pub(crate) fn words(&self) -> String {
        format!("{}\n{} of its entries have no effect", words(&self.log), self.no_effect)
    }
}

/// Verifies a folder's directory log, and says what its entries do.
pub(crate) fn directory(dir: &Path, charter: &CharterFile) -> Result<DirectoryReport, Problem> {
    folded(dir, charter).map(|(_, report)| report)
}

/// Folds a folder's directory log from its own charter on, and verifies it under the policy that it comes to: what
/// changed that since was endorsed by the members that the charter names.
pub(crate) fn folded(dir: &Path, charter: &CharterFile) -> Result<(Directory, DirectoryReport), Problem> {
    let bad = |error: &str, code: &str| Problem::new(Exit::RefusedByPolicy, code, error.to_owned());
    let mut folded = Directory::found(&charter.charter).map_err(|e| bad(&e.to_string(), e.code()))?;
    let first = charter.charter.to_bytes().map_err(|e| bad(&e.to_string(), "POUCH-CHA-33"))?;
    let (mut no_effect, mut same) = (0_u64, false);
    let folder = LogFolder::new(dir);
    let size = read_log(&folder, |index, entry| {
        if index == 0 {
            same = entry == first;
        } else if let Outcome::NoEffect(_) = folded.apply(index, entry) {
            no_effect = no_effect.saturating_add(1);
        }
    })
    .map_err(|error| failed(&error))?;
    // The checkpoint that ends with a change is the last one of the network before it.
    let before = size.saturating_sub(1);
    let ends = folded.now_view().network_changes().any(|index| index == before);
    let now = verify_log(&folder, &folded.now_view().directory_policy(), |_, _| {});
    let log = match now {
        Err(LogError::Policy(_)) if ends => {
            verify_log(&folder, &folded.as_of(before).directory_policy(), |_, _| {})
        }
        judged => judged,
    };
    let log = log.map_err(|error| failed(&error))?;
    if !same {
        return Err(Problem::new(Exit::Contradiction, "POUCH-AUD-03", "the log begins with another charter")
            .why("it is the log of another network"));
    }
    Ok((folded, DirectoryReport { log, no_effect }))
}

/// Checks a joint statement's file; whether it is in force by what the file proves.
pub(crate) fn joint(path: &Path, charter: &Path, out: &Output) -> Result<bool, Problem> {
    let charter = read_charter(charter)?;
    let bytes = files::read(path, limits::EVIDENCE_BYTES.saturating_add(limits::PAYLOAD_BYTES))?;
    let file = JointFile::from_bytes(&bytes).map_err(|error| {
        Problem::new(Exit::NotAuthentic, "POUCH-JNT-30", format!("not a joint statement's file: {error}"))
    })?;
    let proven = file.verify(&charter.charter).map_err(|refused| {
        Problem::new(Exit::NotAuthentic, refused.code(), format!("{}: {refused}", path.display()))
            .why("whoever made this file changed something, or something is missing")
    })?;
    let state = proven.state();
    let found = FoundJoint {
        statement: state.statement.to_string(),
        signed: state.signed.iter().map(|signature| signature.by.to_string()).collect(),
        threshold: state.threshold,
        in_force_since: state.in_force_since(),
        words: proven.words(),
    };
    let words = format!("{}: holds\n{}", path.display(), found.words);
    out.result("joint-verified", &found, &words)?;
    Ok(found.in_force_since.is_some())
}

/// What is authentic and below its threshold is nobody's statement yet.
pub(crate) fn not_in_force() -> Problem {
    Problem::new(Exit::NotInTime, "POUCH-JNT-34", "authentic, and not in force: signatures are missing")
        .why("a joint statement says nothing below its threshold")
        .next("ask who proposed it for a newer file")
}

#[derive(Debug, Serialize)]
struct FoundJoint {
    statement: String,
    signed: Vec<String>,
    threshold: u8,
    in_force_since: Option<Timestamp>,
    words: String,
}

pub(crate) fn evidence(paths: &[PathBuf], charter: &Path, out: &Output) -> Result<(), Problem> {
    let charter = read_charter(charter)?;
    let mut first: Option<Problem> = None;
    for path in paths {
        let bytes = files::read(path, limits::EVIDENCE_BYTES.saturating_add(limits::PAYLOAD_BYTES))?;
        match one(&bytes, &charter) {
            Ok(found) => {
                let words = format!("{}: evidence holds\n{}", path.display(), found.words);
                out.result("evidence-verified", &found, &words)?;
            }
            Err(problem) => {
                let problem = Problem { what: format!("{}: {}", path.display(), problem.what), ..problem };
                // The first is said when the command ends, with its exit code.
                match first {
                    None => first = Some(problem),
                    Some(_) => out.problem(&problem),
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

#[derive(Debug, Serialize)]
struct Found {
    number: String,
    words: String,
}

fn one(bytes: &[u8], charter: &CharterFile) -> Result<Found, Problem> {
    let file = EvidenceFile::from_bytes(bytes).map_err(|error| {
        Problem::new(Exit::NotAuthentic, "POUCH-EVI-01", format!("not evidence: {error}"))
    })?;
    let verdict = file.verify(&charter.charter).map_err(|refused| {
        Problem::new(Exit::NotAuthentic, refused.code(), refused.to_string())
            .why("whoever made this file changed something, or something is missing")
    })?;
    Ok(Found { number: verdict.number(), words: verdict.words() })
}
