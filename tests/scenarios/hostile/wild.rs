//! A client with a member's transport key that keeps no rule of ours: it writes whatever bytes it likes
//! on QUIC streams.

use std::sync::Arc;

use pouch_crypto::SigningKey;
use pouch_tests::bare_tls;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::crypto::aws_lc_rs;

use super::line::soon;
use super::scene::Scene;

/// The client's connection.
#[derive(Debug)]
pub(crate) struct Wild {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
}

impl Wild {
    /// Connects to the scene's relay with a transport key.
    pub(crate) async fn connect(scene: &Scene, transport: &SigningKey) -> Self {
        let shown = bare_tls::shows(transport).unwrap();
        let config = bare_tls::client(aws_lc_rs::default_provider(), shown).unwrap();
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
