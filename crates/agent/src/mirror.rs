//! The node's own copy of the directory log, and what it believes because of it.
//!
//! A checkpoint is believed when the log signed it, a quorum of distinct witnesses cosigned it, and it
//! extends the last one believed. It never goes back. An entry counts only when it lies in a believed
//! checkpoint. Two checkpoints that contradict each other are kept and raise an alarm that stays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::{CharterFile, Directory, Outcome};
use pouch_net::{RequestError, Session};
use pouch_store::AgentStore;
use pouch_tlog::{AcceptError, KeyName, LastAccepted, LeafHash, MemoryTree, Note};
use pouch_wire::session::{Consistency, LogEntries, LogName, ReadConsistency, ReadLog};
use pouch_wire::{Canonical as _, Digest, Timestamp};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// What a node believes.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    pub(crate) directory: Arc<Directory>,
    /// Size of the newest checkpoint believed; zero before the first.
    pub(crate) size: u64,
    /// Its root.
    pub(crate) root: Digest,
    /// When its quorum had cosigned.
    pub(crate) cosigned_at: Option<Timestamp>,
}

/// Owns the mirror.
pub(crate) struct MirrorKeeper {
    store: AgentStore,
    last: LastAccepted,
    tree: MemoryTree,
    directory: Directory,
    believed: watch::Sender<Arc<Believed>>,
    /// What each relay's log was found to do, and is told of until it is seen to be sound again.
    told: BTreeSet<(String, &'static str)>,
}

impl MirrorKeeper {
    /// Restores the mirror from the store; a new one begins with the charter file.
    pub(crate) async fn restore(
        store: AgentStore,
        charter: &CharterFile,
    ) -> Result<(Self, watch::Receiver<Arc<Believed>>), AgentError> {
        let founded = charter.found().map_err(|error| AgentError::Charter(error.to_string()))?;
        seed(&store, charter).await?;
        let mut directory =
            Directory::found(&charter.charter).map_err(|error| AgentError::Charter(error.to_string()))?;
        let mut tree = MemoryTree::default();
        let first = charter.charter.to_bytes()?;
        loop {
            let from = tree.size();
            let entries = store.entries(from, PAGE).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if tree.size() == 0 && entry != first {
                    return Err(AgentError::Charter(
                        "the stored directory begins with another charter".into(),
                    ));
                }
                if tree.size() > 0 {
                    directory.apply(tree.size(), &entry);
                }
                tree.append(LeafHash::of(&entry));
            }
        }
        let origin = KeyName::new(founded.charter().directory_log.origin.to_string())
            .map_err(|error| AgentError::Charter(error.to_string()))?;
        let (last, cosigned_at) = restore_last(&store, origin, &directory).await?;
        let believed = Believed {
            directory: Arc::new(directory.clone()),
            size: last.size(),
            root: last.checkpoint().map_or_else(pouch_tlog::empty_root, pouch_tlog::Checkpoint::root),
            cosigned_at,
        };
        let (believed, receiver) = watch::channel(Arc::new(believed));
        let told = BTreeSet::new();
        Ok((Self { store, last, tree, directory, believed, told }, receiver))
    }

