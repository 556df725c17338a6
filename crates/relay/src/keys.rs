//! The keys that a relay uses. They are loaded by whoever starts it; the relay never sees a file of
//! theirs.

use pouch_crypto::{MlDsaKey, NoteKey, SigningKey};

/// A log's two signing keys.
#[derive(Debug)]
pub struct LogKeyPair {
    /// Signs with note signature type 0x01.
    pub ed25519: NoteKey,
    /// Signs with note signature type 0x06.
    pub mldsa: MlDsaKey,
}

/// A relay's keys.
#[derive(Debug)]
pub struct RelayKeys {
    /// Authenticates its sessions.
    pub transport: SigningKey,
    /// Signs its receipts.
    pub receipts: SigningKey,
    /// Sign its message log.
    pub message_log: LogKeyPair,
    /// Sign the directory log, when this relay sequences it.
    pub directory_log: Option<LogKeyPair>,
}
