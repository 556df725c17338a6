//! A line between nodes and a relay that is as bad as a harness wants, on UDP and on TCP alike.
//!
//! Every choice comes from a seed. On UDP packets are lost, doubled, delayed and overtake each other; on TCP, where
//! the system repairs all that itself, bytes are late and few. What waits for its turn on a narrow line waits here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Of a hundred packets, in each direction, so many are lost, and so many come twice.
    pub(crate) lost: u8,
    pub(crate) twice: u8,
    /// How long each takes one way, and how much longer it may take: with that they overtake each other.
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    /// Bytes a second, each way.
    pub(crate) rate: Option<u32>,
    /// Whether UDP passes at all.
    pub(crate) udp: bool,
    /// Whether anything passes towards the relay, and back.
    pub(crate) there: bool,
    pub(crate) back: bool,
}

/// A line as it should be.
pub(crate) const GOOD: Profile = Profile {
    lost: 0,
    twice: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    rate: None,
    udp: true,
    there: true,
    back: true,
};

/// What a TCP socket of the line takes in on its own; the system doubles it.
const TAKEN_IN: u32 = 4 * 1024;
/// What may wait at a narrow place; more is dropped, or not read.
const QUEUE: Duration = Duration::from_millis(1500);

/// A line, while the harness runs.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    profile: watch::Sender<Profile>,
    /// Changes when the nodes get another address.
    address: watch::Sender<u64>,
    /// Bytes that came through towards the relay.
    carried: watch::Sender<u64>,
    lanes: [Arc<Mutex<Lane>>; 2],
}

/// One direction.
#[derive(Debug)]
struct Lane {
    rng: ChaCha20Rng,
    free_at: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Back,
}

impl Lane {
    /// How long `len` bytes wait for their turn, if there is room.
    fn turn(&mut self, len: usize, profile: &Profile) -> Duration {
        let Some(rate) = profile.rate else { return Duration::ZERO };
        let now = Instant::now();
        let takes = Duration::from_secs_f64(len as f64 / f64::from(rate));
        self.free_at = self.free_at.max(now) + takes;
        self.free_at - now
    }

    fn late(&mut self, profile: &Profile) -> Duration {
        let jitter = u64::try_from(profile.jitter.as_micros()).unwrap();
        profile.delay + Duration::from_micros(self.rng.random_range(0..=jitter))
    }

    /// When copies of a packet arrive, from now on: none when it is lost.
    fn packet(&mut self, len: usize, profile: &Profile) -> Vec<Duration> {
        let waits = self.free_at.saturating_duration_since(Instant::now());
        if self.rng.random_range(0..100) < profile.lost || (profile.rate.is_some() && waits > QUEUE) {
            return Vec::new();
        }
        let turn = self.turn(len, profile);
        let copies = if self.rng.random_range(0..100) < profile.twice { 2 } else { 1 };
        (0..copies).map(|_| turn + self.late(profile)).collect()
    }
}

