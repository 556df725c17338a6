//! Small secrets at rest, wrapped under a key derived from a seed: XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha) with random nonces, which are long enough never to repeat.
//!
//! A wrapped secret opens under its own label only, so two cannot be swapped in a store. The label is
//! not hidden, and an older wrapping of the same label still opens: who must know the newest asks the
//! store.

use core::fmt;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

const LABEL: &[u8] = b"pouch v1 vault\0";
const NONCE_BYTES: usize = 24;

/// A secret was not wrapped or does not unwrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another key, another label, or changed bytes. Which one is not told.
    #[error("POUCH-KEY-20 wrapped secret does not open with this key under this label")]
    DoesNotOpen,
    /// Wrapping failed in the library underneath.
    #[error("POUCH-KEY-21 wrapping a secret failed")]
    Failed,
}

impl VaultError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DoesNotOpen => "POUCH-KEY-20",
            Self::Failed => "POUCH-KEY-21",
        }
    }
}

/// A key that wraps secrets; zeroized when dropped, never printed.
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl VaultKey {
    /// Derives the vault's key from a seed: HKDF-SHA256 with an empty salt and, as info,
    /// `"pouch v1 vault"`, a zero byte and the label. Each label gives another key.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn derive(seed: &[u8; 32], label: &[u8]) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, seed)
            .expand_multi_info(&[LABEL, label], key.as_mut())
            .map_err(|_| VaultError::Failed)?;
        Ok(Self(key))
    }

    /// Wraps a secret under a label: a random 24-byte nonce, then the ciphertext with its tag, 40
    /// bytes more than the secret.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn wrap(&self, label: &[u8], secret: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let wrapped = self
            .cipher()
            .encrypt(&nonce.into(), Payload { msg: secret, aad: label })
            .map_err(|_| VaultError::Failed)?;
        Ok([nonce.as_slice(), &wrapped].concat())
    }

    /// Unwraps a secret that was wrapped under this label; zeroized when dropped.
    ///
    /// # Errors
    /// One error for every cause.
    pub fn unwrap(&self, label: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, wrapped) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::DoesNotOpen)?;
        self.cipher()
            .decrypt(&(*nonce).into(), Payload { msg: wrapped, aad: label })
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(secret)")
    }
}
