//! One bit of a stored file is another: whatever is read must be what was stored, or be named as damaged, and
//! the rest must be served.
//!
//! The store is opened and read through as relay and node do, in this process, on copies of the files of one
//! that was stopped in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use pouch_store::{
    AgentStore, DirectoryLog as _, Inbox as _, Mailboxes as _, MessageLog as _, Outbox as _, RelayStore,
    StoreError, StoredWhole as _,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::filled;

/// What is read of a store, each record under a name.
pub(crate) type Read = BTreeMap<String, Vec<u8>>;

/// A kind of store: how it is filled, and read through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Relay,
    /// The relay's, read as if nothing had a checksum.
    Trusting,
    Agent,
}

/// What so many flips came to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Flips {
    pub(crate) flips: u64,
    /// Nothing that is read is touched.
    pub(crate) harmless: u64,
    /// The damage was named.
    pub(crate) named: u64,
    /// The store did not open, and said why.
    pub(crate) refused: u64,
    pub(crate) why: Vec<String>,
    /// Records that were read as something that was never stored.
    pub(crate) wrong: Vec<String>,
    /// Records that were missing, and nothing said so.
    pub(crate) silent: Vec<String>,
    /// Records that were not served at last, in all flips that did not keep the store from opening.
    pub(crate) left_out: u64,
    /// The most in one flip.
    pub(crate) most_left_out: u64,
    /// Records of which that is said.
    pub(crate) records: u64,
}

impl Flips {
    /// Its figures for a program.
    pub(crate) fn figures(&self) -> serde_json::Value {
        let some = |lines: &[String]| lines.iter().take(10).cloned().collect::<Vec<_>>();
        serde_json::json!({
            "flips": self.flips, "harmless": self.harmless, "named": self.named, "did_not_open": self.refused,
            "wrong": self.wrong.len(), "silent": self.silent.len(), "records_left_out": self.left_out,
            "of_records": self.records, "most_in_one_flip": self.most_left_out,
            "examples": some(&[self.wrong.clone(), self.silent.clone()].concat()),
        })
    }

    fn add(&mut self, other: Self) {
        self.flips += other.flips;
        self.harmless += other.harmless;
        self.named += other.named;
        self.refused += other.refused;
        self.why.extend(other.why);
        self.wrong.extend(other.wrong);
        self.silent.extend(other.silent);
        self.left_out += other.left_out;
        self.most_left_out = self.most_left_out.max(other.most_left_out);
        self.records += other.records;
    }
}

/// Flips so many bits, each in a fresh copy, on two threads.
pub(crate) fn run(kind: Kind, flips: u64, seed: u64, under: &Path) -> Flips {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir_in(under).unwrap();
    let path = dir.path().join("whole.sqlite");
    runtime().block_on(async {
        match kind {
            Kind::Relay | Kind::Trusting => filled::relay(&path).await,
            Kind::Agent => filled::agent(&path).await,
        }
    });
    let bytes = std::fs::read(&path).unwrap();
    let (whole, _) = runtime().block_on(read(kind, &path)).unwrap();
    assert!(whole.len() > 100, "{}", whole.len());
    let total = Mutex::new(Flips::default());
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (bytes, whole, total, dir) = (&bytes, &whole, &total, &dir);
            scope.spawn(move || {
                let mut rng = ChaCha20Rng::seed_from_u64(seed.wrapping_add(lane));
                let runtime = runtime();
                let mut done = Flips::default();
                for n in (lane..flips).step_by(LANES as usize) {
                    let folder = dir.path().join(format!("flip-{n}"));
                    let at = (rng.random_range(0..bytes.len()), rng.random_range(0..8_u32));
                    done.add(runtime.block_on(flip(kind, bytes, at, whole, &folder)));
                    std::fs::remove_dir_all(&folder).unwrap();
                }
                total.lock().unwrap().add(done);
            });
        }
    });
    total.into_inner().unwrap()
}

const LANES: u64 = 2;

