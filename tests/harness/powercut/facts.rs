//! What a store says of itself, all of it that anybody could have been promised, read by the product's code.
//!
//! Two stores that say the same are the same here. So a store after a power cut can be looked up among all
//! those that it once was: one that it never was is damaged, however well it opens.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use pouch_crypto::sha256;
use pouch_store::{
    AgentStore, Checkpoints as _, DirectoryLog as _, EventLog as _, Inbox as _, Ladder as _, Mailboxes as _,
    MessageLog as _, Mirror as _, Outbox as _, Prekeys as _, RelayStore, SmallValues as _, StoreError,
    WitnessLife as _, WitnessMemory as _,
};
use pouch_wire::session::LogName;
use pouch_wire::{ContactPoint, EnvelopeId, Environment};

use crate::disk::Image;

/// SHA-256 of something, or an id.
pub(crate) type Hash = [u8; 32];
/// A size of a log and what stands for it.
pub(crate) type Size = (u64, Vec<u8>);

/// The logs of a relay, in the order of their facts.
pub(crate) const LOGS: [LogName; 2] = [LogName::Directory, LogName::Messages];
const ALL: u32 = 100_000;

/// What is asked about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) envelopes: Vec<EnvelopeId>,
    pub(crate) offices: Vec<ContactPoint>,
    pub(crate) origins: Vec<String>,
}

/// What a relay's store says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct RelayFacts {
    pub(crate) leaves: Vec<Hash>,
    /// The message log's records: envelope, and what stands for header, signature and time.
    pub(crate) records: Vec<(Hash, Hash)>,
    /// What waits for whom, as it would be handed over.
    pub(crate) mail: BTreeMap<(Hash, String), Hash>,
    pub(crate) usage: Vec<(String, u64, u64)>,
    pub(crate) entries: Vec<Hash>,
    pub(crate) signed: [Option<Size>; 2],
    pub(crate) published: [Option<Size>; 2],
    pub(crate) secrets: Option<Vec<u8>>,
}

/// A message that a node sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sent {
    pub(crate) sealed: Hash,
    /// The relays that answered, with the receipt.
    pub(crate) carried: Vec<(String, Vec<u8>)>,
    pub(crate) ladder: Vec<(String, u8)>,
}

/// A message that came to a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Came {
    pub(crate) stored: Hash,
    pub(crate) refused: bool,
    pub(crate) acknowledged: bool,
    pub(crate) proved: bool,
    pub(crate) log: Option<(String, u64)>,
}

/// What a node's store, or a witness's, says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct AgentFacts {
    pub(crate) outbox: BTreeMap<Hash, Sent>,
    pub(crate) inbox: BTreeMap<Hash, Came>,
    pub(crate) events: BTreeMap<u64, (String, String)>,
    pub(crate) prekeys: BTreeMap<Hash, Hash>,
    pub(crate) entries: Vec<Hash>,
    pub(crate) accepted: Option<(u64, Hash)>,
    /// The next place in the sequence to each office.
    pub(crate) places: BTreeMap<String, (u64, u64)>,
    /// What is known of the order of each office's messages.
    pub(crate) orders: BTreeMap<String, Hash>,
    pub(crate) witness: BTreeMap<String, (u64, Hash)>,
    pub(crate) born: Option<(Option<Hash>, Option<String>)>,
}

/// What a machine's store says; nothing where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Facts {
    Relay(Box<RelayFacts>),
    Agent(Box<AgentFacts>),
}

/// Where a machine keeps its store, and of which kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) relay: bool,
}

impl Place {
    /// The store of a machine, as its record names it.
    pub(crate) fn of(machine: &str, image: &Image) -> Option<Self> {
        ["relay", "agent", "witness"].into_iter().find_map(|name| {
            let path = format!("/{machine}/data/{name}.sqlite");
            image.contains_key(&path).then(|| Self { relay: name == "relay", path })
        })
    }
}

/// Opens a store in an image, as a restart would, and reads all of it. `noise` stands in the file of shared
/// memory, which no power cut keeps as it was.
pub(crate) async fn read(
    image: &Image,
    place: &Place,
    known: &Known,
    under: &Path,
    noise: Option<&[u8]>,
) -> Result<Facts, StoreError> {
    let folder = tempfile::tempdir_in(under)?;
    let database = folder.path().join("data.sqlite");
    for (end, bytes) in ["", "-wal", "-journal"].map(|end| (end, image.get(&format!("{}{end}", place.path))))
    {
        if let Some(bytes) = bytes {
            put(&database, end, bytes)?;
        }
    }
    if let Some(noise) = noise {
        put(&database, "-shm", noise)?;
    }
    // One reserve for all of them: to take it anew takes longer than everything else, and it holds nothing.
    std::os::unix::fs::symlink(under.join("room"), database.with_extension("reserve"))?;
    if place.relay {
        let store = RelayStore::open(&database)?;
        let facts = relay(&store, known).await;
        store.close().await?;
        return facts.map(|facts| Facts::Relay(Box::new(facts)));
    }
    let store = AgentStore::open(&database)?;
    let facts = agent(&store, known).await;
    store.close().await?;
    facts.map(|facts| Facts::Agent(Box::new(facts)))
}

