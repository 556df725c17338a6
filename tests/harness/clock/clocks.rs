//! Wrong clocks: what they are, and how a running process gets one.
//!
//! A small script stands in the place of the program: it puts `libfaketime` before services, which then read
//! the time through a file in their own data folder, at every look. Only the wall clock: timers go on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pouch_testkit::stage::{Program, StageError};

/// How a clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// By so many seconds, and goes on.
    By(i64),
    /// It stands still at this moment, UTC.
    At(&'static str),
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Honest clocks differ by no more than this.
const HONEST_S: u64 = 120;

/// By how much clocks are wrong here. What jumps ahead jumps back at its end, and the other way round.
pub(crate) const WRONG: [(&str, Wrong); 22] = [
    ("a second ahead", Wrong::By(1)),
    ("a second behind", Wrong::By(-1)),
    ("a minute ahead", Wrong::By(60)),
    ("a minute behind", Wrong::By(-60)),
    ("150 s ahead", Wrong::By(150)),
    ("150 s behind", Wrong::By(-150)),
    ("an hour ahead", Wrong::By(HOUR)),
    ("an hour behind", Wrong::By(-HOUR)),
    ("a day ahead", Wrong::By(DAY + HOUR)),
    ("a day behind", Wrong::By(-DAY - HOUR)),
    ("31 days ahead", Wrong::By(31 * DAY)),
    ("31 days behind", Wrong::By(-31 * DAY)),
    ("a year ahead", Wrong::By(YEAR)),
    ("a year behind", Wrong::By(-YEAR)),
    ("ten years ahead", Wrong::By(10 * YEAR)),
    ("ten years behind", Wrong::By(-10 * YEAR)),
    ("a second that was inserted", Wrong::At("2016-12-31 23:59:59")),
    ("a leap day", Wrong::At("2028-02-29 12:00:00")),
    ("the end of 32 bits", Wrong::At("2038-01-19 03:14:08")),
    ("a leap day that is none", Wrong::At("2100-02-28 23:59:59")),
    ("the end of 32 bits without a sign", Wrong::At("2106-02-07 06:28:16")),
    ("the beginning", Wrong::At("1970-01-01 00:00:01")),
];

impl Wrong {
    /// Whether it is by no more than honest clocks differ.
    pub(crate) fn is_honest(self) -> bool {
        matches!(self, Self::By(by) if by.unsigned_abs() <= HONEST_S)
    }

    fn written(self) -> String {
        match self {
            Self::By(by) => format!("{by:+}\n"),
            Self::At(moment) => format!("{moment}\n"),
        }
    }
}

/// The script that runs the program, and the clocks of those whom it runs.
#[derive(Debug)]
pub(crate) struct Clocks {
    script: PathBuf,
}

fn failed(error: impl core::fmt::Display) -> StageError {
    StageError(format!("clocks: {error}"))
}

impl Clocks {
    /// Writes the script into a folder.
    pub(crate) fn new(pouch: &Path, dir: &Path) -> Result<Self, StageError> {
        let library = libraries().into_iter().find(|path| path.is_file());
        let library =
            library.ok_or_else(|| failed("libfaketime is missing; install the package faketime"))?;
        let script = dir.join("pouch");
        let text = format!(
            "#!/bin/sh\n[ \"$2\" = run ] || exec '{pouch}' \"$@\"\n\
             LD_PRELOAD='{library}' FAKETIME_TIMESTAMP_FILE=\"$(dirname \"$4\")/data/clock\" FAKETIME_NO_CACHE=1 \\\n\
             FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1 NO_FAKE_STAT=1 TZ=UTC exec '{pouch}' \"$@\"\n",
            pouch = pouch.display(),
            library = library.display()
        );
        std::fs::write(&script, text).map_err(failed)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
        Ok(Self { script })
    }

    /// What is run in the place of the program.
    pub(crate) fn program(&self) -> Program {
        Program::at(&self.script)
    }
}

/// Sets the clock of the service whose folder this is, now.
pub(crate) fn set(folder: &Path, wrong: Wrong) -> Result<(), StageError> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(failed)?;
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let new = data.join("clock.new");
    std::fs::write(&new, wrong.written()).map_err(failed)?;
    // In one step: whoever looks at the clock sees the old or the new.
    std::fs::rename(new, data.join("clock")).map_err(failed)
}

/// Where Debian puts the library.
fn libraries() -> Vec<PathBuf> {
    let of = |arch: &str| PathBuf::from(format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketimeMT.so.1"));
    ["x86_64", "aarch64"].map(of).into()
}
