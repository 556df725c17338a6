//! A bad network: what passes through it is delayed, and a part of it never comes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::net::UdpSocket;

/// How bad.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Impaired {
    /// Of a hundred packets, in each direction, so many are lost.
    pub(crate) lost: u8,
    /// How long each takes one way.
    pub(crate) delay: Duration,
    pub(crate) seed: u64,
}

/// Whether it is bad now, what passed and what did not.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    bad: AtomicBool,
    pub(crate) came: AtomicU64,
    pub(crate) lost: AtomicU64,
}

impl Passed {
    /// From now on it is as bad as it shall be.
    pub(crate) fn worsen(&self) {
        self.bad.store(true, Ordering::Relaxed);
    }

    fn delay(&self, how: Impaired) -> Duration {
        if self.bad.load(Ordering::Relaxed) { how.delay } else { Duration::ZERO }
    }
}

/// Stands at an address and passes on to another, each way.
pub(crate) async fn start(at: SocketAddr, to: SocketAddr, how: Impaired) -> Arc<Passed> {
    let front = Arc::new(UdpSocket::bind(at).await.unwrap());
    let passed = Arc::new(Passed::default());
    let given = passed.clone();
    tokio::spawn(async move {
        let mut rng = ChaCha20Rng::seed_from_u64(how.seed);
        let mut behind: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut packet = vec![0; 65_536];
        while let Ok((len, from)) = front.recv_from(&mut packet).await {
            let back = match behind.get(&from) {
                Some(back) => back.clone(),
                None => {
                    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                    back.connect(to).await.unwrap();
                    let seed = how.seed.wrapping_add(u64::try_from(behind.len()).unwrap()).wrapping_add(1);
                    let how = Impaired { seed, ..how };
                    tokio::spawn(return_way(back.clone(), front.clone(), from, how, passed.clone()));
                    behind.insert(from, back.clone());
                    back
                }
            };
            if !passes(&mut rng, how, &passed) {
                continue;
            }
            let (bytes, delay) = (packet[..len].to_vec(), passed.delay(how));
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                back.send(&bytes).await.ok();
            });
        }
    });
    given
}

async fn return_way(
    back: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    to: SocketAddr,
    how: Impaired,
    passed: Arc<Passed>,
) {
    let mut rng = ChaCha20Rng::seed_from_u64(how.seed);
    let mut packet = vec![0; 65_536];
    loop {
        // A relay that is not there yet refuses; it may come.
        let Ok(len) = back.recv(&mut packet).await else { continue };
        if !passes(&mut rng, how, &passed) {
            continue;
        }
        let (bytes, front, delay) = (packet[..len].to_vec(), front.clone(), passed.delay(how));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            front.send_to(&bytes, to).await.ok();
        });
    }
}

fn passes(rng: &mut ChaCha20Rng, how: Impaired, passed: &Passed) -> bool {
    if !passed.bad.load(Ordering::Relaxed) {
        return true;
    }
    let lost = rng.random_range(0..100_u8) < how.lost;
    let count = if lost { &passed.lost } else { &passed.came };
    count.fetch_add(1, Ordering::Relaxed);
    !lost
}
