//! A copy of the directory: the product's rules of what is believed, around what a relay answered.

use pouch_directory::Directory;
use pouch_store::{AcceptedCheckpoint, AgentStore, Mirror as _, MirrorStep};
use pouch_tlog::{AcceptError, Fork, KeyName, LastAccepted, LeafHash, MemoryTree, Note};
use pouch_wire::{Digest, Timestamp};

use crate::defences::Defences;
use crate::founding::{DIRECTORY, Founding};

/// What a relay answers when it is asked what follows a size.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) note: Note,
    pub(crate) proof: Vec<Digest>,
    /// The entries from the size on that was named as the node's own.
    pub(crate) entries: Vec<Vec<u8>>,
}

/// A copy and what was believed last.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    pub(crate) last: LastAccepted,
    pub(crate) tree: MemoryTree,
    pub(crate) directory: Directory,
    pub(crate) cosigned_at: Option<Timestamp>,
}

/// What came of an answer.
#[derive(Debug)]
pub(crate) enum Looked {
    /// Nothing new.
    Same,
    /// It is believed; the step is to be stored.
    Grown(MirrorStep),
    /// It is not; the alarm's code.
    Alarm(&'static str),
    /// The log shows two faces: both notes.
    Forked(Box<Fork>),
    /// It is not, and nobody need know.
    Refused(&'static str),
}

impl Mirror {
    /// The copy that the charter file gives.
    pub(crate) fn new(founding: &Founding) -> Self {
        let tree = founding.entries().iter().map(|entry| LeafHash::of(entry)).collect();
        let last = LastAccepted::nothing(KeyName::new(DIRECTORY).unwrap());
        Self { last, tree, directory: founding.directory(), cosigned_at: None }
    }

    /// What a node's store kept.
    pub(crate) async fn restore(founding: &Founding, store: &AgentStore) -> Self {
        let mut directory = Directory::found(&founding.charter.charter).unwrap();
        let mut tree = MemoryTree::default();
        for entry in store.entries(0, u32::MAX).await.unwrap() {
            if tree.size() > 0 {
                directory.apply(tree.size(), &entry);
            }
            tree.append(LeafHash::of(&entry));
        }
        let origin = KeyName::new(DIRECTORY).unwrap();
        let Some(AcceptedCheckpoint { note, .. }) = store.accepted_checkpoint().await.unwrap() else {
            return Self { last: LastAccepted::nothing(origin), tree, directory, cosigned_at: None };
        };
        let note = Note::parse(&note).unwrap();
        let met = directory.now_view().directory_policy().check_strict(&note);
        let cosigned_at = met.ok().and_then(|met| met.cosigned_at());
        Self { last: LastAccepted::restore(origin, note).unwrap(), tree, directory, cosigned_at }
    }

    /// Size of the newest checkpoint believed; zero before the first.
    pub(crate) fn size(&self) -> u64 {
        self.last.size()
    }

    /// The root of the newest checkpoint believed.
    pub(crate) fn root(&self) -> Digest {
        self.last.checkpoint().map_or_else(pouch_tlog::empty_root, pouch_tlog::Checkpoint::root)
    }

    /// Judges an answer as the product does, and moves on when it is believed.
    pub(crate) fn look(&mut self, answer: Answer, founding: &Founding, defences: Defences) -> Looked {
        // The very same again: it would be accepted, and bring nothing.
        if self.last.note() == Some(&answer.note) {
            return Looked::Same;
        }
        let policy = self.directory.now_view().directory_policy();
        let (last, accepted) = match self.last.accept(&policy, answer.note.clone(), &answer.proof) {
            Ok(accepted) => accepted,
            Err(AcceptError::Back { .. }) if !defences.never_back => {
                return self.begin_anew(answer, founding, defences);
            }
            Err(error) => return refused(error),
        };
        if accepted.size() == self.size() && accepted.cosigned_at() <= self.cosigned_at {
            return Looked::Same;
        }
        let from = self.tree.size();
        let Some(tree) = self.tree.grown(&answer.entries, accepted.size(), accepted.root()) else {
            return Looked::Alarm("POUCH-MIR-01");
        };
        for (index, entry) in (from..).zip(&answer.entries) {
            self.directory.apply(index, entry);
        }
        let checkpoint =
            AcceptedCheckpoint { note: answer.note.to_bytes(), size: accepted.size(), root: accepted.root() };
        (self.last, self.tree, self.cosigned_at) = (last, tree, accepted.cosigned_at());
        Looked::Grown(MirrorStep { from, entries: answer.entries, checkpoint, events: Vec::new() })
    }

    /// What the defence is against: what was believed is forgotten when something smaller is shown.
    fn begin_anew(&mut self, answer: Answer, founding: &Founding, defences: Defences) -> Looked {
        *self = Self::new(founding);
        let already = usize::try_from(self.tree.size()).unwrap();
        let entries = answer.entries.get(already..).unwrap_or_default().to_vec();
        self.look(Answer { proof: Vec::new(), entries, ..answer }, founding, defences)
    }
}

fn refused(error: AcceptError) -> Looked {
    match error {
        AcceptError::Forked { fork, .. } => Looked::Forked(fork),
        AcceptError::Proof(_) => Looked::Alarm("POUCH-MIR-03"),
        AcceptError::Back { .. } => Looked::Alarm("POUCH-MIR-04"),
        other => Looked::Refused(other.code()),
    }
}
