//! Sealing a small secret to one prekey: HPKE (RFC 9180) in base mode with the X-Wing KEM
//! (X25519 and ML-KEM-768, KEM id 0x647a), HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! It never says why something did not open: whoever sends bytes learns one bit and no more. It does
//! not authenticate the sender; base mode has none, and the notice inside is signed.

use core::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use pouch_wire::{Fixed, KeyId};
use rand::CryptoRng;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use x_wing::{DecapsulationKey, Decapsulator as _, KeyExport as _};
use zeroize::Zeroizing;

use crate::sha256_parts;

/// Length of an X-Wing public key, in bytes.
pub const PREKEY_BYTES: usize = 1216;
/// Length of an X-Wing ciphertext (HPKE's `enc`), in bytes.
pub const SEALED_KEY_BYTES: usize = 1120;

/// The bytes are no X-Wing public key: ML-KEM-768's part has a coefficient outside its field
/// (FIPS 203, section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X-Wing public key")]
pub struct BadPrekey;

/// Sealing failed in the library underneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealing failed")]
pub struct SealFailed;

/// It did not open: another key, other context, or changed bytes. Which one is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("does not open with this key")]
pub struct OpenFailed;

/// An X-Wing public key to which notices are sealed, checked where it entered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PrekeyPublic(Box<Fixed<PREKEY_BYTES>>);

impl PrekeyPublic {
    /// Takes a public key's bytes: 1,184 of ML-KEM-768, then 32 of X25519.
    ///
    /// # Errors
    /// When the part of ML-KEM-768 is not canonical.
    pub fn from_bytes(bytes: [u8; PREKEY_BYTES]) -> Result<Self, BadPrekey> {
        <XWing as Kem>::PublicKey::from_bytes(&bytes).map_err(|_| BadPrekey)?;
        Ok(Self(Box::new(Fixed(bytes))))
    }

    /// The 1,216 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PREKEY_BYTES] {
        &self.0.0
    }

    /// The key's id: SHA-256 of `x-wing`, a zero byte and its bytes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(sha256_parts(&[b"x-wing\0", self.as_bytes()]))
    }
}

impl fmt::Debug for PrekeyPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrekeyPublic({})", self.id().short())
    }
}

impl<'de> Deserialize<'de> for PrekeyPublic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_bytes(Fixed::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// An X-Wing key that opens; kept as its 32-byte seed, zeroized when dropped, never printed.
pub struct PrekeySecret {
    seed: Zeroizing<[u8; 32]>,
    public: PrekeyPublic,
}

impl PrekeySecret {
    /// Makes a new key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The key of a seed (X-Wing's decapsulation key).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        // A key derived from a seed is canonical.
        let public = DecapsulationKey::from(*seed).encapsulation_key().to_bytes();
        Self { seed: Zeroizing::new(*seed), public: PrekeyPublic(Box::new(Fixed(public.into()))) }
    }

    /// The seed, for storage under a [`crate::VaultKey`]; zeroized when dropped.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// Its public half.
    #[must_use]
    pub const fn public(&self) -> &PrekeyPublic {
        &self.public
    }
}

impl fmt::Debug for PrekeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrekeySecret(secret of {:?})", self.public)
    }
}

/// Seals a plaintext to a prekey. `info` says what it is for and `aad` what it goes with; it opens
/// with the same two only. Gives HPKE's `enc` and its ciphertext, 16 bytes longer than the plaintext.
///
/// # Errors
/// When the library underneath fails.
pub fn seal(
    public: &PrekeyPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<(Fixed<SEALED_KEY_BYTES>, Vec<u8>), SealFailed> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public.as_bytes()).map_err(|_| SealFailed)?;
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        aad,
        rng,
    )
    .map_err(|_| SealFailed)?;
    Ok((Fixed(enc.to_bytes().into()), ciphertext))
}

/// Opens what was sealed to this key's public half with the same `info` and `aad`.
///
/// # Errors
/// One error for every cause.
pub fn open(
    secret: &PrekeySecret,
    info: &[u8],
    aad: &[u8],
    enc: &Fixed<SEALED_KEY_BYTES>,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let private = <XWing as Kem>::PrivateKey::from_bytes(secret.seed.as_ref()).map_err(|_| OpenFailed)?;
    let enc = <XWing as Kem>::EncappedKey::from_bytes(&enc.0).map_err(|_| OpenFailed)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private,
        &enc,
        info,
        ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| OpenFailed)
}
