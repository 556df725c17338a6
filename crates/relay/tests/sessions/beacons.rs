//! Beacons: each peer gets its own leaf of the newest one, and of nobody's an older.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pouch_crypto::sha256;
use pouch_envelope::{Beacon, BeaconFacts, HeardBeacon, Place};
use pouch_net::Session;
use pouch_relay::{Conduct, Handing};
use pouch_wire::session::{Beacon as Frame, BeaconKept};
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Timestamp};

use crate::harness::{Agent, LONG, Running, refused_with};
use crate::world::{NOW, World, key, point};

fn place(n: u64) -> Place {
    Place { epoch: 1, n, last: EnvelopeId(sha256(&n.to_be_bytes())) }
}

/// A beacon of an office, so many seconds from now, in which MD's messages stand at `n`.
fn beacon(world: &World, of: &str, second: u64, n: u64) -> Frame {
    let facts = BeaconFacts {
        network: world.directory.network(),
        sender: point(of),
        at: Timestamp(NOW.0 - 60_000 + second * 1000),
        every_s: 60,
        directory_size: world.directory.size(),
        directory_root: Digest::new([1; 32]),
        nonce: sha256(&second.to_be_bytes()),
    };
    let leaves =
        ["NL/technical", "MD/technical", "BA/technical"].into_iter().filter(|peer| *peer != of).map(|peer| {
            (point(peer), if peer.starts_with("MD") { place(n) } else { Place::NOTHING }, sha256(b"s"))
        });
    facts.sign(leaves, &key(of)).unwrap()
}

async fn send(session: &Session, beacon: &Frame) -> Result<Timestamp, String> {
    match session.request::<_, BeaconKept>(beacon, LONG).await {
        Ok(kept) => Ok(kept.at),
        refused => Err(refused_with(refused)),
    }
}

async fn heard(reader: &mut Agent, me: &str, world: &World) -> HeardBeacon {
    let frame = reader.beacon().await;
    HeardBeacon::verify(&frame, &point(me), &world.directory, NOW).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_there_gets_its_leaf_at_once_and_whoever_comes_the_newest() {
    let relay = Running::start().await;
    let nl = relay.dial("NL/technical").await;
    let mut md = relay.attach("MD/technical").await;
    send(&nl, &beacon(&relay.world, "NL/technical", 0, 1)).await.unwrap();
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(1)));
    send(&nl, &beacon(&relay.world, "NL/technical", 60, 2)).await.unwrap();
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(2)));
    let ba = relay.dial("BA/technical").await;
    send(&ba, &beacon(&relay.world, "BA/technical", 60, 7)).await.unwrap();
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(7)));
    // One that comes later gets the newest of each, and its own leaf.
    let mut late = relay.attach("BA/technical").await;
    let first = heard(&mut late, "BA/technical", &relay.world).await;
    assert_eq!((&first.beacon().sender, first.says(Place::NOTHING)), (&point("NL/technical"), true));
    assert_eq!(first.beacon().at, NOW);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_keeps_only_the_newest_of_who_brought_it() {
    let relay = Running::start().await;
    let nl = relay.dial("NL/technical").await;
    let first = beacon(&relay.world, "NL/technical", 30, 1);
    assert_eq!(send(&nl, &first).await, Ok(Timestamp(NOW.0 - 30_000)));
    assert_eq!(send(&nl, &first).await, Ok(Timestamp(NOW.0 - 30_000)), "the same again is the same");
    for second in [0, 30, 34] {
        let other = beacon(&relay.world, "NL/technical", second, 9);
        assert_eq!(send(&nl, &other).await, Err("POUCH-BCN-13".to_owned()), "{second}");
    }
    assert!(send(&nl, &beacon(&relay.world, "NL/technical", 35, 2)).await.is_ok());
    let md = relay.dial("MD/technical").await;
    let other = beacon(&relay.world, "NL/technical", 60, 3);
    assert_eq!(send(&md, &other).await, Err("POUCH-BCN-10".to_owned()));
    let mut reader = relay.attach("MD/technical").await;
    assert!(heard(&mut reader, "MD/technical", &relay.world).await.says(place(2)));
    relay.stop().await;
}

/// Holds NL's beacons from MD until it is told otherwise, and drops those that stand at 60 s.
#[derive(Debug, Default)]
struct Keeps(AtomicBool);

impl Conduct for Keeps {
    fn hands_beacon(&self, to: &ContactPoint, beacon: &Beacon) -> Handing {
        if *to != point("MD/technical") || beacon.sender != point("NL/technical") {
            return Handing::Now;
        }
        match beacon.at {
            NOW => Handing::Drop,
            _ if self.0.load(Ordering::SeqCst) => Handing::Now,
            _ => Handing::Hold(Duration::from_millis(10)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lies_can_hold_beacons_back_and_drop_them() {
    let conduct = Arc::new(Keeps::default());
    let relay = Running::that(conduct.clone()).await;
    let (nl, ba) = (relay.dial("NL/technical").await, relay.dial("BA/technical").await);
    let mut md = relay.attach("MD/technical").await;
    send(&nl, &beacon(&relay.world, "NL/technical", 0, 1)).await.unwrap();
    send(&ba, &beacon(&relay.world, "BA/technical", 0, 5)).await.unwrap();
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(5)), "the first is held");
    conduct.0.store(true, Ordering::SeqCst);
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(1)));
    send(&nl, &beacon(&relay.world, "NL/technical", 60, 2)).await.unwrap();
    send(&ba, &beacon(&relay.world, "BA/technical", 60, 6)).await.unwrap();
    assert!(heard(&mut md, "MD/technical", &relay.world).await.says(place(6)), "the other is dropped");
    relay.stop().await;
}