    /// Looks at the relays' copies whenever asked, until the node ends.
    pub(crate) async fn serve(
        mut self,
        desk: Arc<Desk>,
        mut wake: mpsc::Receiver<()>,
        shutdown: tokio_util::sync::CancellationToken,
    ) -> Result<(), AgentError> {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                woken = wake.recv() => if woken.is_none() { return Ok(()) },
                _ = every.tick() => {}
            }
            for line in desk.links.all() {
                let Some(session) = line.session else { continue };
                match self.look(&line.relay, &session, &desk).await {
                    Ok(()) => {}
                    Err(error) if error.is_storage() => return Err(error),
                    Err(error) => info!(relay = line.relay, code = error.code(), "directory not read"),
                }
            }
        }
    }

    /// Takes what is new from one relay.
    async fn look(&mut self, relay: &str, session: &Session, desk: &Desk) -> Result<(), AgentError> {
        let question = ReadConsistency { log: LogName::Directory, from: self.last.size() };
        let answer: Consistency = match session.request(&question, ASK_WITHIN).await {
            Ok(answer) => answer,
            Err(RequestError::Refused(refused)) if self.has_lost(relay, &refused.code) => {
                return self.went_back(relay, desk).await;
            }
            Err(error) => return Err(error.into()),
        };
        let Ok(note) = Note::parse(&answer.checkpoint) else {
            warn!("a relay's checkpoint is no note");
            return Ok(());
        };
        let policy = self.directory.now_view().directory_policy();
        let (last, accepted) = match self.last.accept(&policy, note, &answer.proof) {
            Ok(accepted) => accepted,
            Err(error) => return self.refuse(error, relay, desk).await,
        };
        let entries = self.missing(session, accepted.size()).await?;
        let mut tree = self.tree.clone();
        for entry in &entries {
            tree.append(LeafHash::of(entry));
        }
        if tree.root_at(accepted.size()).ok() != Some(accepted.root()) {
            let words = "a relay's entries of the directory do not belong to its own checkpoint";
            return self.tell(relay, "POUCH-MIR-01", words, desk).await;
        }
        let from = self.tree.size();
        let note = last.note().map(Note::to_bytes).unwrap_or_default();
        self.store.append_mirror(from, entries.clone(), note, accepted.size(), accepted.root()).await?;
        self.apply(from, &entries, desk).await?;
        self.tree = tree;
        self.last = last;
        self.told.retain(|(teller, _)| teller != relay);
        self.believed.send_replace(Arc::new(Believed {
            directory: Arc::new(self.directory.clone()),
            size: accepted.size(),
            root: accepted.root(),
            cosigned_at: accepted.cosigned_at(),
        }));
        if !entries.is_empty() {
            let words = format!("the directory has {} entries now", accepted.size());
            desk.tell(Happening::new(EventKind::Directory, "", words)).await?;
        }
        Ok(())
    }

    async fn missing(&self, session: &Session, size: u64) -> Result<Vec<Vec<u8>>, AgentError> {
        let mut entries: Vec<Vec<u8>> = Vec::new();
        loop {
            let have = self.tree.size().saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
            if have >= size {
                return Ok(entries);
            }
            let count = u32::try_from(size.saturating_sub(have)).unwrap_or(u32::MAX).min(PAGE);
            let question = ReadLog { log: LogName::Directory, from: have, count };
            let answer: LogEntries = session.request(&question, ASK_WITHIN).await?;
            if answer.entries.is_empty() {
                return Ok(entries);
            }
            entries.extend(answer.entries.into_vec().into_iter().map(pouch_wire::Blob::into_vec));
        }
    }

    async fn apply(&mut self, from: u64, entries: &[Vec<u8>], desk: &Desk) -> Result<(), AgentError> {
        for (index, entry) in (from..).zip(entries).filter(|(index, _)| *index > 0) {
            let outcome = self.directory.apply(index, entry);
            if let Outcome::NoEffect(refused) = &outcome {
                info!(index, code = refused.code(), "an entry of the directory has no effect");
            }
            desk.own_statement(index, entry, &outcome).await?;
        }
        Ok(())
    }

    /// Whether the relay that keeps the directory's log says that it does not have what it showed us.
    fn has_lost(&self, relay: &str, code: &str) -> bool {
        let view = self.directory.now_view();
        let keeps_it = view.relays().first().is_some_and(|first| *first.name == *relay);
        keeps_it && self.last.size() > 0 && matches!(code, "POUCH-RLY-10" | "POUCH-RLY-11")
    }

    async fn went_back(&mut self, relay: &str, desk: &Desk) -> Result<(), AgentError> {
        let words = format!(
            "the directory of {relay} has fewer entries than the {} that it showed before: it was put back to an \
             older copy, or hides what it showed; this node keeps what it believes",
            self.last.size()
        );
        self.tell(relay, "POUCH-MIR-04", &words, desk).await
    }

    /// Raises an alarm once, however often the log is looked at.
    async fn tell(
        &mut self,
        relay: &str,
        code: &'static str,
        words: &str,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        if self.told.insert((relay.to_owned(), code)) { desk.alarm(code, words).await } else { Ok(()) }
    }

    async fn refuse(&mut self, error: AcceptError, relay: &str, desk: &Desk) -> Result<(), AgentError> {
        match &error {
            AcceptError::Forked { size, fork } => {
                self.store.put_fork(fork.accepted.to_bytes(), fork.other.to_bytes()).await?;
                let words = format!(
                    "the directory log shows two faces: two checkpoints of {size} entries contradict each other; \
                     both are kept as evidence"
                );
                self.tell(relay, "POUCH-MIR-02", &words, desk).await
            }
            AcceptError::Proof(_) => {
                let words = "a relay's directory does not extend the one that this node believes";
                self.tell(relay, "POUCH-MIR-03", words, desk).await
            }
            AcceptError::Back { .. } => self.went_back(relay, desk).await,
            _ => {
                info!(code = error.code(), "checkpoint not accepted");
                Ok(())
            }
        }
    }
}

async fn seed(store: &AgentStore, charter: &CharterFile) -> Result<(), AgentError> {
    if store.mirror_size().await? > 0 {
        return Ok(());
    }
    // The charter file came by hand: what it holds is believed before any checkpoint.
    let mut entries = vec![charter.charter.to_bytes()?];
    entries.extend(charter.first_statements.iter().map(|statement| statement.to_vec()));
    Ok(store.seed_mirror(entries).await?)
}

async fn restore_last(
    store: &AgentStore,
    origin: KeyName,
    directory: &Directory,
) -> Result<(LastAccepted, Option<Timestamp>), AgentError> {
    let Some(note) = store.accepted_note().await? else { return Ok((LastAccepted::nothing(origin), None)) };
    let damaged = |error: String| AgentError::Charter(format!("the stored checkpoint is damaged: {error}"));
    let note = Note::parse(&note).map_err(|error| damaged(error.to_string()))?;
    let policy = directory.now_view().directory_policy();
    let cosigned_at = policy.check_strict(&note).ok().and_then(|met| met.cosigned_at());
    let last = LastAccepted::restore(origin, note).map_err(|error| damaged(error.to_string()))?;
    Ok((last, cosigned_at))
}

/// Entries asked for at a time.
const PAGE: u32 = 256;
const ASK_WITHIN: Duration = Duration::from_secs(15);
/// How often the log is looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(60);
