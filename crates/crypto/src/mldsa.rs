//! ML-DSA-44 (FIPS 204), for log signatures and cosignatures of type 0x06 (C2SP tlog-cosignature).
//!
//! It anchors what Ed25519 signed: a tree head signed so stays good after Ed25519 does not.

use core::fmt;

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use pouch_wire::{Fixed, KeyId};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{BadSignature, sha256_parts};

/// Length of an ML-DSA-44 public key, in bytes.
pub const MLDSA_PUBLIC_BYTES: usize = 1312;
/// Length of an ML-DSA-44 signature, in bytes.
pub const MLDSA_SIGNATURE_BYTES: usize = 2420;

/// An ML-DSA-44 public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MlDsaPublic(Box<Fixed<MLDSA_PUBLIC_BYTES>>);

impl MlDsaPublic {
    /// Takes a public key's bytes (FIPS 204 `pk`, 1,312 bytes). Every such string is a key.
    #[must_use]
    pub fn from_bytes(bytes: [u8; MLDSA_PUBLIC_BYTES]) -> Self {
        Self(Box::new(Fixed(bytes)))
    }

    /// The 1,312 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; MLDSA_PUBLIC_BYTES] {
        &self.0.0
    }

    /// The key's id: SHA-256 of `ml-dsa-44`, a zero byte and its bytes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(sha256_parts(&[b"ml-dsa-44\0", self.as_bytes()]))
    }

    /// Checks a signature with an empty FIPS 204 context.
    ///
    /// # Errors
    /// When it is not this key's over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ML_DSA_44, self.as_bytes().as_slice())
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl fmt::Debug for MlDsaPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MlDsaPublic({})", self.id().short())
    }
}

/// A key could not be made or used by the library underneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ML-DSA-44 operation failed")]
pub struct MlDsaFailed;

/// An ML-DSA-44 key that signs; kept as its 32-byte seed, zeroized when dropped, never printed.
pub struct MlDsaKey {
    seed: Zeroizing<[u8; 32]>,
    pair: PqdsaKeyPair,
    public: MlDsaPublic,
}

impl MlDsaKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn generate(rng: &mut impl CryptoRng) -> Result<Self, MlDsaFailed> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The key of a seed (FIPS 204's ξ).
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, MlDsaFailed> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed).map_err(|_| MlDsaFailed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| MlDsaFailed)?;
        Ok(Self { seed: Zeroizing::new(*seed), pair, public: MlDsaPublic::from_bytes(public) })
    }

    /// Its public half.
    #[must_use]
    pub const fn public(&self) -> &MlDsaPublic {
        &self.public
    }

    /// The seed, for key files; zeroized when dropped.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// Signs with an empty context; 2,420 bytes.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MlDsaFailed> {
        let mut signature = vec![0; MLDSA_SIGNATURE_BYTES];
        let len = self.pair.sign(message, &mut signature).map_err(|_| MlDsaFailed)?;
        signature.truncate(len);
        Ok(signature)
    }
}

impl fmt::Debug for MlDsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MlDsaKey(secret of {:?})", self.public)
    }
}
