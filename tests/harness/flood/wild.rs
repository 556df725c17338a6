//! A client that keeps no rule of ours: bare QUIC and TLS, with any key or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Takes any server.
#[derive(Debug)]
struct AnyServer;

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

/// Speaks raw public keys, and has none to show.
#[derive(Debug)]
struct Shy;

impl ResolvesClientCert for Shy {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// TLS as it pleases, with the key of a seed or none. Classical key exchange: the cheapest for whoever
/// attacks, and a hello of one datagram.
pub(crate) fn tls(seed: Option<[u8; 32]>) -> QuicClientConfig {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let resolver: Arc<dyn ResolvesClientCert> = match seed {
        None => Arc::new(Shy),
        Some(seed) => {
            let public = pouch_crypto::SigningKey::from_seed(&seed).public();
            let spki = [SPKI.as_slice(), public.as_bytes()].concat();
            let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8.as_slice(), &seed].concat());
            let signer = aws_lc_rs::sign::any_eddsa_type(&pkcs8).unwrap();
            let key = CertifiedKey::new(vec![CertificateDer::from(spki)], signer);
            Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(key)))
        }
    };
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_cert_resolver(resolver);
    config.alpn_protocols = vec![b"pouch/1".to_vec()];
    config.enable_sni = false;
    QuicClientConfig::try_from(config).unwrap()
}

/// The same as quinn wants it.
pub(crate) fn config(seed: Option<[u8; 32]>) -> ClientConfig {
    ClientConfig::new(Arc::new(tls(seed)))
}

/// A socket at one of our addresses.
pub(crate) fn endpoint(address: Ipv4Addr) -> Endpoint {
    Endpoint::client(SocketAddr::new(IpAddr::V4(address), 0)).unwrap()
}

/// QUIC wants a name; it is not sent.
pub(crate) const NO_NAME: &str = "relay.invalid";
