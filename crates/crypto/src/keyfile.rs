//! Encrypted key files: PKCS#8 in PEM (RFC 5958, RFC 7468), PBES2 (RFC 8018) with scrypt (RFC 7914)
//! and AES-256-CBC, as `openssl pkey` reads them. This module turns keys into text and back; it
//! touches no file and never takes or gives an unencrypted key.
//!
//! The cipher has no MAC. A file that decrypts is believed only when its inside parses, and it is
//! the right key only when its public half is the expected one: pass it wherever it is known. A file
//! does not say whether an Ed25519 key signs notes or in domains; the expected key does.

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::decode_label;
use pkcs8::der::{Decode as _, Encode as _, ErrorKind};
use pkcs8::pkcs5::pbes2::{self, Kdf, Salt, ScryptParams};
use pkcs8::{
    AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef,
    SecretDocument,
};
use pouch_wire::KeyId;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{MlDsaKey, MlDsaPublic, NoteKey, NotePublic, Passphrase, PublicKey, SigningKey};

/// Longest key file, in bytes; ours are about 400.
pub const KEY_FILE_BYTES: usize = 16 * 1024;

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const COST_N_MAX: u64 = 1 << 20;
/// 1 GiB of memory and a few seconds of work, at 128 bytes for one.
const COST_TOTAL_MAX: u64 = 1 << 23;

/// Why a key file was not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The text is no PKCS#8 key in PEM, or is damaged.
    #[error("POUCH-KEY-01 not an encrypted PKCS#8 key file")]
    NotAKeyFile,
    /// The file holds a key that anybody can read. It should be replaced, not just encrypted.
    #[error("POUCH-KEY-02 the key file is not encrypted")]
    NotEncrypted,
    /// It is encrypted, but not by PBES2 with scrypt and AES-256-CBC.
    #[error("POUCH-KEY-03 the key file is encrypted otherwise than by scrypt and AES-256-CBC")]
    OtherEncryption,
    /// Deriving the key would take more memory or work than allowed; nothing was derived.
    #[error("POUCH-KEY-04 scrypt parameters N={n}, r={r}, p={p} are too costly")]
    TooCostly {
        /// The CPU and memory cost asked for.
        n: u64,
        /// The block size asked for.
        r: u16,
        /// The parallelization asked for.
        p: u16,
    },
    /// The passphrase is wrong, or the encrypted part is damaged.
    #[error("POUCH-KEY-05 wrong passphrase, or the key file is damaged")]
    WrongPassphrase,
    /// It opened, but holds a key of another algorithm or in another form.
    #[error("POUCH-KEY-06 the key file holds another kind of key")]
    OtherKind,
    /// It opened, but holds another key than the expected one.
    #[error("POUCH-KEY-07 the key file holds key {found}, not {expected}")]
    OtherKey {
        /// The id of the key that should be in it.
        expected: KeyId,
        /// The id of the key that is in it.
        found: KeyId,
    },
    /// Encryption or key derivation failed in a library underneath.
    #[error("POUCH-KEY-08 making or using the key failed")]
    Failed,
}

impl KeyFileError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAKeyFile => "POUCH-KEY-01",
            Self::NotEncrypted => "POUCH-KEY-02",
            Self::OtherEncryption => "POUCH-KEY-03",
            Self::TooCostly { .. } => "POUCH-KEY-04",
            Self::WrongPassphrase => "POUCH-KEY-05",
            Self::OtherKind => "POUCH-KEY-06",
            Self::OtherKey { .. } => "POUCH-KEY-07",
            Self::Failed => "POUCH-KEY-08",
        }
    }
}

/// What guessing one passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScryptCost {
    /// N = 2^14, r = 8, p = 8: the work of N = 2^17, p = 1 in 16 MiB. OpenSSL refuses to derive with
    /// more than 32 MiB, and a key file must open without Pouch.
    Production,
    /// N = 2^10, r = 8, p = 1, for tests and demonstrations only: guessing is cheap.
    Quick,
}

impl ScryptCost {
    fn params(self, salt: &[u8; 16]) -> Result<ScryptParams, KeyFileError> {
        let (cost_parameter, parallelization) = match self {
            Self::Production => (1 << 14, 8),
            Self::Quick => (1 << 10, 1),
        };
        let salt = Salt::new(salt).map_err(|_| KeyFileError::Failed)?;
        Ok(ScryptParams { salt, cost_parameter, block_size: 8, parallelization, key_length: None })
    }
}

/// How a 32-byte private key of one algorithm stands in PKCS#8.
struct Form {
    oid: ObjectIdentifier,
    /// The tag before the 32 bytes.
    tag: u8,
}

