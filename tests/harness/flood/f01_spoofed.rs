//! F1: first packets as honest clients send them, from addresses that are not the sender's.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use quinn_proto::{ClientConfig, Endpoint, EndpointConfig};
use rand::RngExt as _;
use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::Ground;
use crate::pace::Pace;
use crate::place::RELAY;
use crate::relay::Target;
use crate::wild;

/// How many in a second.
const RATE: u64 = 4000;
/// Different ones; they come again only after a relay without defence has forgotten the first.
const DIFFERENT: usize = 28_000;

/// First packets, made beforehand.
#[derive(Debug, Default)]
pub(crate) struct Spoofed {
    first: OnceLock<Vec<Vec<u8>>>,
}

impl Flood for Spoofed {
    fn name(&self) -> &'static str {
        "F1"
    }

    fn words(&self) -> &'static str {
        "valid first packets from spoofed addresses"
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            flash_p99: Some(Duration::from_millis(500)),
            session_p99: Some(Duration::from_millis(250)),
            memory_mib: Some(128),
            log_lines_per_s: Some(1),
        }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::Retry]
    }

    fn prepare(&self) {
        self.packets();
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        let (to, packets) = (target.address, self.packets().clone());
        Box::pin(async move {
            tokio::task::spawn_blocking(move || throw(&packets, to, &end))
                .await
                .map_err(|error| StageError(error.to_string()))
        })
    }
}

impl Spoofed {
    fn packets(&self) -> &Vec<Vec<u8>> {
        self.first.get_or_init(|| (0..DIFFERENT / 1000).flat_map(|_| a_thousand()).collect())
    }
}

/// A thousand first packets, each with the two headers before it; the source is filled in later.
fn a_thousand() -> Vec<Vec<u8>> {
    let to = SocketAddr::from((RELAY, 4433));
    let tls = Arc::new(wild::tls(None));
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, true, None);
    let mut made = Vec::new();
    for _ in 0..1000 {
        let config = ClientConfig::new(tls.clone());
        let (_, mut connection) = endpoint.connect(Instant::now(), config, to, wild::NO_NAME).unwrap();
        let mut initial = Vec::new();
        let sent = connection.poll_transmit(Instant::now(), 1, &mut initial).expect("a first packet");
        made.push(packet(&initial[..sent.size]));
    }
    made
}

const HEADERS: usize = 28;

/// IPv4 and UDP before it (RFC 791, RFC 768). The system fills in length and checksum of the first; of
/// the second a zero says that there is none.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; HEADERS];
    (packet[0], packet[8], packet[9]) = (0x45, 64, 17);
    packet[16..20].copy_from_slice(&RELAY.octets());
    packet[22..24].copy_from_slice(&4433_u16.to_be_bytes());
    packet[24..26].copy_from_slice(&((payload.len() + 8) as u16).to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn throw(packets: &[Vec<u8>], to: SocketAddr, end: &CancellationToken) -> Blow {
    // IPPROTO_RAW: the headers are ours.
    let socket = Socket::new(Domain::IPV4, Type::from(3), Some(Protocol::from(255))).unwrap();
    let to = SocketAddr::V4(SocketAddrV4::new(
        match to.ip() {
            std::net::IpAddr::V4(four) => four,
            std::net::IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        },
        0,
    ))
    .into();
    let mut rng = rand::rng();
    let (mut pace, mut sent) = (Pace::of(RATE), 0_u64);
    while !end.is_cancelled() {
        for n in pace.next() {
            let mut packet = packets[n as usize % packets.len()].clone();
            // Anywhere in the range whence the relay's answers come to us and go nowhere; not where the
            // honest are.
            let source = [10, rng.random_range(0..90), rng.random(), rng.random_range(1..255)];
            packet[12..16].copy_from_slice(&source);
            packet[20..22].copy_from_slice(&rng.random_range(1024..u16::MAX).to_be_bytes());
            sent += u64::from(socket.send_to(&packet, &to).is_ok());
        }
    }
    Blow { ran: pace.ran(), counts: vec![("packets", sent)] }
}
