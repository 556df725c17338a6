//! Typed keys, signatures with domains, sealing, padding and encrypted key files.
//!
//! No cipher and no signature scheme is written here: this crate gives well-kept ones names that
//! cannot be mixed up. It has no clock and no files, and takes randomness as an argument.

mod domain;
mod hash;
mod mldsa;
mod sign;

pub use domain::{Context, Domain};
pub use hash::{Hasher, sha256, sha256_parts};
pub use mldsa::{MLDSA_PUBLIC_BYTES, MLDSA_SIGNATURE_BYTES, MlDsaFailed, MlDsaKey, MlDsaPublic};
pub use sign::{BadSignature, NoteKey, NotePublic, PublicKey, Signature, SigningKey, WeakKey};
