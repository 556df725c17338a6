//! A client whose QUIC is in our hands: an honest library makes the handshake, its keys are taken out of
//! it, and from then on every packet is written here, with any frames in any order.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use pouch_testkit::stage::StageError;
use quinn::crypto::{
    self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, TokioRuntime};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};
use tokio::time::timeout;

use crate::ground::transport_seed;
use crate::relay::Target;
use crate::wild;
use pouch_wire::ContactPoint;

/// What was taken out of a session.
#[derive(Default)]
struct Tapped {
    packet: Option<Arc<dyn PacketKey>>,
    header: Option<Arc<dyn HeaderKey>>,
    /// The relay's connection id, seen in what the library sent.
    destination: Vec<u8>,
}

type Tap = Arc<Mutex<Tapped>>;

struct TappedConfig {
    inner: Arc<crypto::rustls::QuicClientConfig>,
    tap: Tap,
}

struct TappedSession {
    inner: Box<dyn Session>,
    tap: Tap,
    keys_given: u32,
}

struct TappedPacketKey(Arc<dyn PacketKey>);

struct TappedHeaderKey(Arc<dyn HeaderKey>, Tap);

impl crypto::ClientConfig for TappedConfig {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = self.inner.clone().start_session(version, name, params)?;
        Ok(Box::new(TappedSession { inner, tap: self.tap.clone(), keys_given: 0 }))
    }
}

impl Session for TappedSession {
    fn initial_keys(&self, destination: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(destination, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn std::any::Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn std::any::Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(bytes)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn write_handshake(&mut self, bytes: &mut Vec<u8>) -> Option<Keys> {
        let keys = self.inner.write_handshake(bytes)?;
        self.keys_given += 1;
        if self.keys_given < 2 {
            // Those of the handshake.
            return Some(keys);
        }
        let (packet, header) = (Arc::from(keys.packet.local), Arc::from(keys.header.local));
        let mut tapped = self.tap.lock().unwrap();
        (tapped.packet, tapped.header) = (Some(Arc::clone(&packet)), Some(Arc::clone(&header)));
        let header: Box<dyn HeaderKey> = Box::new(TappedHeaderKey(header, self.tap.clone()));
        Some(Keys {
            header: KeyPair { local: header, remote: keys.header.remote },
            packet: KeyPair { local: Box::new(TappedPacketKey(packet)), remote: keys.packet.remote },
        })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.inner.next_1rtt_keys()
    }

    fn is_valid_retry(&self, destination: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(destination, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

impl PacketKey for TappedPacketKey {
    fn encrypt(&self, packet: u64, bytes: &mut [u8], header: usize) {
        self.0.encrypt(packet, bytes, header);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.0.decrypt(packet, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.0.integrity_limit()
    }
}

impl HeaderKey for TappedHeaderKey {
    fn decrypt(&self, at: usize, packet: &mut [u8]) {
        self.0.decrypt(at, packet);
    }

    fn encrypt(&self, at: usize, packet: &mut [u8]) {
        self.1.lock().unwrap().destination = packet[1..at].to_vec();
        self.0.encrypt(at, packet);
    }

    fn sample_size(&self) -> usize {
        self.0.sample_size()
    }
}

/// A connection whose packets are written here.
pub(crate) struct Hacked {
    socket: UdpSocket,
    to: SocketAddr,
    packet: Arc<dyn PacketKey>,
    header: Arc<dyn HeaderKey>,
    destination: Vec<u8>,
    number: u64,
}

fn failed(error: &dyn core::fmt::Display) -> StageError {
    StageError(format!("hacked client: {error}"))
}

/// Runs until the relay took us: its socket, what was tapped, and the library.
async fn handshake(
    seed: [u8; 32],
    to: SocketAddr,
) -> Result<(UdpSocket, Tapped, (Endpoint, Connection)), StageError> {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|error| failed(&error))?;
    let kept = socket.try_clone().map_err(|error| failed(&error))?;
    let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime));
    let endpoint = endpoint.map_err(|error| failed(&error))?;
    let tap = Tap::default();
    let inner = Arc::new(wild::tls(Some(seed)));
    let config = ClientConfig::new(Arc::new(TappedConfig { inner, tap: tap.clone() }));
    let connecting = endpoint.connect_with(config, to, wild::NO_NAME).map_err(|error| failed(&error))?;
    let connection = connecting.await.map_err(|error| failed(&error))?;
    // A stream that may be opened is the sign.
    let first = timeout(Duration::from_secs(10), connection.open_bi()).await;
    first.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    let tapped = std::mem::take(&mut *tap.lock().unwrap());
    Ok((kept, tapped, (endpoint, connection)))
}

/// Numbers of packets that the library will not come to.
const FIRST_NUMBER: u64 = 1_000_000;

impl Hacked {
    /// Opens a session as an office does, and takes it over.
    pub(crate) async fn open(office: &ContactPoint, target: &Target) -> Result<Self, StageError> {
        let (seed, to) = (transport_seed(office), target.address);
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| failed(&error))?;
            let (socket, tapped, library) = runtime.block_on(handshake(seed, to))?;
            // It would answer to what the relay says to packets that it never sent. Ended like this it
            // says no goodbye.
            runtime.shutdown_background();
            drop(library);
            let (Some(packet), Some(header)) = (tapped.packet, tapped.header) else {
                return Err(StageError::new("hacked client: no keys"));
            };
            Ok(Self { socket, to, packet, header, destination: tapped.destination, number: FIRST_NUMBER })
        })
        .await
        .map_err(|error| failed(&error))?
    }

