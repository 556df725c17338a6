//! Typed keys, signatures with domains, sealing, padding and encrypted key files.
//!
//! No cipher and no signature scheme is written here: this crate gives well-kept ones names that
//! cannot be mixed up. It has no clock and no files, and takes randomness as an argument.

mod content;
mod domain;
mod fingerprint;
mod hash;
mod keyfile;
mod mldsa;
mod padding;
mod passphrase;
mod seal;
mod sign;
mod vault;

pub use content::{
    CHUNK_BYTES, CONTENT_HEADER_BYTES, CONTENT_SALT_BYTES, ContentError, ContentKey, Decryptor, Encryptor,
    SEALED_CHUNK_BYTES, ciphertext_len, decrypt, encrypt,
};
pub use domain::{Context, Domain};
pub use fingerprint::{KeyFingerprint, NotAFingerprint, spoken_digits};
pub use hash::{Hasher, sha256, sha256_parts};
pub use keyfile::{
    KEY_FILE_BYTES, KeyFileError, ScryptCost, read_mldsa_key, read_note_key, read_signing_key,
    write_mldsa_key, write_note_key, write_signing_key,
};
pub use mldsa::{MLDSA_PUBLIC_BYTES, MLDSA_SIGNATURE_BYTES, MlDsaFailed, MlDsaKey, MlDsaPublic};
pub use padding::{BadPadding, TooLong, pad, padded_len, unpad};
pub use passphrase::{EmptyPassphrase, Passphrase};
pub use seal::{
    BadPrekey, OpenFailed, PREKEY_BYTES, PrekeyPublic, PrekeySecret, SEALED_KEY_BYTES, SealFailed, open, seal,
};
pub use sign::{BadSignature, NoteKey, NotePublic, PublicKey, Signature, SigningKey, WeakKey};
pub use vault::{VaultError, VaultKey};
