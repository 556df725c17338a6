//! F2: datagrams of noise, as fast as they go.

use std::net::UdpSocket;
use std::time::Duration;

use pouch_testkit::stage::StageError;
use rand::{Rng as _, RngExt as _};
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::Ground;
use crate::pace::Pace;
use crate::relay::Target;

/// How many in a second, at most.
const RATE: u64 = 60_000;

#[derive(Debug)]
pub(crate) struct Garbage;

impl Flood for Garbage {
    fn name(&self) -> &'static str {
        "F2"
    }

    fn words(&self) -> &'static str {
        "datagrams of noise; nothing of ours stands against them that could be left out"
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
        &[]
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        let target = *target;
        Box::pin(async move {
            tokio::task::spawn_blocking(move || noise(&target, &end))
                .await
                .map_err(|error| StageError(error.to_string()))
        })
    }
}

fn noise(target: &Target, end: &CancellationToken) -> Blow {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let mut rng = rand::rng();
    let mut noise = vec![0; 64 * 1024];
    rng.fill_bytes(&mut noise);
    let (mut pace, mut sent) = (Pace::of(RATE), 0_u64);
    while !end.is_cancelled() {
        for _ in pace.next() {
            let (from, len) = (rng.random_range(0..60_000_usize), rng.random_range(1..1452_usize));
            // What the system has no room for is not sent.
            sent += u64::from(socket.send_to(&noise[from..from + len], target.address).is_ok());
        }
    }
    Blow { ran: pace.ran(), counts: vec![("datagrams", sent)] }
}
