//! A client or server that keeps no rule of ours: bare quinn and rustls.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, ConnectionError, Endpoint};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::ends::{key, local};

const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The raw public key of a seed.
pub fn spki(seed: u8) -> Vec<u8> {
    [SPKI.as_slice(), key(seed).as_bytes()].concat()
}

/// Shows these bytes as its key or certificate, and signs with the key of this seed.
pub fn shows(shown: Vec<Vec<u8>>, signs_as: u8) -> Arc<CertifiedKey> {
    let pkcs8 = [PKCS8.as_slice(), &[signs_as; 32]].concat();
    let signer = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).unwrap();
    Arc::new(CertifiedKey::new(shown.into_iter().map(CertificateDer::from).collect(), signer))
}

/// Takes any server, with a raw public key or a certificate.
#[derive(Debug)]
struct AnyServer {
    raw: bool,
}

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
        self.raw
    }
}

/// What the client shows of itself.
pub enum Shows {
    Nothing,
    RawKey(Arc<CertifiedKey>),
    Certificate(Arc<CertifiedKey>),
}

pub struct RawClient {
    pub shows: Shows,
    pub alpn: Vec<Vec<u8>>,
    /// Wants the server's raw key; otherwise a certificate.
    pub wants_raw: bool,
}

impl RawClient {
    pub fn honest(seed: u8) -> Self {
        Self::showing(Shows::RawKey(shows(vec![spki(seed)], seed)))
    }

    pub fn showing(shows: Shows) -> Self {
        Self { shows, alpn: vec![b"pouch/1".to_vec()], wants_raw: true }
    }

    pub fn config(self) -> rustls::ClientConfig {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer { raw: self.wants_raw }));
        let resolver: Arc<dyn ResolvesClientCert> = match self.shows {
            Shows::Nothing => Arc::new(Shy),
            Shows::RawKey(key) => Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)),
            Shows::Certificate(key) => Arc::new(SingleCertAndKey::from(key)),
        };
        let mut config = builder.with_client_cert_resolver(resolver);
        config.alpn_protocols = self.alpn;
        config
    }

    /// Connects; the endpoint must outlive the connection.
    pub async fn connect(self, addr: SocketAddr) -> (Endpoint, Result<Connection, ConnectionError>) {
        let config = QuicClientConfig::try_from(self.config()).unwrap();
        let endpoint = Endpoint::client(local()).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(config));
        let connecting = endpoint.connect_with(config, addr, "relay.invalid").unwrap();
        let connection = crate::ends::soon(connecting).await;
        (endpoint, connection)
    }
}

/// Speaks raw public keys, but has none to show.
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

/// Takes any client's raw key.
#[derive(Debug)]
struct AnyClient;

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
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

/// A server that takes any client, shows a raw key or a certificate, and lets streams be opened.
pub fn server(shown: Arc<CertifiedKey>, raw: bool, alpn: &[u8]) -> Endpoint {
    let resolver: Arc<dyn ResolvesServerCert> = if raw {
        Arc::new(AlwaysResolvesServerRawPublicKeys::new(shown))
    } else {
        Arc::new(SingleCertAndKey::from(shown))
    };
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyClient))
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![alpn.to_vec()];
    let config = QuicServerConfig::try_from(config).unwrap();
    let endpoint = Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(config)), local()).unwrap();
    tokio::spawn({
        let endpoint = endpoint.clone();
        async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.await {
                        connection.closed().await;
                    }
                });
            }
        }
    });
    endpoint
}
