//! Errors as people read them: what happened, why it matters, what to do.

use core::fmt;

use pouch_control::{ClientError, Refusal};

use crate::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Stable code.
    pub(crate) code: String,
    /// What happened.
    pub(crate) what: String,
    /// Why it matters; may be empty.
    pub(crate) why: String,
    /// What to do next; may be empty.
    pub(crate) next: String,
    /// How the command ends.
    pub(crate) exit: u8,
}

impl Problem {
    pub(crate) fn new(exit: Exit, code: &str, what: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            what: what.into(),
            why: String::new(),
            next: String::new(),
            exit: exit.code(),
        }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "POUCH-CLI-01", what)
    }

    /// A file could not be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let shown = path.display();
        let (exit, next) = match error.kind() {
            ErrorKind::PermissionDenied => (
                Exit::AccessDenied,
                format!("look whose it is: ls -ld {shown}; run the command as that user"),
            ),
            ErrorKind::NotFound => (Exit::Failed, "check the path: is every folder of it there?".to_owned()),
            _ => (
                Exit::Failed,
                format!("look at it: ls -ld {shown}; and whether the disk is full: df {shown}"),
            ),
        };
        Self::new(exit, "POUCH-CLI-02", format!("{shown}: {error}")).next(next)
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {} ({})", self.what, self.code)?;
        if !self.why.is_empty() {
            write!(f, "\n  why: {}", self.why)?;
        }
        if !self.next.is_empty() {
            write!(f, "\n  next: {}", self.next)?;
        }
        Ok(())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, what, why, next, exit } = refusal;
        Self { code, what, why, next, exit }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            ClientError::NotRunning { ref source, .. } => {
                let denied = source.kind() == std::io::ErrorKind::PermissionDenied;
                let exit = if denied { Exit::AccessDenied } else { Exit::AgentNotRunning };
                Self::new(exit, if denied { "POUCH-CLI-04" } else { "POUCH-CLI-03" }, error.to_string())
                    .why("commands about messages are answered by the running agent")
                    .next(if denied {
                        "run the command as the user that runs the agent"
                    } else {
                        "start it: pouch agent run --config FILE"
                    })
            }
            ClientError::Line(_) | ClientError::HungUp | ClientError::Unexpected => {
                Self::new(Exit::Failed, "POUCH-CLI-05", error.to_string())
                    .next("pouch status; compare its version with `pouch --version`")
            }
        }
    }
}
