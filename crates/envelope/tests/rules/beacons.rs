//! Beacons: who may send one, what a peer gets of it, and what nobody else can read.

use pouch_crypto::sha256;
use pouch_envelope::{AdmittedBeacon, BeaconFacts, BeaconRefused, Early, HeardBeacon, Place};
use pouch_wire::session::{Beacon as Frame, BeaconFor, PeerLeaf};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, Fixed, List, Set, Timestamp, limits,
};

use crate::world::{HOUR, NOW, SECOND, World, drill_key, earlier, key, later, mandate, office, point};

pub(crate) fn place(n: u64) -> Place {
    Place { epoch: 1, n, last: EnvelopeId(sha256(&n.to_be_bytes())) }
}

pub(crate) fn facts(world: &World) -> BeaconFacts {
    BeaconFacts {
        network: world.directory.network(),
        sender: point("NL/technical"),
        at: NOW,
        every_s: 60,
        directory_size: world.directory.size(),
        directory_root: Digest::new([0xd1; 32]),
        nonce: sha256(b"nonce"),
    }
}

/// Leaves for BA, MD and some offices around them.
pub(crate) fn peers() -> Vec<(ContactPoint, Place, Digest)> {
    let salted = |name: &str, place| (point(name), place, sha256(name.as_bytes()));
    vec![
        salted("MD/technical", place(7)),
        salted("BA/technical", Place::NOTHING),
        salted("BE/policy", place(3)),
        salted("OSCE/policy", Place::NOTHING),
        salted("NL/policy", place(1)),
    ]
}

pub(crate) fn honest(world: &World) -> Frame {
    facts(world).sign(peers(), &key("NL/technical")).unwrap()
}

fn admitted(world: &World, frame: Frame) -> Result<AdmittedBeacon, BeaconRefused> {
    AdmittedBeacon::admit(frame, &point("NL/technical"), &world.directory, NOW)
}

pub(crate) fn for_peer(world: &World, peer: &str) -> BeaconFor {
    admitted(world, honest(world)).unwrap().for_peer(&point(peer)).unwrap()
}

fn heard(world: &World, me: &str, frame: &BeaconFor) -> Result<HeardBeacon, BeaconRefused> {
    HeardBeacon::verify(frame, &point(me), &world.directory, NOW)
}

#[test]
fn every_peer_reads_its_own_leaf_and_no_other() {
    let world = World::new();
    for (peer, said, _) in peers() {
        let beacon = heard(&world, &peer.to_string(), &for_peer(&world, &peer.to_string())).unwrap();
        for other in [Place::NOTHING, place(1), place(3), place(7), Place { epoch: 2, ..place(7) }] {
            assert_eq!(beacon.says(other), other == said, "{peer} {other:?}");
        }
    }
    assert!(admitted(&world, honest(&world)).unwrap().for_peer(&point("NL/technical")).is_none());
}

#[test]
fn a_relay_cannot_hand_a_peer_another_ones_leaf() {
    let world = World::new();
    let frame = for_peer(&world, "MD/technical");
    assert!(heard(&world, "MD/technical", &frame).is_ok());
    assert!(matches!(heard(&world, "BA/technical", &frame), Err(BeaconRefused::NotInTree(_))));
    let other = for_peer(&world, "BA/technical");
    let mixed = BeaconFor { leaf: other.leaf, ..frame.clone() };
    assert!(matches!(heard(&world, "MD/technical", &mixed), Err(BeaconRefused::NotInTree(_))));
    let moved = BeaconFor { position: frame.position + 1, ..frame.clone() };
    assert!(matches!(heard(&world, "MD/technical", &moved), Err(BeaconRefused::NotInTree(_))));
    let short = BeaconFor { path: List::default(), ..frame };
    assert!(matches!(heard(&world, "MD/technical", &short), Err(BeaconRefused::NotInTree(_))));
}

