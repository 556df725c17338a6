//! Ed25519 (RFC 8032), strictly verified, over a domain, a context and a SHA-256 digest.
//!
//! The signed bytes are `"pouch v1" 00 DOMAIN 00 CONTEXT SHA-256(bytes)`. Keys that sign C2SP notes
//! are of another type, [`NoteKey`], because a note is signed as it stands: one key never does both.

use core::fmt;

use ed25519_dalek::{Signer as _, VerifyingKey};
use pouch_wire::{Fixed, KeyId};
use rand::CryptoRng;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::{Context, Domain, sha256, sha256_parts};

const PREFIX: &[u8] = b"pouch v1\0";

/// A public key that may not be used: not a curve point, not canonically written, or of small order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("weak or non-canonical Ed25519 public key")]
pub struct WeakKey;

/// The signature is not this key's over these bytes in this domain and context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// An Ed25519 signature, 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(pub Fixed<64>);

fn checked(bytes: &[u8; 32]) -> Result<VerifyingKey, WeakKey> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| WeakKey)?;
    // `from_bytes` accepts non-canonical y; a canonical key decompresses and compresses to itself.
    let canonical = key.to_edwards().compress().as_bytes() == bytes;
    if key.is_weak() || !canonical { Err(WeakKey) } else { Ok(key) }
}

fn verify_strict(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    // That the key is canonical and of full order was checked where it entered; here it is only unpacked.
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0.0);
    key.verify_strict(message, &signature).map_err(|_| BadSignature)
}

macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Fixed<32>);

        impl $name {
            /// Takes a public key's 32 bytes.
            ///
            /// # Errors
            /// When they are no point, not canonical, or of small order.
            pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, WeakKey> {
                checked(&bytes).map(|_| Self(Fixed(bytes)))
            }

            /// The 32 bytes (RFC 8032).
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0.0
            }

            /// The key's id: SHA-256 of its kind's name, a zero byte and its bytes.
            #[must_use]
            pub fn id(&self) -> KeyId {
                KeyId(sha256_parts(&[$kind.as_bytes(), b"\0", self.as_bytes()]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::from_bytes(Fixed::<32>::deserialize(deserializer)?.0).map_err(D::Error::custom)
            }
        }
    };
}

public_key!(
    /// Who may have signed: an Ed25519 public key, checked where it entered.
    PublicKey,
    "ed25519"
);
public_key!(
    /// An Ed25519 public key that verifies C2SP notes and cosignatures, and nothing else.
    NotePublic,
    "note-ed25519"
);

impl PublicKey {
    /// Checks a signature over bytes, strictly (RFC 8032 with cofactorless equation, canonical S and
    /// R, no small-order points).
    ///
    /// # Errors
    /// When it is not this key's over these bytes in this domain and context.
    pub fn verify(
        &self,
        domain: Domain,
        context: &Context,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        verify_strict(self.as_bytes(), &signed_bytes(domain, context, bytes), signature)
    }
}

impl NotePublic {
    /// Checks a signature over a note's text or a cosignature's message, strictly.
    ///
    /// # Errors
    /// When it is not this key's over this message.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify_strict(self.as_bytes(), message, signature)
    }
}

fn signed_bytes(domain: Domain, context: &Context, bytes: &[u8]) -> Vec<u8> {
    [PREFIX, domain.as_str().as_bytes(), b"\0", context.as_bytes(), sha256(bytes).as_bytes()].concat()
}

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident, $public:ident) => {
        $(#[$doc])*
        pub struct $name {
            secret: ed25519_dalek::SigningKey,
            public: $public,
        }

        impl $name {
            /// Makes a new key.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(seed.as_mut());
                Self::from_seed(&seed)
            }

            /// The key of a 32-byte seed (RFC 8032's private key).
            #[must_use]
            pub fn from_seed(seed: &[u8; 32]) -> Self {
                let secret = ed25519_dalek::SigningKey::from_bytes(seed);
                // A key derived from a seed is canonical and never of small order.
                let public = $public(Fixed(secret.verifying_key().to_bytes()));
                Self { secret, public }
            }

            /// Its public half.
            #[must_use]
            pub const fn public(&self) -> $public {
                self.public
            }

            /// The seed, for key files and key derivation; zeroized when dropped.
            #[must_use]
            pub fn seed(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.secret.to_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(secret of {:?})"), self.public)
            }
        }
    };
}

secret_key!(
    /// An Ed25519 key that signs in a domain. It holds its public half, so nobody passes one in; the
    /// secret is zeroized when dropped and never printed.
    SigningKey,
    PublicKey
);
secret_key!(
    /// An Ed25519 key that signs C2SP notes or cosignatures.
    NoteKey,
    NotePublic
);

impl SigningKey {
    /// Signs bytes for a purpose, a network and an environment.
    #[must_use]
    pub fn sign(&self, domain: Domain, context: &Context, bytes: &[u8]) -> Signature {
        Signature(Fixed(self.secret.sign(&signed_bytes(domain, context, bytes)).to_bytes()))
    }
}

impl NoteKey {
    /// Signs a note's text or a cosignature's message as it stands.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(Fixed(self.secret.sign(message).to_bytes()))
    }
}