    /// A packet of these frames.
    fn sealed(&mut self, frames: &[u8]) -> Vec<u8> {
        self.number += 1;
        let at = 1 + self.destination.len();
        // A short header with a number of four bytes (RFC 9000, section 17.3.1).
        let mut packet = vec![0x43];
        packet.extend_from_slice(&self.destination);
        packet.extend_from_slice(&(self.number as u32).to_be_bytes());
        let header = packet.len();
        packet.extend_from_slice(frames);
        // What the protection of the header is made from must be there.
        packet.resize(packet.len().max(header + 4) + self.packet.tag_len(), 0);
        self.packet.encrypt(self.number, &mut packet, header);
        self.header.encrypt(at, &mut packet);
        packet
    }

    /// Sends a packet of these frames.
    pub(crate) fn send(&mut self, frames: &[u8]) -> bool {
        let packet = self.sealed(frames);
        self.socket.send_to(&packet, self.to).is_ok()
    }

    /// The same from another socket.
    pub(crate) fn send_from(&mut self, socket: &UdpSocket, frames: &[u8]) -> bool {
        let packet = self.sealed(frames);
        socket.send_to(&packet, self.to).is_ok()
    }
}

/// A number as QUIC writes it, in four or eight bytes.
fn varint(number: u64) -> Vec<u8> {
    match u32::try_from(number) {
        Ok(small) if small < 1 << 30 => (small | 0x8000_0000).to_be_bytes().to_vec(),
        _ => (number | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

fn frame(kind: u8, numbers: &[u64], bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    numbers.iter().for_each(|number| frame.extend(varint(*number)));
    frame.extend_from_slice(bytes);
    frame
}

/// Bytes of a stream, at any offset.
pub(crate) fn stream(id: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
    frame(0x0e, &[id, offset, bytes.len() as u64], bytes)
}

/// Bytes of the handshake, at any offset.
pub(crate) fn crypto(offset: u64, bytes: &[u8]) -> Vec<u8> {
    frame(0x06, &[offset, bytes.len() as u64], bytes)
}

/// A connection id of ours, which takes the place of all before.
pub(crate) fn new_id(number: u64) -> Vec<u8> {
    let mut id = vec![8];
    id.extend_from_slice(&number.to_be_bytes());
    id.extend_from_slice(&[7; 16]);
    frame(0x18, &[number, number], &id)
}

/// Wants an answer from the path.
pub(crate) fn challenge(number: u64) -> Vec<u8> {
    frame(0x1a, &[], &number.to_be_bytes())
}

/// Cuts off a stream that was never used.
pub(crate) fn reset(id: u64) -> Vec<u8> {
    frame(0x04, &[id, 0, 0], &[])
}

/// Wants to be heard.
pub(crate) fn ping() -> Vec<u8> {
    vec![0x01]
}
