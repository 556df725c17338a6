//! TLS 1.3 that keeps no rule of ours, for whoever attacks: it takes any server, and shows any key.

use std::sync::Arc;

use pouch_crypto::SigningKey;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// RFC 8410's SubjectPublicKeyInfo and PKCS#8 of an Ed25519 key, up to the key itself.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Takes any server.
#[derive(Debug)]
pub struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Shows the raw public key of a transport key, and signs with it.
///
/// # Errors
/// When TLS cannot sign with it.
pub fn shows(transport: &SigningKey) -> Result<Arc<dyn ResolvesClientCert>, Error> {
    let spki = [SPKI.as_slice(), transport.public().as_bytes()].concat();
    let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8.as_slice(), transport.seed().as_slice()].concat());
    let signer = aws_lc_rs::sign::any_eddsa_type(&pkcs8)?;
    let key = CertifiedKey::new(vec![CertificateDer::from(spki)], signer);
    Ok(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(key))))
}

/// A client of the protocol with a cryptography and a key of its choice.
///
/// # Errors
/// When the cryptography knows no TLS 1.3.
pub fn client(provider: CryptoProvider, shown: Arc<dyn ResolvesClientCert>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_cert_resolver(shown);
    config.alpn_protocols = vec![b"pouch/1".to_vec()];
    config.enable_sni = false;
    Ok(config)
}
