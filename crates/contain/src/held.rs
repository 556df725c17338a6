//! What came of it, in words and codes; kept for the process, because it holds for all of it.

use core::fmt;
use std::sync::OnceLock;

/// How far one part of the containment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grade {
    /// As designed.
    On,
    /// In part, and what is missing.
    Partly(String),
    /// Not at all, and why.
    Off(String),
}

impl Grade {
    /// Not at all, for this reason.
    pub(crate) fn off(why: impl fmt::Display) -> Self {
        Self::Off(why.to_string())
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Partly(missing) => write!(f, "in part: {missing}"),
            Self::Off(why) => write!(f, "off: {why}"),
        }
    }
}

/// Which parts hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Only its own files can be reached.
    pub files: Grade,
    /// Only the system calls of a server can be made.
    pub calls: Grade,
    /// Capabilities of root are gone.
    pub privileges: Grade,
    /// Nothing of its memory gets into a core file, nor is it shown to other processes.
    pub dumps: Grade,
    /// Nothing of its memory gets into a swap file.
    pub memory: Grade,
}

impl Held {
    pub(crate) fn nothing() -> Self {
        let off = || Grade::off("not tried");
        Self { files: off(), calls: off(), privileges: off(), dumps: off(), memory: off() }
    }

    /// The parts by name, each with its code.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &'static str, &Grade); 5] {
        [
            ("files", "POUCH-CTN-01", &self.files),
            ("system calls", "POUCH-CTN-02", &self.calls),
            ("locked memory", "POUCH-CTN-03", &self.memory),
            ("no dumps", "POUCH-CTN-04", &self.dumps),
            ("privileges", "POUCH-CTN-06", &self.privileges),
        ]
    }

    /// The parts that do not hold as designed, each with its code.
    pub fn lacking(&self) -> impl Iterator<Item = (&'static str, &'static str, &Grade)> {
        self.parts().into_iter().filter(|(_, _, grade)| **grade != Grade::On)
    }
}

/// On one line, for people: what is on, then what is not and why.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = self.parts().into_iter().filter(|(_, _, grade)| **grade == Grade::On);
        let on: Vec<&str> = on.map(|(what, _, _)| what).collect();
        f.write_str(if on.is_empty() { "nothing" } else { "" })?;
        f.write_str(&on.join(", "))?;
        for (what, code, grade) in self.lacking() {
            write!(f, "; {what} {grade} ({code})")?;
        }
        Ok(())
    }
}

/// Why a service must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainError {
    /// All of it is demanded, and this is missing.
    #[error("containment is required, and {what} is {why}")]
    Lacking {
        /// Which part.
        what: &'static str,
        /// How far it holds, and why not further.
        why: String,
    },
}

impl ContainError {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lacking { .. } => "POUCH-CTN-05",
        }
    }
}

static HELD: OnceLock<Held> = OnceLock::new();

/// A second time in one process adds to the first; what is told stays the first.
pub(crate) fn remember(held: &Held) {
    HELD.get_or_init(|| held.clone());
}

/// What this process gave up; `None` when it did not.
pub fn held() -> Option<&'static Held> {
    HELD.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_code() {
        let mut held = Held {
            files: Grade::On,
            calls: Grade::On,
            privileges: Grade::On,
            dumps: Grade::On,
            memory: Grade::On,
        };
        assert_eq!(held.to_string(), "files, system calls, locked memory, no dumps, privileges");
        assert_eq!(held.lacking().count(), 0);
        held.memory = Grade::off("at most 64 KiB may be locked");
        assert_eq!(
            held.to_string(),
            "files, system calls, no dumps, privileges; locked memory off: at most 64 KiB may be locked \
             (POUCH-CTN-03)"
        );
        let lacking: Vec<_> = held.lacking().map(|(what, code, _)| (what, code)).collect();
        assert_eq!(lacking, [("locked memory", "POUCH-CTN-03")]);
    }
}
