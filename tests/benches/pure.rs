//! What the pure crates cost, one operation each. Figures to compare before and after a change; no
//! timing decides a test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "benchmarks, from the tests' own parties"
)]

#[path = "../../crates/notice/tests/pipeline/post.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-notice")]
mod post;
#[path = "../../crates/notice/tests/inside/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-notice")]
mod stage;
#[path = "../../crates/envelope/tests/rules/world.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-envelope")]
mod world;

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pouch_directory::Directory;
use pouch_notice::{open, seal};
use pouch_tlog::{LeafHash, MemoryTree};
use pouch_wire::{Environment, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use post::{ACCEPTED, MD, NL, READ, facts, honest, letter};
use world::{NOW, World, key, prekey};

/// The contact points of a network of the field's size.
const STATES: usize = 57;
/// Entries of the log whose proofs are measured.
const ENTRIES: u64 = 65_536;

fn messages(c: &mut Criterion) {
    let world = World::new();
    let names: Vec<String> = (0..STATES)
        .map(|n| format!("{}{}/technical", (b'A' + n as u8 / 26) as char, (b'A' + n as u8 % 26) as char))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let circular = letter(&world, Environment::Live, NL, &names, &[]);
    let content = circular.content();
    c.bench_function("seal and sign one notice for 57 recipients", |b| {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        b.iter(|| seal(black_box(&content), &circular.route, &circular.to, &key(NL), &mut rng).unwrap());
    });

    let posted = honest(&world).posted();
    c.bench_function("admit one message at a relay", |b| {
        b.iter(|| posted.admitted(&world, Timestamp(NOW.0 + 10)).unwrap());
    });
    let receipt = world.receipt("relay-1", posted.id(), 0, ACCEPTED);
    c.bench_function("open and verify one received notice", |b| {
        b.iter_batched(
            || posted.delivered(MD, &receipt).unwrap(),
            |arrived| open(arrived, &prekey(MD)).unwrap().verify(&facts(&world, READ)).unwrap(),
            BatchSize::SmallInput,
        );
    });
}

fn logs(c: &mut Criterion) {
    let world = World::new();
    let mut group = c.benchmark_group("directory");
    group.throughput(Throughput::Elements(world.entries.len() as u64 - 1));
    group.bench_function("replay of the log", |b| {
        b.iter(|| {
            let mut directory = Directory::found(&world.charter).unwrap();
            for (index, entry) in (0..).zip(&world.entries).skip(1) {
                directory.apply(index, black_box(entry));
            }
            directory
        });
    });
    group.finish();

    let mut tree = MemoryTree::default();
    for index in 0..ENTRIES {
        tree.append(LeafHash::of(&index.to_be_bytes()));
    }
    c.bench_function("inclusion proof in a log of 65,536", |b| {
        b.iter(|| tree.inclusion(black_box(40_000), ENTRIES).unwrap());
    });
    c.bench_function("hash and append one entry", |b| {
        let mut frontier = tree.frontier();
        b.iter(|| frontier.push(LeafHash::of(black_box(b"an entry of a log"))));
    });
}

criterion_group!(benches, messages, logs);
criterion_main!(benches);
