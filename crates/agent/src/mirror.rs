//! The node's own copy of the directory log, and what it believes because of it.
//!
//! A checkpoint is believed when the log signed it, a quorum of distinct witnesses cosigned it, and it
//! extends the last one believed. It never goes back. An entry counts only when it lies in a believed
//! checkpoint. Two checkpoints that contradict each other are kept and raise an alarm that stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::{CharterFile, Directory, Outcome};
use pouch_net::{RequestError, Session};
use pouch_store::{AcceptedCheckpoint, AgentStore, Mirror as _, MirrorStep, Prekeys as _};
use pouch_tlog::{AcceptError, KeyName, LastAccepted, LeafHash, MemoryTree, Note};
use pouch_wire::session::{Consistency, LogEntries, LogName, ReadConsistency, ReadLog};
use pouch_wire::{Canonical as _, Digest, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::monitor::{self, Own};
use crate::prekeys;

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
        is_what_was_accepted(&tree, &last)?;
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
        let mut asking = Asking::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                woken = wake.recv() => {
                    if woken.is_none() { return Ok(()) }
                    asking.all(&desk, self.last.size());
                }
                _ = every.tick() => asking.all(&desk, self.last.size()),
                Some(answered) = asking.under_way.join_next(), if !asking.under_way.is_empty() => {
                    let answered = answered.map_err(|_| AgentError::Damaged("a question ended".into()))?;
                    self.heard(answered, &mut asking, &desk).await?;
                }
            }
        }
    }

    /// Takes what a relay answered. An answer to an older question proves nothing about what is believed
    /// now: that relay is asked anew.
    async fn heard(
        &mut self,
        answered: Answered,
        asking: &mut Asking,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        let Answered { relay, session, from, answer } = answered;
        let missed = asking.is_back(&relay);
        if from == self.last.size() {
            match self.look(&relay, &session, answer, desk).await {
                Ok(()) => {}
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => info!(relay, code = error.code(), "directory not read"),
            }
        }
        if missed || from != self.last.size() {
            asking.one(relay, session, self.last.size());
        }
        Ok(())
    }

    /// Takes what is new from one relay's answer.
    async fn look(
        &mut self,
        relay: &str,
        session: &Session,
        answer: Result<Consistency, RequestError>,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        let answer = match answer {
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
        let known = self.believed.borrow().clone();
        if accepted.size() == known.size && accepted.cosigned_at() <= known.cosigned_at {
            // Nothing new: nothing is written, and nobody is woken.
            return Ok(());
        }
        let missing = self.missing(session, accepted.size());
        // A relay that gives one entry at a time keeps no other waiting for ever.
        let Ok(entries) = tokio::time::timeout(FETCH_WITHIN, missing).await else {
            info!(relay, "the directory's entries come too slowly");
            return Ok(());
        };
        let entries = entries?;
        let Some(tree) = self.tree.grown(&entries, accepted.size(), accepted.root()) else {
            let words = "a relay's entries of the directory do not belong to its own checkpoint";
            return self.tell(relay, "POUCH-MIR-01", words, desk).await;
        };
        let from = self.tree.size();
        let mut directory = self.directory.clone();
        let happenings = self.fold(&mut directory, from, &entries, desk).await?;
        let now = (desk.clock)();
        let step = MirrorStep {
            from,
            entries: entries.clone(),
            checkpoint: AcceptedCheckpoint {
                note: last.note().map(Note::to_bytes).unwrap_or_default(),
                size: accepted.size(),
                root: accepted.root(),
            },
            events: happenings.iter().map(|happening| happening.row(now)).collect(),
        };
        let numbers = self.store.append_mirror(step).await?;
        // What is stored is believed from here on; nothing may fail in between.
        self.directory = directory;
        self.tree = tree;
        self.last = last;
        self.told.retain(|(teller, _)| teller != relay);
        self.believed.send_replace(Arc::new(Believed {
            directory: Arc::new(self.directory.clone()),
            size: accepted.size(),
            root: accepted.root(),
            cosigned_at: accepted.cosigned_at(),
        }));
        desk.events.announce(&numbers);
        Ok(())
    }

    /// Folds new entries into a directory; what is told of them: that it grew, and every statement about
    /// our member, with what came of it.
    async fn fold(
        &self,
        directory: &mut Directory,
        from: u64,
        entries: &[Vec<u8>],
        desk: &Desk,
    ) -> Result<Vec<Happening>, AgentError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let own = Own {
            me: &desk.me,
            keys: monitor::keys_of(&desk.me, &self.directory.now_view()),
            prekeys: self.store.prekeys().await?.into_iter().map(|row| row.id).collect(),
            since: (desk.clock)().before(prekeys::KEPT_AFTER),
        };
        let mut happenings = Vec::new();
        for (index, entry) in (from..).zip(entries).filter(|(index, _)| *index > 0) {
            let outcome = directory.apply(index, entry);
            if let Outcome::NoEffect(refused) = &outcome {
                info!(index, code = refused.code(), "an entry of the directory has no effect");
            }
            happenings.extend(monitor::about_us(index, entry, &outcome, &own));
        }
        let words = format!("the directory has {} entries now", directory.size());
        happenings.insert(0, Happening::new(EventKind::Directory, "", words));
        Ok(happenings)
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
            let got = answer.entries.len();
            // More than was asked for would lie beyond the checkpoint: whoever sends that is not read on.
            if got == 0 || u32::try_from(got).is_ok_and(|got| got > count) {
                return Ok(entries);
            }
            entries.extend(answer.entries.into_vec().into_iter().map(pouch_wire::Blob::into_vec));
        }
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

