//! Exit codes are an interface: scripts act on them. Documented in `docs/COMMANDS.md`.

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, verified, or nothing to do.
    Done = 0,
    /// Failed, for a reason that has no number of its own.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The awaited state was not reached in time.
    NotInTime = 3,
    /// No such message, member or key.
    NotFound = 4,
    /// Not authentic.
    NotAuthentic = 10,
    /// Logs or copies contradict each other.
    Contradiction = 16,
    /// Kept here; no relay can be reached now.
    Queued = 20,
    /// The agent is not running.
    AgentNotRunning = 21,
    /// Access denied.
    AccessDenied = 22,
    /// Refused by policy.
    RefusedByPolicy = 23,
    /// A key is locked: wrong or missing passphrase.
    KeyLocked = 30,
    /// A witness is away, or must be replaced.
    WitnessAway = 40,
    /// Too few witnesses are left.
    UnderQuorum = 41,
    /// Our own fault.
    Internal = 70,
    /// Storage failed; nothing was acknowledged after it.
    Storage = 74,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}