async fn flip(kind: Kind, bytes: &[u8], (at, bit): (usize, u32), whole: &Read, folder: &Path) -> Flips {
    std::fs::create_dir(folder).unwrap();
    let path = folder.join("flipped.sqlite");
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1 << bit;
    std::fs::write(&path, &flipped).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut done = Flips { flips: 1, ..Flips::default() };
    let place = format!("byte {at} bit {bit}");
    let first = read(kind, &path).await;
    // What the first look marks is mended when it is opened again.
    let second = if first.as_ref().is_ok_and(|(_, named)| named.is_empty()) {
        first.clone()
    } else {
        read(kind, &path).await
    };
    let nothing = (Read::new(), vec!["the process ended".to_owned()]);
    // A process that met damaged pages where it writes ends, and mends them when it starts again.
    let first = match first {
        Err(StoreError::Fatal(_)) if second.is_ok() => Ok(nothing),
        first => first,
    };
    let (Ok((before, named)), Ok((after, named_after))) = (&first, &second) else {
        done.refused = 1;
        done.why.extend(
            [&first, &second]
                .iter()
                .filter_map(|read| read.as_ref().err())
                .map(|error| format!("{place}: {error}"))
                .take(1),
        );
        return done;
    };
    let named: BTreeSet<&String> = named.iter().chain(named_after).collect();
    for (name, value) in before.iter().chain(after) {
        if whole.get(name) != Some(value) {
            done.wrong.push(format!("{place}: {name}"));
        }
    }
    let missing: Vec<&String> = whole.keys().filter(|name| !after.contains_key(*name)).collect();
    if named.is_empty() {
        done.silent.extend(missing.iter().map(|name| format!("{place}: {name}")));
    }
    if named.is_empty() && missing.is_empty() {
        done.harmless = 1;
    } else {
        done.named = u64::from(!named.is_empty());
    }
    done.left_out = missing.len() as u64;
    done.most_left_out = done.left_out;
    done.records = whole.len() as u64;
    done
}

/// Opens a store, reads all of it, and closes it: what was read, and what was named as damaged.
async fn read(kind: Kind, path: &Path) -> Result<(Read, Vec<String>), StoreError> {
    match kind {
        Kind::Relay => relay(RelayStore::open(path)?).await,
        Kind::Trusting => relay(RelayStore::open_trusting(path)?).await,
        Kind::Agent => agent(AgentStore::open(path)?).await,
    }
}

/// What an answer holds; nothing when it is that something is damaged. Any other error ends the program that
/// reads, as it would the relay or the node.
fn kept<T: Default>(answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match answer {
        Err(StoreError::Damaged(_)) => Ok(T::default()),
        other => other,
    }
}

async fn relay(store: RelayStore) -> Result<(Read, Vec<String>), StoreError> {
    let mut read = Read::new();
    for to in filled::RECIPIENTS {
        let to = to.parse().unwrap();
        for message in kept(store.pending(&to, 10_000).await)? {
            if let Some(parcel) = kept(store.load(message.envelope, &to).await)? {
                read.insert(
                    format!("{to} {}", message.envelope),
                    format!("{message:?} {parcel:?}").into_bytes(),
                );
            }
        }
    }
    for index in 0..filled::MESSAGES {
        for leaf in kept(store.leaves(index, 1).await)? {
            read.insert(format!("leaf {index}"), leaf);
        }
    }
    for index in 0..filled::ENTRIES {
        for entry in kept(store.entries(index, 1).await)? {
            read.insert(format!("entry {index}"), entry);
        }
    }
    let named = store.scrub().await?;
    store.close().await?;
    Ok((read, named))
}

async fn agent(store: AgentStore) -> Result<(Read, Vec<String>), StoreError> {
    let mut read = Read::new();
    for entry in kept(store.inbox(false, 10_000).await)? {
        if let Some(row) = kept(store.arrival(entry.envelope).await)?.filter(|row| !row.damaged) {
            read.insert(format!("in {}", row.envelope), format!("{entry:?} {row:?}").into_bytes());
        }
    }
    for row in kept(store.outbox(10_000).await)?.into_iter().filter(|row| !row.damaged) {
        read.insert(format!("out {}", row.envelope), format!("{row:?}").into_bytes());
    }
    for row in kept(store.uncarried("relay-1", 1, pouch_wire::Timestamp(0)).await)? {
        read.insert(format!("to send {}", row.envelope), format!("{row:?}").into_bytes());
    }
    let named = store.scrub().await?;
    store.close().await?;
    Ok((read, named))
}
