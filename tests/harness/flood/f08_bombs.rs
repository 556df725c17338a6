//! F8: frames after authentication that say they are huge, or hold huge numbers of things.

use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, office, transport_seed};
use crate::place::OURS;
use crate::relay::Target;
use crate::wild;

/// How many in a second.
const RATE: u64 = 1000;

#[derive(Debug)]
pub(crate) struct Bombs;

impl Flood for Bombs {
    fn name(&self) -> &'static str {
        "F8"
    }

    fn words(&self) -> &'static str {
        "a thousand frames a second that announce up to 2^64 bytes or members; nothing is allocated for a \
         number, so there is nothing to leave out"
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            flash_p99: Some(Duration::from_millis(500)),
            memory_mib: Some(128),
            log_lines_per_s: Some(2),
            ..Bounds::default()
        }
    }

    fn without(&self) -> &'static [Defence] {
        &[]
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(bombs(target, end))
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        if blow.count("bombs") < 500 { Err("there was no flood".to_owned()) } else { Ok(()) }
    }
}

/// A frame of a kind with this length in its head, and this body whether it is that long or not.
fn frame(kind: u8, len: u32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &len.to_be_bytes(), body].concat()
}

/// A whole frame.
fn whole(kind: u8, body: &[u8]) -> Vec<u8> {
    frame(kind, u32::try_from(body.len()).unwrap(), body)
}

/// Of each kind that begins a request: too long, truly long and full of counts, and counts alone.
fn all() -> Vec<Vec<u8>> {
    let mut bombs = Vec::new();
    for kind in [2, 7, 10, 12, 14, 16, 18, 20] {
        bombs.push(frame(kind, u32::MAX, &[0; 64]));
        bombs.push(frame(kind, 1 << 31, &[253; 1024]));
        // The codec's marks of numbers of two, four and eight bytes, over and over: lengths of lists in
        // lists, and of texts and blobs in them.
        for mark in [251, 252, 253] {
            bombs.push(whole(kind, &[[mark].as_slice(), &[255; 9]].concat().repeat(40)));
            bombs.push(whole(kind, &[[64, 7].as_slice(), &[7; 64], &[mark], &[255; 60]].concat()));
        }
    }
    bombs
}

async fn bombs(target: &Target, end: CancellationToken) -> Result<Blow, StageError> {
    let failed = |error: &dyn core::fmt::Display| StageError(format!("hostile member: {error}"));
    let endpoint = wild::endpoint(OURS);
    let config = wild::config(Some(transport_seed(&office(HOSTILE, 1))));
    let connecting = endpoint.connect_with(config, target.address, wild::NO_NAME);
    let connection = connecting.map_err(|error| failed(&error))?.await.map_err(|error| failed(&error))?;
    let (all, begun, mut sent) = (all(), Instant::now(), 0_u64);
    while !end.is_cancelled() {
        let due = begun.elapsed().as_millis() as u64 * RATE / 1000;
        while sent < due {
            let opened = tokio::time::timeout(Duration::from_secs(4), connection.open_bi()).await;
            let Ok(Ok((mut send, mut recv))) = opened else {
                return Err(failed(&"the relay ended the session, or gives no more streams"));
            };
            let bomb = &all[sent as usize % all.len()];
            send.write_all(bomb).await.ok();
            send.finish().ok();
            sent += 1;
            // Its end frees the stream's place.
            tokio::spawn(async move { recv.read_to_end(4096).await.ok() });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Blow { ran: begun.elapsed(), counts: vec![("bombs", sent)] })
}
