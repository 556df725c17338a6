//! F7: a member's sessions that hold on to whatever they get: streams that say a byte, messages whose end
//! does not come, streams with holes that can never be read.

use std::time::{Duration, Instant};

use pouch_net::Stream;
use pouch_testkit::stage::StageError;
use pouch_wire::Precedence;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, READERS, office, transport_seed};
use crate::hacked::{self, Hacked};
use crate::letters::Pen;
use crate::line::Line;
use crate::pace::Pace;
use crate::place::OURS;
use crate::relay::Target;
use crate::wild;

/// How many streams are tried for on each session.
const STREAMS: u64 = 1000;
/// What the relay allows a session to have on its way; it is filled, and later more is tried.
const ALLOWED: u64 = 2 * 1024 * 1024 - 64 * 1024;
const MORE: u64 = 120 * 1024 * 1024;
/// For how long what is allowed is held before more is tried.
const HELD: Duration = Duration::from_millis(1500);
/// Packets in a second.
const PACE: u64 = 40_000;

#[derive(Debug)]
pub(crate) struct Slowloris;

impl Flood for Slowloris {
    fn name(&self) -> &'static str {
        "F7"
    }

    fn words(&self) -> &'static str {
        "a thousand streams that say a byte, messages without an end, streams with holes"
    }

    fn bounds(&self) -> Bounds {
        Bounds { flash_p99: Some(Duration::from_millis(500)), memory_mib: Some(128), ..Bounds::default() }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::Windows]
    }

    fn attack<'a>(&'a self, ground: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(hold_on(ground, target, end))
    }
}

async fn hold_on(ground: &Ground, target: &Target, end: CancellationToken) -> Result<Blow, StageError> {
    let begun = Instant::now();
    let (opened, withheld) = (a_byte_each(target, end.clone()), without_an_end(ground, target));
    let holes = async {
        let mut holes = JoinSet::new();
        // Two with one hole at the beginning of each stream; one with a hole after each byte.
        for (n, bytes, apart) in [(3, 1100_usize, 0_u64), (4, 1100, 0), (5, 1, 1)] {
            let hacked = Hacked::open(&office(HOSTILE, n), target).await?;
            let end = end.clone();
            holes.spawn_blocking(move || with_holes(hacked, bytes, apart, &end));
        }
        Ok::<u64, StageError>(holes.join_all().await.into_iter().sum())
    };
    let (opened, withheld, holes) = tokio::join!(opened, withheld, holes);
    let (kept, withheld) = withheld?;
    end.cancelled().await;
    drop(kept);
    let counts =
        vec![("streams opened", opened?), ("messages withheld", withheld), ("MiB with holes", holes? >> 20)];
    Ok(Blow { ran: begun.elapsed(), counts })
}

/// Opens as many streams as it may and says a byte on each; how many were there at the end.
async fn a_byte_each(target: &Target, end: CancellationToken) -> Result<u64, StageError> {
    let endpoint = wild::endpoint(OURS);
    let config = wild::config(Some(transport_seed(&office(HOSTILE, 1))));
    let connecting = endpoint.connect_with(config, target.address, wild::NO_NAME);
    let connection = connecting.map_err(|error| StageError(error.to_string()))?;
    let connection = connection.await.map_err(|error| StageError(error.to_string()))?;
    let mut streams = Vec::new();
    while (streams.len() as u64) < STREAMS {
        let opened = tokio::select! {
            () = end.cancelled() => break,
            opened = connection.open_bi() => opened,
        };
        let Ok((mut send, recv)) = opened else { break };
        send.write_all(&[1]).await.ok();
        streams.push((send, recv));
    }
    end.cancelled().await;
    Ok(streams.len() as u64)
}

/// Submits as many messages as it may, each up to its last piece. The streams are kept.
async fn without_an_end(ground: &Ground, target: &Target) -> Result<((Line, Vec<Stream>), u64), StageError> {
    let failed = |error: &dyn core::fmt::Display| StageError(format!("hostile member: {error}"));
    let (me, pen) = (office(HOSTILE, 2), Pen::of(&office(HOSTILE, 2)));
    let line = Line::dial(&me, target).await.map_err(|error| failed(&error))?;
    let mut streams = Vec::new();
    for _ in 0..12 {
        let parcel = pen.parcel(ground, &[office(READERS, 2)], Precedence::Routine, 1000 * 1024);
        let mut stream = line.session.open().await.map_err(|error| failed(&error))?;
        stream.send_message(&parcel.submit).await.map_err(|error| failed(&error))?;
        // One that is cut already is no failure of the harness.
        stream.send_payload(&parcel.payload[..15 * 64 * 1024]).await.ok();
        streams.push(stream);
    }
    let count = streams.len() as u64;
    Ok(((line, streams), count))
}

/// Fills what the relay allows with pieces so that nothing of it can be read; then tries more.
fn with_holes(mut hacked: Hacked, bytes: usize, apart: u64, end: &CancellationToken) -> u64 {
    let piece = vec![7; bytes];
    let (mut pace, mut sent) = (Pace::of(PACE), 0_u64);
    let (mut offsets, mut turn) = (vec![1_u64; 16], 0_usize);
    while !end.is_cancelled() && sent < MORE {
        for _ in pace.next() {
            if sent >= ALLOWED && pace.ran() < HELD {
                break;
            }
            let mut frames = Vec::new();
            while frames.len() + bytes + 20 < 1180 {
                let stream = turn % offsets.len();
                frames.extend(hacked::stream(stream as u64 * 4, offsets[stream], &piece));
                offsets[stream] += bytes as u64 + apart;
                sent += bytes as u64 + apart;
                turn += 1;
            }
            hacked.send(&frames);
        }
    }
    sent
}
