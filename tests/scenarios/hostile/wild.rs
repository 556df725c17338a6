//! A client with a member's transport key that keeps no rule of ours: it writes whatever bytes it likes
//! on QUIC streams.

use std::sync::Arc;

use pouch_crypto::SigningKey;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::line::soon;
use super::scene::Scene;

/// RFC 8410's SubjectPublicKeyInfo and PKCS#8 of an Ed25519 key, up to the key itself.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Believes any relay.
#[derive(Debug)]
struct AnyRelay;

impl ServerCertVerifier for AnyRelay {
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

/// The client's connection.
#[derive(Debug)]
pub(crate) struct Wild {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
}

impl Wild {
    /// Connects to the scene's relay with a transport key.
    pub(crate) async fn connect(scene: &Scene, transport: &SigningKey) -> Self {
        let spki = [SPKI.as_slice(), transport.public().as_bytes()].concat();
        let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8.as_slice(), transport.seed().as_slice()].concat());
        let signer = aws_lc_rs::sign::any_eddsa_type(&pkcs8).unwrap();
        let key = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signer));
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyRelay))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)));
        config.alpn_protocols = vec![b"pouch/1".to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = scene.relay_named().0.parse().unwrap();
        let connection =
            soon(endpoint.connect_with(config, address, "pouch.invalid").unwrap()).await.unwrap();
        Self { connection, _endpoint: endpoint }
    }

    /// Writes bytes on a stream of their own.
    pub(crate) async fn write(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        let (mut send, recv) = soon(self.connection.open_bi()).await.unwrap();
        soon(send.write_all(bytes)).await.unwrap();
        (send, recv)
    }

    /// Writes bytes, ends the stream, and reads all that comes back; the number with which the relay
    /// cut the answer off, if it did.
    pub(crate) async fn ask(&self, bytes: &[u8]) -> Result<Vec<u8>, u64> {
        let (mut send, mut recv) = self.write(bytes).await;
        // A relay that has heard enough may have stopped reading already.
        send.finish().ok();
        match soon(recv.read_to_end(1 << 20)).await {
            Ok(answer) => Ok(answer),
            Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(number))) => Err(number.into_inner()),
            Err(error) => panic!("{error}"),
        }
    }
}