/// The stored entries must be those of the checkpoint that was accepted: a bit that flipped on the disk
/// could turn a revocation into nothing.
fn is_what_was_accepted(tree: &MemoryTree, last: &LastAccepted) -> Result<(), AgentError> {
    let Some(checkpoint) = last.checkpoint() else { return Ok(()) };
    if tree.root_at(checkpoint.size()).ok() == Some(checkpoint.root()) {
        return Ok(());
    }
    Err(AgentError::Damaged("the stored directory is not the one that was accepted".into()))
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
    let Some(AcceptedCheckpoint { note, .. }) = store.accepted_checkpoint().await? else {
        return Ok((LastAccepted::nothing(origin), None));
    };
    let damaged = |error: String| AgentError::Charter(format!("the stored checkpoint is damaged: {error}"));
    let note = Note::parse(&note).map_err(|error| damaged(error.to_string()))?;
    let policy = directory.now_view().directory_policy();
    let cosigned_at = policy.check_strict(&note).ok().and_then(|met| met.cosigned_at());
    let last = LastAccepted::restore(origin, note).map_err(|error| damaged(error.to_string()))?;
    Ok((last, cosigned_at))
}

/// Relays are asked side by side, each one question at a time: a slow one keeps no other waiting.
#[derive(Debug, Default)]
struct Asking {
    under_way: JoinSet<Answered>,
    /// Who is asked now, and whether it was to be asked once more meanwhile.
    relays: BTreeMap<String, bool>,
}

/// A relay's answer to the question what follows a size.
#[derive(Debug)]
struct Answered {
    relay: String,
    session: Session,
    from: u64,
    answer: Result<Consistency, RequestError>,
}

impl Asking {
    fn all(&mut self, desk: &Desk, from: u64) {
        for line in desk.links.all() {
            if let Some(session) = line.session {
                self.one(line.relay.name, session, from);
            }
        }
    }

    fn one(&mut self, relay: String, session: Session, from: u64) {
        if let Some(missed) = self.relays.get_mut(&relay) {
            *missed = true;
            return;
        }
        self.relays.insert(relay.clone(), false);
        self.under_way.spawn(async move {
            let question = ReadConsistency { log: LogName::Directory, from };
            let answer = session.request(&question, ASK_WITHIN).await;
            Answered { relay, session, from, answer }
        });
    }

    /// A relay answered; whether it was to be asked once more.
    fn is_back(&mut self, relay: &str) -> bool {
        self.relays.remove(relay).unwrap_or(false)
    }
}

/// Entries asked for at a time.
const PAGE: u32 = 256;
const ASK_WITHIN: Duration = Duration::from_secs(15);
/// How long all entries that are missing may take.
const FETCH_WITHIN: Duration = Duration::from_secs(60);
/// How often the log is looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(60);
