//! F9: frames in floods, each of a kind that has cost some library its memory: handshake bytes with holes,
//! connection ids that retire all others, challenges of the path, resets.

use std::time::Instant;

use pouch_testkit::stage::StageError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, office};
use crate::hacked::{self, Hacked};
use crate::pace::Pace;
use crate::relay::Target;

#[derive(Debug)]
pub(crate) struct Frames;

/// Makes the frames of the packet with a number.
type Kind = fn(u64) -> Vec<u8>;

/// Each kind with how many packets of it are sent in a second.
const KINDS: [(Kind, u64); 5] = [
    (|n| hacked::crypto(1 + n * 1100, &[7; 1100]), 25_000),
    (|n| hacked::crypto(1 + n * 1100, &[7; 1100]), 25_000),
    (|n| (1..30).flat_map(|k| hacked::new_id(n * 30 + k)).collect(), 2000),
    (|n| (0..120).flat_map(|k| hacked::challenge(n * 120 + k)).collect(), 2000),
    (
        |n| (0..16).flat_map(|k| [hacked::reset(k * 4), hacked::stream(k * 4, n, &[1])].concat()).collect(),
        2000,
    ),
];

impl Flood for Frames {
    fn name(&self) -> &'static str {
        "F9"
    }

    fn words(&self) -> &'static str {
        "floods of handshake bytes with holes, connection ids, path challenges, resets"
    }

    fn bounds(&self) -> Bounds {
        // As many packets as a program can make keep two cores busy by themselves: what is judged is memory.
        Bounds { memory_mib: Some(128), ..Bounds::default() }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::CryptoBuffer]
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(async move {
            let (begun, mut throwing) = (Instant::now(), JoinSet::new());
            for (at, (kind, rate)) in KINDS.into_iter().enumerate() {
                let hacked = Hacked::open(&office(HOSTILE, at + 1), target).await?;
                let end = end.clone();
                throwing.spawn_blocking(move || throw(hacked, kind, rate, &end));
            }
            let packets = throwing.join_all().await.into_iter().sum();
            Ok::<Blow, StageError>(Blow { ran: begun.elapsed(), counts: vec![("packets", packets)] })
        })
    }
}

fn throw(mut hacked: Hacked, kind: Kind, rate: u64, end: &CancellationToken) -> u64 {
    let (mut pace, mut sent) = (Pace::of(rate), 0);
    while !end.is_cancelled() {
        for n in pace.next() {
            hacked.send(&kind(n));
            sent += 1;
        }
    }
    sent
}