#[test]
fn the_hashes_beside_a_path_do_not_tell_whom_nobody_wrote_to() {
    // BA's neighbour knows everything of BA's entry but its salt: nothing was ever sent there.
    let world = World::new();
    let seen = for_peer(&world, "BE/policy");
    let beacon = heard(&world, "BE/policy", &seen).unwrap();
    let nonce = beacon.beacon().nonce;
    let guess = |salt| {
        let peer = point("BA/technical");
        let leaf = pouch_envelope::BeaconLeaf { peer: peer.clone(), place: Place::NOTHING, nonce }.digest();
        let entry = PeerLeaf { peer, salt, leaf }.to_bytes().unwrap();
        pouch_tlog::LeafHash::of(&entry).digest()
    };
    assert!(seen.path.contains(&guess(sha256(b"BA/technical"))), "the salt is what hides it");
    assert!(!seen.path.contains(&guess(seen.salt)));
    assert!(!seen.path.contains(&guess(nonce)));
}

#[test]
fn a_relay_takes_a_beacon_from_its_sender_with_the_leaves_that_it_signs() {
    let world = World::new();
    assert!(admitted(&world, honest(&world)).is_ok());
    let brought = AdmittedBeacon::admit(honest(&world), &point("MD/technical"), &world.directory, NOW);
    assert!(matches!(brought, Err(BeaconRefused::NamesAnother { .. })));
    let mut fewer = honest(&world);
    fewer.peers = Set::new(fewer.peers.to_vec().split_off(1)).unwrap();
    assert!(matches!(admitted(&world, fewer), Err(BeaconRefused::OtherLeaves)));
    let mut other = honest(&world);
    let mut leaves = other.peers.to_vec();
    leaves[0].leaf = Digest::new([9; 32]);
    other.peers = Set::new(leaves).unwrap();
    assert!(matches!(admitted(&world, other), Err(BeaconRefused::OtherLeaves)));
    // The sender signs one peer twice: which of the two would it be?
    let mut twice = peers();
    twice.push((point("MD/technical"), place(8), Digest::new([8; 32])));
    let frame = facts(&world).sign(twice, &key("NL/technical")).unwrap();
    assert_eq!(frame.peers.len(), peers().len());
}

#[test]
fn a_beacon_is_of_now_and_of_this_network() {
    let world = World::new();
    let signed = |change: &dyn Fn(&mut BeaconFacts)| {
        let mut facts = facts(&world);
        change(&mut facts);
        admitted(&world, facts.sign(peers(), &key("NL/technical")).unwrap()).map(drop)
    };
    assert_eq!(signed(&|_| ()), Ok(()));
    let skew = limits::CLOCK_SKEW_MS_MAX;
    assert_eq!(signed(&|facts| facts.at = earlier(skew)), Ok(()));
    assert_eq!(signed(&|facts| facts.at = later(skew)), Ok(()));
    let off = Err(BeaconRefused::NotOfNow { off_s: 121 });
    assert_eq!(signed(&|facts| facts.at = earlier(skew + SECOND)), off);
    assert_eq!(signed(&|facts| facts.at = later(skew + SECOND)), off);
    assert_eq!(signed(&|facts| facts.at = Timestamp(0)).unwrap_err().code(), "POUCH-BCN-09");
    let other = World::founded("Another network").directory.network();
    assert_eq!(signed(&|facts| facts.network = other), Err(BeaconRefused::OtherNetwork));
    assert_eq!(signed(&|facts| facts.every_s = 10), Ok(()));
    assert_eq!(signed(&|facts| facts.every_s = 9), Err(BeaconRefused::Interval(9)));
    assert_eq!(signed(&|facts| facts.every_s = 61), Err(BeaconRefused::Interval(61)));
    let have = world.directory.size();
    let ahead = Err(BeaconRefused::DirectoryAhead { cited: have + 1, have });
    assert_eq!(signed(&|facts| facts.directory_size += 1), ahead);
}