/// RFC 8410: an OCTET STRING in the OCTET STRING.
const ED25519: Form = Form { oid: ObjectIdentifier::new_unwrap("1.3.101.112"), tag: 0x04 };
/// RFC 9881: the seed alone, `[0] IMPLICIT OCTET STRING`.
const ML_DSA_44: Form = Form { oid: ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), tag: 0x80 };

/// Writes an Ed25519 key that signs in domains.
///
/// # Errors
/// When a library underneath fails.
pub fn write_signing_key(
    key: &SigningKey,
    passphrase: &Passphrase,
    cost: ScryptCost,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<String>, KeyFileError> {
    write(&ED25519, &key.seed(), passphrase, cost, rng)
}

/// Reads an Ed25519 key that signs in domains, and checks that it is the expected one.
///
/// # Errors
/// When the text is no such key file, the passphrase is wrong, or it is another key.
pub fn read_signing_key(
    pem: &str,
    passphrase: &Passphrase,
    expected: Option<&PublicKey>,
) -> Result<SigningKey, KeyFileError> {
    let key = SigningKey::from_seed(&*read(&ED25519, pem, passphrase)?);
    expect(expected.map(PublicKey::id), key.public().id())?;
    Ok(key)
}

/// Writes an Ed25519 key that signs C2SP notes.
///
/// # Errors
/// When a library underneath fails.
pub fn write_note_key(
    key: &NoteKey,
    passphrase: &Passphrase,
    cost: ScryptCost,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<String>, KeyFileError> {
    write(&ED25519, &key.seed(), passphrase, cost, rng)
}

/// Reads an Ed25519 key that signs C2SP notes, and checks that it is the expected one.
///
/// # Errors
/// When the text is no such key file, the passphrase is wrong, or it is another key.
pub fn read_note_key(
    pem: &str,
    passphrase: &Passphrase,
    expected: Option<&NotePublic>,
) -> Result<NoteKey, KeyFileError> {
    let key = NoteKey::from_seed(&*read(&ED25519, pem, passphrase)?);
    expect(expected.map(NotePublic::id), key.public().id())?;
    Ok(key)
}

/// Writes an ML-DSA-44 key, as its seed (RFC 9881).
///
/// # Errors
/// When a library underneath fails.
pub fn write_mldsa_key(
    key: &MlDsaKey,
    passphrase: &Passphrase,
    cost: ScryptCost,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<String>, KeyFileError> {
    write(&ML_DSA_44, &key.seed(), passphrase, cost, rng)
}

/// Reads an ML-DSA-44 key that was written as its seed, and checks that it is the expected one.
///
/// # Errors
/// When the text is no such key file, the passphrase is wrong, or it is another key.
pub fn read_mldsa_key(
    pem: &str,
    passphrase: &Passphrase,
    expected: Option<&MlDsaPublic>,
) -> Result<MlDsaKey, KeyFileError> {
    let key = MlDsaKey::from_seed(&*read(&ML_DSA_44, pem, passphrase)?).map_err(|_| KeyFileError::Failed)?;
    expect(expected.map(MlDsaPublic::id), key.public().id())?;
    Ok(key)
}

fn expect(expected: Option<KeyId>, found: KeyId) -> Result<(), KeyFileError> {
    match expected {
        Some(expected) if expected != found => Err(KeyFileError::OtherKey { expected, found }),
        _ => Ok(()),
    }
}

/// The unencrypted `PrivateKeyInfo`, version 1: OpenSSL 3 refuses one that embeds the public key.
fn to_der(form: &Form, seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut inner = Zeroizing::new(Vec::with_capacity(34));
    inner.extend_from_slice(&[form.tag, 32]);
    inner.extend_from_slice(seed);
    let algorithm = AlgorithmIdentifierRef { oid: form.oid, parameters: None };
    let key = OctetStringRef::new(&inner).map_err(|_| KeyFileError::Failed)?;
    PrivateKeyInfoRef::new(algorithm, key).to_der().map(Zeroizing::new).map_err(|_| KeyFileError::Failed)
}

/// The seed in an unencrypted `PrivateKeyInfo`.
fn from_der(form: &Form, der: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let key = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyFileError::WrongPassphrase)?;
    let seed = match key.private_key.as_bytes() {
        [tag, 32, seed @ ..] if *tag == form.tag => seed.try_into().ok(),
        _ => None,
    };
    match seed {
        Some(seed) if key.algorithm.oid == form.oid && key.algorithm.parameters.is_none() => {
            Ok(Zeroizing::new(seed))
        }
        _ => Err(KeyFileError::OtherKind),
    }
}

fn write(
    form: &Form,
    seed: &[u8; 32],
    passphrase: &Passphrase,
    cost: ScryptCost,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<String>, KeyFileError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut iv);
    let parameters = pbes2::Parameters {
        kdf: Kdf::Scrypt(cost.params(&salt)?),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv },
    };
    let plain = to_der(form, seed)?;
    let encrypted = parameters.encrypt(passphrase.as_bytes(), &plain).map_err(|_| KeyFileError::Failed)?;
    let file = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&encrypted).map_err(|_| KeyFileError::Failed)?,
    };
    SecretDocument::try_from(&file)
        .map_err(|_| KeyFileError::Failed)?
        .to_pem(ENCRYPTED, LineEnding::LF)
        .map_err(|_| KeyFileError::Failed)
}

