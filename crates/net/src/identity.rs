//! The key that proves who an end of a session is.
//!
//! A transport key signs TLS transcripts, which carry none of our domains; so it is a key of its own
//! and has a type of its own, which signs nothing but handshakes. Keys travel as
//! SubjectPublicKeyInfo (RFC 7250, RFC 8410): 12 fixed bytes and the 32 of the key, nothing else.

use core::fmt;
use std::sync::Arc;

use pouch_crypto::{PublicKey, SigningKey};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// RFC 8410's SubjectPublicKeyInfo of an Ed25519 key, up to the key itself.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// RFC 8410's PKCS#8 of an Ed25519 key (version 1, no attributes), up to the seed itself.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The TLS library would not take our own transport key. The installation is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transport key cannot be used for TLS")]
pub struct BadIdentity;

impl BadIdentity {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-NET-01"
    }
}

/// A transport key, ready for handshakes. The secret is neither printed nor copied out.
pub struct TransportIdentity {
    public: PublicKey,
    certified: Arc<CertifiedKey>,
}

impl TransportIdentity {
    /// The identity of a transport key's 32-byte seed.
    ///
    /// # Errors
    /// When the TLS library does not take the key.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, BadIdentity> {
        Self::from_key(&SigningKey::from_seed(seed))
    }

    /// The identity of a transport key. Give it a key that signs nothing else.
    ///
    /// # Errors
    /// When the TLS library does not take the key.
    pub fn from_key(key: &SigningKey) -> Result<Self, BadIdentity> {
        let public = key.public();
        let pkcs8 = pkcs8(&key.seed());
        let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
        let signer = rustls::crypto::aws_lc_rs::sign::any_eddsa_type(&der).map_err(|_| BadIdentity)?;
        let spki = spki(&public);
        if signer.public_key().is_none_or(|theirs| theirs.as_ref() != spki) {
            return Err(BadIdentity);
        }
        let certified = CertifiedKey::new(vec![CertificateDer::from(spki)], signer);
        Ok(Self { public, certified: Arc::new(certified) })
    }

    /// The key that the other end sees.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for TransportIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransportIdentity(secret of {:?})", self.public)
    }
}

fn pkcs8(seed: &[u8; 32]) -> Zeroizing<[u8; 48]> {
    let mut der = Zeroizing::new([0; 48]);
    for (place, byte) in der.iter_mut().zip(PKCS8_PREFIX.iter().chain(seed)) {
        *place = *byte;
    }
    der
}

/// The 44 bytes that a key travels as.
pub(crate) fn spki(key: &PublicKey) -> Vec<u8> {
    [SPKI_PREFIX.as_slice(), key.as_bytes()].concat()
}

/// The key of exactly those 44 bytes; another algorithm, length or form is no key of ours.
pub(crate) fn key_of_spki(spki: &[u8]) -> Option<PublicKey> {
    let key = spki.strip_prefix(SPKI_PREFIX.as_slice())?;
    PublicKey::from_bytes(key.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> TransportIdentity {
        TransportIdentity::from_seed(&[7; 32]).unwrap()
    }

    #[test]
    fn a_key_comes_back_from_its_spki() {
        let key = identity().public();
        assert_eq!(key_of_spki(&spki(&key)), Some(key));
        assert_eq!(identity().certified().cert[0].as_ref(), spki(&key));
    }

    #[test]
    fn anything_but_the_44_bytes_is_no_key() {
        let good = spki(&identity().public());
        assert_eq!(good.len(), 44);
        for at in 0..SPKI_PREFIX.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(key_of_spki(&bad), None, "byte {at}");
        }
        assert_eq!(key_of_spki(&good[..43]), None);
        assert_eq!(key_of_spki(&[good.as_slice(), &[0]].concat()), None);
        assert_eq!(key_of_spki(&[]), None);
    }

    #[test]
    fn a_weak_key_is_no_key() {
        // The neutral element: canonical, on the curve, and of order one.
        let mut weak = [0; 32];
        weak[0] = 1;
        assert_eq!(key_of_spki(&[SPKI_PREFIX.as_slice(), &weak].concat()), None);
    }

    #[test]
    fn the_secret_is_not_printed() {
        let shown = format!("{:?}", identity());
        assert!(shown.starts_with("TransportIdentity(secret of PublicKey("), "{shown}");
        assert!(!shown.contains("0707070707"), "{shown}");
    }
}
