//! Verifier keys (C2SP signed-note): a name, an id and a public key, as one line of text.
//!
//! The kind of signature is part of the key, so that an Ed25519 key for notes never verifies a
//! cosignature. Kinds that Pouch does not use are refused, not skipped.

use core::fmt;
use core::str::FromStr;

use pouch_crypto::{MLDSA_PUBLIC_BYTES, MlDsaPublic, NotePublic, sha256_parts};

use crate::{KeyName, NoteKeyId, text};

/// Longest name of a key: ML-DSA-44 cosignatures write its length in one byte.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// Why a text is not a verifier key that Pouch uses. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VkeyError {
    /// Not three parts between plus signs, or one of them is not written as it should be.
    #[error("a verifier key is <name>+<hex id>+<base64>")]
    Malformed,
    /// The name may not name a key.
    #[error("a verifier key with a malformed name")]
    Name,
    /// The name is longer than a cosignature can say.
    #[error("a key name of {found} bytes; at most {NAME_BYTES_MAX}")]
    NameTooLong {
        /// Its bytes.
        found: usize,
    },
    /// A kind of signature that Pouch does not use.
    #[error("a verifier key of type {found:#04x}; known are 0x01, 0x04 and 0x06")]
    UnknownType {
        /// The type byte.
        found: u8,
    },
    /// A public key that is too short, too long, or weak.
    #[error("a verifier key with an unusable public key")]
    PublicKey,
    /// The id is not that of this name and key: one of them was altered.
    #[error("a verifier key with id {found}; its name and key have {expected}")]
    OtherId {
        /// The id that name, type and key give.
        expected: NoteKeyId,
        /// The id written.
        found: NoteKeyId,
    },
}

impl VkeyError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "POUCH-TLG-30",
            Self::Name => "POUCH-TLG-31",
            Self::NameTooLong { .. } => "POUCH-TLG-32",
            Self::UnknownType { .. } => "POUCH-TLG-33",
            Self::PublicKey => "POUCH-TLG-34",
            Self::OtherId { .. } => "POUCH-TLG-35",
        }
    }
}

/// What a key's signatures are, with the type byte that C2SP assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SignatureKind {
    /// Ed25519 over the note's text (0x01).
    Ed25519,
    /// Timestamped Ed25519 cosignatures of checkpoints (0x04).
    CosignatureEd25519,
    /// Timestamped ML-DSA-44 cosignatures of checkpoints (0x06).
    MlDsa44,
}

impl SignatureKind {
    /// The type byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureEd25519 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Material {
    Ed25519(NotePublic),
    CosignatureEd25519(NotePublic),
    MlDsa44(MlDsaPublic),
}

impl Material {
    pub(crate) const fn kind(&self) -> SignatureKind {
        match self {
            Self::Ed25519(_) => SignatureKind::Ed25519,
            Self::CosignatureEd25519(_) => SignatureKind::CosignatureEd25519,
            Self::MlDsa44(_) => SignatureKind::MlDsa44,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) | Self::CosignatureEd25519(key) => key.as_bytes(),
            Self::MlDsa44(key) => key.as_bytes(),
        }
    }
}

/// A public key that may verify notes or cosignatures. Shown as C2SP writes a vkey.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: KeyName,
    key_id: NoteKeyId,
    material: Material,
}

impl VerifierKey {
    /// The key of a log for its Ed25519 signatures (0x01).
    ///
    /// # Errors
    /// When the name is too long.
    pub fn ed25519(name: KeyName, key: NotePublic) -> Result<Self, VkeyError> {
        Self::of(name, Material::Ed25519(key))
    }

    /// The key of a witness for its Ed25519 cosignatures (0x04).
    ///
    /// # Errors
    /// When the name is too long.
    pub fn cosignature_ed25519(name: KeyName, key: NotePublic) -> Result<Self, VkeyError> {
        Self::of(name, Material::CosignatureEd25519(key))
    }

    /// The key of a log or a witness for its ML-DSA-44 cosignatures (0x06).
    ///
    /// # Errors
    /// When the name is too long.
    pub fn mldsa44(name: KeyName, key: MlDsaPublic) -> Result<Self, VkeyError> {
        Self::of(name, Material::MlDsa44(key))
    }

    /// The key's name; a log's is its origin.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub const fn key_id(&self) -> NoteKeyId {
        self.key_id
    }

    /// What its signatures are.
    #[must_use]
    pub const fn kind(&self) -> SignatureKind {
        self.material.kind()
    }

    /// The public key's bytes, 32 or 1,312.
    #[must_use]
    pub fn public_bytes(&self) -> &[u8] {
        self.material.bytes()
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    fn of(name: KeyName, material: Material) -> Result<Self, VkeyError> {
        let found = name.as_str().len();
        if found > NAME_BYTES_MAX {
            return Err(VkeyError::NameTooLong { found });
        }
        let kind = material.kind().byte();
        let digest = sha256_parts(&[name.as_str().as_bytes(), b"\n", &[kind], material.bytes()]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Ok(Self { name, key_id: NoteKeyId([a, b, c, d]), material })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = text::to_base64(&[&[self.kind().byte()], self.public_bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, self.key_id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{}, {:?})", self.name, self.key_id, self.kind())
    }
}

impl FromStr for VerifierKey {
    type Err = VkeyError;
    fn from_str(line: &str) -> Result<Self, VkeyError> {
        let (name, rest) = line.split_once('+').ok_or(VkeyError::Malformed)?;
        let (id, key) = rest.split_once('+').ok_or(VkeyError::Malformed)?;
        let name = KeyName::new(name).map_err(|_| VkeyError::Name)?;
        let found = parse_id(id).ok_or(VkeyError::Malformed)?;
        let key = text::from_base64(key).ok_or(VkeyError::Malformed)?;
        let key = Self::of(name, material(&key)?)?;
        if key.key_id == found { Ok(key) } else { Err(VkeyError::OtherId { expected: key.key_id, found }) }
    }
}

fn material(key: &[u8]) -> Result<Material, VkeyError> {
    let (kind, bytes) = key.split_first().ok_or(VkeyError::Malformed)?;
    let ed25519 = || {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| VkeyError::PublicKey)?;
        NotePublic::from_bytes(bytes).map_err(|_| VkeyError::PublicKey)
    };
    match *kind {
        0x01 => Ok(Material::Ed25519(ed25519()?)),
        0x04 => Ok(Material::CosignatureEd25519(ed25519()?)),
        0x06 => {
            let bytes = <[u8; MLDSA_PUBLIC_BYTES]>::try_from(bytes).map_err(|_| VkeyError::PublicKey)?;
            Ok(Material::MlDsa44(MlDsaPublic::from_bytes(bytes)))
        }
        found => Err(VkeyError::UnknownType { found }),
    }
}

/// Eight hexadecimal digits in lower case.
fn parse_id(hex: &str) -> Option<NoteKeyId> {
    let mut id = [0; 4];
    hex::decode_to_slice(hex, &mut id).ok()?;
    let id = NoteKeyId(id);
    (id.to_string() == hex).then_some(id)
}
