//! A passphrase in memory: zeroized when dropped, never printed, never empty.
//!
//! How strong one must be is decided where people choose it, not here.

use core::fmt;

use zeroize::Zeroizing;

/// A passphrase of no characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("POUCH-KEY-10 the passphrase is empty")]
pub struct EmptyPassphrase;

impl EmptyPassphrase {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-KEY-10"
    }
}

/// A passphrase; its bytes are the UTF-8 that was typed, not normalised (as OpenSSL takes it).
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase, and the memory that holds it.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(passphrase: String) -> Result<Self, EmptyPassphrase> {
        let passphrase = Zeroizing::new(passphrase);
        if passphrase.is_empty() { Err(EmptyPassphrase) } else { Ok(Self(passphrase)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}