fn read(form: &Form, pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let file = unarmor(pem)?;
    let file = EncryptedPrivateKeyInfoRef::from_der(file.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { .. } => KeyFileError::OtherEncryption,
        _ => KeyFileError::NotAKeyFile,
    })?;
    let parameters = file.encryption_algorithm.pbes2().ok_or(KeyFileError::OtherEncryption)?;
    affordable(parameters)?;
    let mut buffer = Zeroizing::new(file.encrypted_data.as_bytes().to_vec());
    let plain = parameters
        .decrypt_in_place(passphrase.as_bytes(), &mut buffer)
        .map_err(|_| KeyFileError::WrongPassphrase)?;
    from_der(form, plain)
}

/// The bytes in the PEM. What is labelled as unencrypted is not even decoded.
fn unarmor(pem: &str) -> Result<SecretDocument, KeyFileError> {
    if pem.len() > KEY_FILE_BYTES {
        return Err(KeyFileError::NotAKeyFile);
    }
    match decode_label(pem.as_bytes()) {
        Ok(ENCRYPTED) => {}
        Ok(label) if label.ends_with("PRIVATE KEY") => return Err(KeyFileError::NotEncrypted),
        _ => return Err(KeyFileError::NotAKeyFile),
    }
    SecretDocument::from_pem(pem).map(|(_, file)| file).map_err(|_| KeyFileError::NotAKeyFile)
}

/// Refuses another scheme, and what would take too much memory or work, before anything is derived.
fn affordable(parameters: &pbes2::Parameters) -> Result<(), KeyFileError> {
    let Kdf::Scrypt(scrypt) = parameters.kdf else {
        return Err(KeyFileError::OtherEncryption);
    };
    let ScryptParams { cost_parameter: n, block_size: r, parallelization: p, key_length, .. } = scrypt;
    if !matches!(parameters.encryption, pbes2::EncryptionScheme::Aes256Cbc { .. }) {
        return Err(KeyFileError::OtherEncryption);
    }
    if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 || key_length.is_some_and(|len| len != 32) {
        return Err(KeyFileError::NotAKeyFile);
    }
    let total = n.saturating_mul(u64::from(r)).saturating_mul(u64::from(p));
    if n > COST_N_MAX || total > COST_TOTAL_MAX {
        return Err(KeyFileError::TooCostly { n, r, p });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.3, and RFC 9881, appendix C.1.1.1: the RFCs' own private keys.
    #[test]
    fn the_unencrypted_inside_is_as_the_rfcs_print_it() {
        let mut seed = [0; 32];
        seed.iter_mut().zip(0..).for_each(|(byte, value)| *byte = value);
        let der = SecretDocument::try_from(to_der(&ML_DSA_44, &seed).unwrap().to_vec()).unwrap();
        assert_eq!(
            der.to_pem("PRIVATE KEY", LineEnding::LF).unwrap().as_str(),
            // keys: allow: published in RFC 9881, appendix C
            "-----BEGIN PRIVATE KEY-----\n\
             MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n\
             GhscHR4f\n\
             -----END PRIVATE KEY-----\n"
        );

        // keys: allow: published in RFC 8410, section 10.3
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        let (_, der) = SecretDocument::from_pem(pem).unwrap();
        let seed = from_der(&ED25519, der.as_bytes()).unwrap();
        assert_eq!(to_der(&ED25519, &seed).unwrap().as_slice(), der.as_bytes());
    }

    #[test]
    fn a_seed_in_another_form_is_refused() {
        let der = to_der(&ED25519, &[7; 32]).unwrap();
        assert!(from_der(&ED25519, &der).is_ok());
        assert_eq!(from_der(&ML_DSA_44, &der).err(), Some(KeyFileError::OtherKind));
        let other_tag = Form { oid: ED25519.oid, tag: 0x80 };
        assert_eq!(from_der(&other_tag, &der).err(), Some(KeyFileError::OtherKind));
        assert_eq!(from_der(&ED25519, &der[1..]).err(), Some(KeyFileError::WrongPassphrase));
    }
}
