//! What a TLS handshake over TCP says when it fails, in the words that QUIC has for it.

use std::io;

use pouch_crypto::PublicKey;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, CommonState, Error};

use crate::identity::key_of_spki;
use crate::session::SessionError;
use crate::tls;

/// TLS's access_denied, certificate_required, internal_error and no_application_protocol (RFC 8446, section 6).
pub(crate) const ACCESS_DENIED: u8 = 49;
pub(crate) const KEY_REQUIRED: u8 = 116;
pub(crate) const NO_ROOM: u8 = 80;
const NO_PROTOCOL: u8 = 120;

/// A fatal alert before any key is agreed: who is turned away for want of room gets this, and no work is done.
pub(crate) const TURNED_AWAY: [u8; 7] = [21, 3, 3, 0, 2, 2, NO_ROOM];

/// Who ended a handshake, and with which alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// We did.
    Ours(u8),
    /// The peer did.
    Theirs(u8),
    /// The connection was cut off.
    CutOff,
}

pub(crate) fn failed(error: &io::Error) -> Failed {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        None => Failed::CutOff,
        Some(Error::AlertReceived(alert)) => Failed::Theirs(u8::from(*alert)),
        Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
            Failed::Ours(ACCESS_DENIED)
        }
        Some(Error::InvalidCertificate(_)) => Failed::Ours(42),
        Some(Error::NoCertificatesPresented) => Failed::Ours(KEY_REQUIRED),
        Some(Error::NoApplicationProtocol) => Failed::Ours(NO_PROTOCOL),
        Some(Error::InvalidMessage(_)) => Failed::Ours(50),
        Some(Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. }) => {
            Failed::Ours(10)
        }
        Some(Error::DecryptError) => Failed::Ours(20),
        Some(_) => Failed::Ours(40),
    }
}

/// Why a session that stood is over.
pub(crate) fn lost(error: &io::Error) -> SessionError {
    match failed(error) {
        Failed::Theirs(ACCESS_DENIED) => SessionError::NotKnown,
        Failed::Ours(alert) | Failed::Theirs(alert) => {
            SessionError::Transport { code: u64::from(alert).saturating_add(0x100) }
        }
        Failed::CutOff => SessionError::CutOff,
    }
}

/// The key that the peer proved; `Err` with our alert when it showed none, or speaks another protocol.
pub(crate) fn proved(state: &CommonState) -> Result<PublicKey, u8> {
    if state.alpn_protocol() != Some(tls::ALPN) {
        return Err(NO_PROTOCOL);
    }
    let keys: &[CertificateDer<'_>] = state.peer_certificates().unwrap_or_default();
    match keys {
        [spki] => key_of_spki(spki).ok_or(KEY_REQUIRED),
        _ => Err(KEY_REQUIRED),
    }
}
