//! F3 and F4: real addresses, side by side, whose handshakes can only fail: one shows no key, the other a
//! key that the directory does not know.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn::{ConnectionError, Endpoint};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::Ground;
use crate::place::ATTACKERS;
use crate::relay::{Target, share_of_prefix};
use crate::wild;

/// How many in a second, and from how many addresses of one /24.
const RATE: u32 = 400;
const ADDRESSES: u8 = 64;
/// Handshakes that run before the relay asks anybody for proof: a second's worth, and those half open.
const BEFORE_PROOF: u64 = 200 + 64;
/// QUIC's CONNECTION_REFUSED.
const REFUSED: u64 = 2;

/// Strangers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strangers {
    WithoutKey,
    WithUnknownKey,
}

/// How a connection ended, and after how long.
#[derive(Debug, Clone, Copy)]
struct Ended {
    refused: bool,
    took: Duration,
}

impl Flood for Strangers {
    fn name(&self) -> &'static str {
        match self {
            Self::WithoutKey => "F3",
            Self::WithUnknownKey => "F4",
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::WithoutKey => "handshakes without a key from 64 addresses of one prefix",
            Self::WithUnknownKey => "handshakes with a key that nobody knows, from one prefix",
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            flash_p99: Some(Duration::from_millis(500)),
            session_p99: Some(Duration::from_millis(500)),
            memory_mib: Some(128),
            log_lines_per_s: Some(1),
        }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::Prefixes]
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        let config = match self {
            Self::WithoutKey => wild::config(None),
            Self::WithUnknownKey => wild::config(Some([77; 32])),
        };
        Box::pin(knock(config, target, end))
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        let (share, ran) = (share_of_prefix(), blow.count("run"));
        let seconds = blow.ran.as_secs() + 1;
        let most = BEFORE_PROOF + u64::from(share.burst) + u64::from(share.per_second) * seconds;
        if ran > most {
            return Err(format!("{ran} handshakes of one prefix in {seconds} s, bound {most}"));
        }
        // A stranger is shown out as soon as it showed itself.
        let median = blow.count("ms until closed, median");
        if median > 50 { Err(format!("closed after {median} ms, bound 50")) } else { Ok(()) }
    }
}

async fn knock(
    config: quinn::ClientConfig,
    target: &Target,
    end: CancellationToken,
) -> Result<Blow, pouch_testkit::stage::StageError> {
    let [a, b] = ATTACKERS;
    let from: Vec<Endpoint> = (1..=ADDRESSES).map(|n| wild::endpoint(Ipv4Addr::new(a, b, 0, n))).collect();
    let ended: Arc<Mutex<Vec<Ended>>> = Arc::default();
    let (begun, mut sent, mut knocking) = (Instant::now(), 0_u32, JoinSet::new());
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    while !end.is_cancelled() {
        tick.tick().await;
        while knocking.try_join_next().is_some() {}
        let due = (begun.elapsed().as_millis() as u32) * RATE / 1000;
        // One that cannot keep up attacks more slowly, and says so by its count.
        while sent < due && knocking.len() < 512 {
            let endpoint = from[sent as usize % from.len()].clone();
            let (config, to, ended) = (config.clone(), target.address, ended.clone());
            knocking.spawn(async move {
                let at = Instant::now();
                let error = match endpoint.connect_with(config, to, wild::NO_NAME).unwrap().await {
                    Ok(connection) => connection.closed().await,
                    Err(error) => error,
                };
                let refused = matches!(&error, ConnectionError::ConnectionClosed(close)
                    if u64::from(close.error_code) == REFUSED);
                let one = Ended { refused, took: at.elapsed() };
                ended.lock().unwrap().push(one);
            });
            sent += 1;
        }
        sent = sent.max(due);
    }
    let ran = begun.elapsed();
    knocking.shutdown().await;
    let ended = ended.lock().unwrap().clone();
    let refused = ended.iter().filter(|one| one.refused).count() as u64;
    let mut took: Vec<Duration> = ended.iter().filter(|one| !one.refused).map(|one| one.took).collect();
    took.sort_unstable();
    let median = took.get(took.len() / 2).map_or(0, Duration::as_millis) as u64;
    let counts = vec![
        ("handshakes ended", ended.len() as u64),
        ("turned away", refused),
        ("run", took.len() as u64),
        ("ms until closed, median", median),
    ];
    Ok(Blow { ran, counts })
}