#[test]
fn the_key_is_one_that_speaks_for_the_office_now() {
    let mut world = World::new();
    let by = |world: &World, name: &str| {
        admitted(world, facts(world).sign(peers(), &key(name)).unwrap()).map(drop)
    };
    assert_eq!(by(&world, "NL/technical"), Ok(()));
    assert!(matches!(by(&world, "MD/technical"), Err(BeaconRefused::NotInRole(_))));
    assert!(matches!(by(&world, &drill_key("NL/technical")), Err(BeaconRefused::NotInRole(_))));
    let mut broken = honest(&world);
    broken.signature = Fixed([7; 64]);
    assert!(matches!(admitted(&world, broken), Err(BeaconRefused::BadSignature)));

    // Rotated: what cites the directory of the old key counts for ten minutes more.
    let old = facts(&world);
    let grace = limits::BEACON_SUPERSEDED_GRACE_MS;
    world.authorise(office("NL/technical", "NL new", Environment::Live, mandate()), earlier(grace));
    let frame = || old.clone().sign(peers(), &key("NL/technical")).unwrap();
    assert!(admitted(&world, frame()).is_ok());
    assert_eq!(by(&world, "NL new"), Ok(()));
    assert!(matches!(by(&world, "NL/technical"), Err(BeaconRefused::NotInRole(_))));
    let mut facts_later = old.clone();
    facts_later.at = later(SECOND);
    let late = facts_later.sign(peers(), &key("NL/technical")).unwrap();
    let judged = AdmittedBeacon::admit(late, &point("NL/technical"), &world.directory, later(SECOND));
    assert!(matches!(judged, Err(BeaconRefused::LongReplaced { .. })));

    // Revoked: at once, whatever it cites.
    world.revoke("NL/technical", earlier(HOUR), NOW);
    assert!(matches!(admitted(&world, frame()), Err(BeaconRefused::NotInRole(_))));
    world.suspend("NL", NOW);
    assert!(matches!(by(&world, "NL new"), Err(BeaconRefused::NotInRole(_))));
}

#[test]
fn what_cites_more_than_there_is_waits_only_when_it_may_count_one_day() {
    let world = World::new();
    let mut ahead = world.clone();
    ahead.authorise(office("NL/technical", "NL new", Environment::Live, mandate()), NOW);
    let early = |signer: &str, change: &dyn Fn(&mut BeaconFacts)| {
        let mut facts = facts(&ahead);
        change(&mut facts);
        let frame = facts.sign(peers(), &key(signer)).unwrap();
        let entry = frame.peers.iter().next().unwrap().clone();
        let said = pouch_envelope::Beacon::from_bytes(&frame.beacon).unwrap();
        let Frame { beacon, signature, .. } = frame;
        let handed = BeaconFor {
            beacon,
            signature,
            position: 0,
            salt: entry.salt,
            leaf: entry.leaf,
            path: List::default(),
        };
        let broken = BeaconFor { signature: Fixed([7; 64]), ..handed.clone() };
        (said.early(&handed, &world.directory, NOW), said.early(&broken, &world.directory, NOW))
    };
    let forged = Err(BeaconRefused::BadSignature);
    assert_eq!(early("NL/technical", &|_| ()), (Ok(Early::SignedAhead), forged));
    // Its key may be in what is missing.
    assert_eq!(early("NL new", &|_| ()), (Ok(Early::UnknownKey), Ok(Early::UnknownKey)));
    let (of_no_time, _) = early("NL new", &|facts| facts.at = Timestamp(u64::MAX));
    assert!(matches!(of_no_time, Err(BeaconRefused::NotOfNow { .. })));
    let have = world.directory.size();
    assert_eq!(early("NL new", &|facts| facts.directory_size = have).0, Ok(Early::Now));
    let mut world = world;
    world.revoke("NL/technical", earlier(HOUR), NOW);
    let mut of_revoked = facts(&world);
    of_revoked.directory_size += 1;
    let Frame { beacon, signature, .. } = of_revoked.sign(peers(), &key("NL/technical")).unwrap();
    let said = pouch_envelope::Beacon::from_bytes(&beacon).unwrap();
    let handed = BeaconFor { beacon, signature, ..for_peer(&World::new(), "MD/technical") };
    let revoked = said.early(&handed, &world.directory, NOW);
    assert!(matches!(revoked, Err(BeaconRefused::NotInRole(_))));
}