fn put(database: &Path, end: &str, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

fn hash(bytes: &[u8]) -> Hash {
    *sha256(bytes).as_bytes()
}

fn hashes(all: &[Vec<u8>]) -> Vec<Hash> {
    all.iter().map(|bytes| hash(bytes)).collect()
}

async fn relay(store: &RelayStore, known: &Known) -> Result<RelayFacts, StoreError> {
    let mut facts = RelayFacts {
        leaves: hashes(&store.leaves(0, ALL).await?),
        entries: hashes(&store.entries(0, ALL).await?),
        secrets: store.meta("server-secrets").await?,
        ..RelayFacts::default()
    };
    for record in store.signature_records(0, ALL).await? {
        let at = record.accepted_at.0.to_be_bytes();
        let all = [record.header.as_slice(), record.signature.as_slice(), at.as_slice()].concat();
        facts.records.push((*record.envelope.as_bytes(), hash(&all)));
    }
    for to in store.recipients_with_pending().await? {
        for waiting in store.pending(&to, ALL).await? {
            let parcel = store.load(waiting.envelope, &to).await?;
            let parcel =
                parcel.ok_or_else(|| StoreError::Damaged("a message that waits is not there".into()))?;
            let all = [&parcel.header, &parcel.signature.to_vec(), &parcel.stanza, &parcel.payload];
            let all: Vec<u8> = all.into_iter().flatten().copied().collect();
            facts.mail.insert((*waiting.envelope.as_bytes(), to.to_string()), hash(&all));
        }
    }
    for office in &known.offices {
        let usage = store.usage(office).await?;
        facts.usage.push((office.to_string(), usage.bytes, usage.messages));
    }
    for (log, (signed, published)) in LOGS.into_iter().zip(facts.signed.iter_mut().zip(&mut facts.published))
    {
        *signed = store.signed(log).await?.map(|row| (row.size, row.root.as_bytes().to_vec()));
        *published = store.published(log).await?.map(|row| (row.size, row.note));
    }
    Ok(facts)
}

async fn agent(store: &AgentStore, known: &Known) -> Result<AgentFacts, StoreError> {
    let mut facts = AgentFacts::default();
    for envelope in &known.envelopes {
        if let Some(sent) = sent(store, *envelope).await? {
            facts.outbox.insert(*envelope.as_bytes(), sent);
        }
        if let Some(row) = store.arrival(*envelope).await? {
            if row.damaged {
                return Err(StoreError::Damaged(format!("arrival {envelope}")));
            }
            let came = Came {
                stored: hash(&row.stored),
                refused: row.refused.is_some(),
                acknowledged: row.acknowledged_at.is_some(),
                proved: row.proof.is_some(),
                log: row.log,
            };
            facts.inbox.insert(*envelope.as_bytes(), came);
        }
    }
    for row in store.events(0, ALL).await? {
        facts.events.insert(row.number, (row.code, row.words));
    }
    for row in store.prekeys().await? {
        facts.prekeys.insert(*row.id.as_bytes(), hash(&row.wrapped));
    }
    facts.entries = hashes(&mirrored(store).await?);
    facts.accepted = store.accepted_checkpoint().await?.map(|row| (row.size, *row.root.as_bytes()));
    for place in store.reserve(known.offices.clone(), Environment::Live).await? {
        facts.places.insert(place.recipient.to_string(), (place.epoch, place.n));
    }
    for office in &known.offices {
        if let Some(state) = store.sequence_in(office, Environment::Live).await? {
            facts.orders.insert(office.to_string(), hash(&state));
        }
    }
    for origin in &known.origins {
        if let Some((size, root)) = store.witness_state(origin).await? {
            facts.witness.insert(origin.clone(), (size, *root.as_bytes()));
        }
    }
    facts.born =
        store.witness_birth().await?.map(|birth| (birth.mark.map(|mark| *mark.as_bytes()), birth.stopped));
    Ok(facts)
}

async fn sent(store: &AgentStore, envelope: EnvelopeId) -> Result<Option<Sent>, StoreError> {
    let Some(row) = store.outgoing(envelope).await? else { return Ok(None) };
    if row.damaged {
        return Err(StoreError::Damaged(format!("outgoing {envelope}")));
    }
    let carried = store.carriages(envelope).await?;
    let ladder = store.ladder(envelope).await?;
    Ok(Some(Sent {
        sealed: hash(&row.sealed),
        carried: carried.into_iter().map(|one| (one.relay, one.receipt.unwrap_or_default())).collect(),
        ladder: ladder.into_iter().map(|one| (one.recipient.to_string(), one.rung as u8)).collect(),
    }))
}

async fn mirrored(store: &AgentStore) -> Result<Vec<Vec<u8>>, StoreError> {
    pouch_store::Mirror::entries(store, 0, ALL).await
}