impl Line {
    /// Stands at an address, UDP and TCP, and passes on to another.
    pub(crate) async fn start(at: SocketAddr, to: SocketAddr, seed: u64) -> Self {
        let lane = |way| {
            let rng = ChaCha20Rng::seed_from_u64(seed.wrapping_mul(2).wrapping_add(way));
            Arc::new(Mutex::new(Lane { rng, free_at: Instant::now() }))
        };
        let line = Self {
            profile: watch::Sender::new(GOOD),
            address: watch::Sender::new(0),
            carried: watch::Sender::new(0),
            lanes: [lane(0), lane(1)],
        };
        let front = Arc::new(UdpSocket::bind(at).await.unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        // What the system takes in on its own is no part of the line; it is told before anybody connects.
        socket.set_recv_buffer_size(TAKEN_IN).unwrap();
        socket.bind(at).unwrap();
        let door = socket.listen(64).unwrap();
        tokio::spawn(udp_there(front, to, line.clone()));
        tokio::spawn(tcp(door, to, line.clone()));
        line
    }

    /// From now on it is like this.
    pub(crate) fn become_like(&self, profile: Profile) {
        self.profile.send_replace(profile);
    }

    pub(crate) fn is_like(&self) -> Profile {
        *self.profile.borrow()
    }

    /// The nodes have another address towards the relay, as behind a restarted NAT: UDP comes from elsewhere, TCP
    /// connections are cut off.
    pub(crate) fn change_address(&self) {
        self.address.send_modify(|number| *number += 1);
    }

    /// Waits until so many more bytes came through towards the relay.
    pub(crate) async fn carries(&self, more: u64) {
        let before = *self.carried.borrow();
        self.carried.subscribe().wait_for(|carried| *carried >= before + more).await.unwrap();
    }

    fn passes(&self, way: Way) -> bool {
        let profile = self.profile.borrow();
        match way {
            Way::There => profile.there,
            Way::Back => profile.back,
        }
    }

    fn lane(&self, way: Way) -> &Mutex<Lane> {
        &self.lanes[usize::from(matches!(way, Way::Back))]
    }

    /// When copies of a UDP packet arrive.
    fn packet(&self, len: usize, way: Way) -> Vec<Duration> {
        let profile = self.is_like();
        if !profile.udp || !self.passes(way) {
            return Vec::new();
        }
        if matches!(way, Way::There) {
            self.carried.send_modify(|carried| *carried += len as u64);
        }
        self.lane(way).lock().unwrap().packet(len, &profile)
    }
}

async fn udp_there(front: Arc<UdpSocket>, to: SocketAddr, line: Line) {
    let mut behind: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut packet = vec![0; 65_536];
    let mut address = 0;
    while let Ok((len, from)) = front.recv_from(&mut packet).await {
        if *line.address.borrow() != address {
            address = *line.address.borrow();
            behind.clear();
        }
        let back = match behind.get(&from) {
            Some(back) => back.clone(),
            None => {
                let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                back.connect(to).await.unwrap();
                tokio::spawn(udp_back(back.clone(), front.clone(), from, line.clone()));
                behind.insert(from, back.clone());
                back
            }
        };
        for late in line.packet(len, Way::There) {
            let (bytes, back) = (packet[..len].to_vec(), back.clone());
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                back.send(&bytes).await.ok();
            });
        }
    }
}

async fn udp_back(back: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, line: Line) {
    let mut packet = vec![0; 65_536];
    let mut address = line.address.subscribe();
    loop {
        let came = tokio::select! {
            came = back.recv(&mut packet) => came,
            // What comes to the old address comes to nobody.
            _ = address.changed() => return,
        };
        // A relay that is not there refuses; it may come.
        let Ok(len) = came else { continue };
        for late in line.packet(len, Way::Back) {
            let (bytes, front) = (packet[..len].to_vec(), front.clone());
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                front.send_to(&bytes, to).await.ok();
            });
        }
    }
}

async fn tcp(door: TcpListener, to: SocketAddr, line: Line) {
    while let Ok((near, _)) = door.accept().await {
        let line = line.clone();
        tokio::spawn(async move {
            // A connection takes its first packets both ways.
            open(&line, Way::There).await;
            open(&line, Way::Back).await;
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(TAKEN_IN).unwrap();
            let Ok(far) = socket.connect(to).await else { return };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let mut address = line.address.subscribe();
            tokio::select! {
                () = pump(near_in, far_out, &line, Way::There) => {}
                () = pump(far_in, near_out, &line, Way::Back) => {}
                _ = address.changed() => {}
            }
        });
    }
}

/// Waits until anything passes that way.
async fn open(line: &Line, way: Way) {
    let mut profile = line.profile.subscribe();
    let passes = |profile: &Profile| match way {
        Way::There => profile.there,
        Way::Back => profile.back,
    };
    profile.wait_for(passes).await.unwrap();
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line, way: Way) {
    let (late, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(64);
    let reading = async {
        let mut bytes = vec![0; 1400];
        while let Ok(len) = from.read(&mut bytes).await {
            if len == 0 {
                return;
            }
            open(line, way).await;
            let profile = line.is_like();
            let (turn, more) = {
                let mut lane = line.lane(way).lock().unwrap();
                (lane.turn(len, &profile), lane.late(&profile))
            };
            // The next bytes are read when these are through the narrow place.
            tokio::time::sleep(turn).await;
            if matches!(way, Way::There) {
                line.carried.send_modify(|carried| *carried += len as u64);
            }
            if late.send((Instant::now() + more, bytes[..len].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            open(line, way).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}