#[test]
fn a_key_that_was_bound_later_is_the_newer_one() {
    let mut world = World::new();
    let bound = |world: &World, name: &str, size: u64| {
        let mut facts = facts(world);
        facts.directory_size = size;
        let beacon = admitted(world, facts.sign(peers(), &key(name)).unwrap()).unwrap();
        heard(world, "MD/technical", &beacon.for_peer(&point("MD/technical")).unwrap()).unwrap().bound()
    };
    let before = world.directory.size();
    world.authorise(office("NL/technical", "NL new", Environment::Live, mandate()), NOW);
    let now = world.directory.size();
    assert!(bound(&world, "NL new", now) > bound(&world, "NL/technical", before));
}

#[test]
fn what_a_sender_ahead_says_of_the_log_is_its_word_and_nothing_else_counts() {
    let world = World::new();
    let mut ahead = world.clone();
    ahead.suspend("BA", NOW);
    let of = |signer: &str| {
        let frame = facts(&ahead).sign(peers(), &key(signer)).unwrap();
        let admitted = AdmittedBeacon::admit(frame, &point("NL/technical"), &ahead.directory, NOW);
        admitted.map(|beacon| (beacon.beacon().clone(), beacon.for_peer(&point("MD/technical")).unwrap()))
    };
    let (beacon, frame) = of("NL/technical").unwrap();
    assert!(matches!(heard(&world, "MD/technical", &frame), Err(BeaconRefused::DirectoryAhead { .. })));
    assert!(beacon.is_signed_ahead(&frame, &world.directory));
    assert!(!beacon.is_signed_ahead(&frame, &ahead.directory), "who is not behind judges all of it");
    let forged = BeaconFor { signature: Fixed([7; 64]), ..frame.clone() };
    assert!(!beacon.is_signed_ahead(&forged, &world.directory));
    let other = pouch_envelope::Beacon { directory_root: Digest::new([9; 32]), ..beacon };
    assert!(!other.is_signed_ahead(&frame, &world.directory));
}

#[test]
fn a_beacon_of_an_exercise_is_none() {
    let world = World::new();
    let mut beacon = admitted(&world, honest(&world)).unwrap().beacon().clone();
    beacon.environment = world.drill();
    let frame = Frame { beacon: Blob::new(beacon.to_bytes().unwrap()).unwrap(), ..honest(&world) };
    assert!(matches!(admitted(&world, frame), Err(BeaconRefused::Drill)));
}

#[test]
fn a_full_beacon_fits_its_frame_and_one_peer_more_does_not() {
    let world = World::new();
    let office = |n: usize| format!("OSCEXXXX/an-office-with-long-{n:04}").replace("long-", "lo-");
    let all = |count: usize| {
        let peer = |n| (point(&office(n)[..]), place(u64::MAX), Digest::new([0xff; 32]));
        (0..count).map(peer).collect::<Vec<_>>()
    };
    let frame = facts(&world).sign(all(limits::BEACON_PEERS), &key("NL/technical")).unwrap();
    assert!(frame.to_bytes().is_ok());
    let last = admitted(&world, frame).unwrap().for_peer(&point(&office(1023))).unwrap();
    assert!(last.to_bytes().unwrap().len() < 1024, "a few hundred bytes for each peer");
    assert!(facts(&world).sign(all(limits::BEACON_PEERS + 1), &key("NL/technical")).is_err());
}
