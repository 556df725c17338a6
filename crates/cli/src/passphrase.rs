//! Passphrases come from a file, a file descriptor, a systemd credential or the terminal; never from
//! an argument or the environment.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use pouch_crypto::Passphrase;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::files;
use crate::problem::Problem;

/// Longest passphrase file.
const PASSPHRASE_BYTES_MAX: usize = 4096;

/// Where to get a passphrase.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The first line of a file of mode 0600.
    File(PathBuf),
    /// The first line read from an open file descriptor.
    Descriptor(u32),
    /// Ask on the terminal.
    Terminal,
}

impl Source {
    /// The source that the command line, the configuration or systemd names, in this order.
    pub(crate) fn choose(argument: Option<&str>, configured: Option<&Path>) -> Result<Self, Problem> {
        if let Some(text) = argument {
            return Ok(match text.strip_prefix("fd:") {
                Some(number) => Self::Descriptor(
                    number
                        .parse()
                        .map_err(|_| Problem::usage(format!("--passphrase-file {text}: not a number")))?,
                ),
                None => Self::File(text.into()),
            });
        }
        if let Some(path) = configured {
            return Ok(Self::File(path.to_owned()));
        }
        match std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) {
            Some(folder) if folder.join("pouch-passphrase").exists() => {
                Ok(Self::File(folder.join("pouch-passphrase")))
            }
            _ => Ok(Self::Terminal),
        }
    }

    /// The passphrase that opens existing keys.
    pub(crate) fn existing(&self, what: &str) -> Result<Passphrase, Problem> {
        match self {
            Self::File(path) => first_line(&files::read_secret(path, PASSPHRASE_BYTES_MAX)?),
            Self::Descriptor(number) => {
                let path = PathBuf::from(format!("/proc/self/fd/{number}"));
                let mut bytes = Zeroizing::new(Vec::new());
                let limit = u64::try_from(PASSPHRASE_BYTES_MAX).unwrap_or(u64::MAX);
                File::open(&path)
                    .and_then(|file| file.take(limit).read_to_end(&mut bytes))
                    .map_err(|error| Problem::file(&path, &error))?;
                first_line(&bytes)
            }
            Self::Terminal => ask(&format!("Passphrase of {what}: ")),
        }
    }

    /// A passphrase for new keys; on a terminal it is asked twice.
    pub(crate) fn fresh(&self, what: &str) -> Result<Passphrase, Problem> {
        let Self::Terminal = self else { return self.existing(what) };
        let first = prompt(&format!("New passphrase for {what}: "))?;
        let second = prompt("The same again: ")?;
        if *first == *second {
            passphrase(&first)
        } else {
            Err(Problem::usage("the two passphrases differ").next("try again"))
        }
    }
}

fn ask(text: &str) -> Result<Passphrase, Problem> {
    passphrase(&prompt(text)?)
}

fn prompt(text: &str) -> Result<Zeroizing<String>, Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::new(
            Exit::KeyLocked,
            "POUCH-KEY-51",
            "no passphrase, and no terminal to ask on",
        )
        .next("give --passphrase-file FILE (mode 0600) or --passphrase-file fd:N"));
    }
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|error| Problem::new(Exit::KeyLocked, "POUCH-KEY-51", format!("no passphrase: {error}")))
}

fn first_line(bytes: &[u8]) -> Result<Passphrase, Problem> {
    let text = core::str::from_utf8(bytes).map_err(|_| {
        Problem::new(Exit::KeyLocked, "POUCH-KEY-52", "the passphrase file is not UTF-8 text")
    })?;
    passphrase(text.lines().next().unwrap_or_default())
}

fn passphrase(text: &str) -> Result<Passphrase, Problem> {
    Passphrase::new(text.to_owned())
        .map_err(|error| Problem::new(Exit::KeyLocked, "POUCH-KEY-53", error.to_string()))
}
