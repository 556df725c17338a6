//! The directory as a courier brings it: it proves itself like that of a relay, by a checkpoint that a quorum
//! cosigned and that extends the last one believed.
//!
//! A courier is nobody. What does not hold raises no alarm, or whoever lays down a stick could raise it; only
//! two checkpoints that the log itself signed and that contradict each other do, because nobody else can make
//! those.

use pouch_notice::Excerpt;
use pouch_tlog::{AcceptError, Checkpoint, Note};
use tokio::sync::oneshot;

use super::{Grown, MirrorKeeper, is_too_old};
use crate::desk::Desk;
use crate::error::AgentError;

/// What stands before words about a courier's file, where a relay has its name.
const COURIER: &str = "a courier's file";

/// A directory that is offered to the mirror, and where it answers.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) excerpt: Excerpt,
    pub(crate) answer: oneshot::Sender<Offered>,
}

/// What the mirror says of what is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is believed from now on.
    Taken,
    /// This node has as much, as newly witnessed.
    NothingNew,
    /// It is not taken: code and words.
    Refused(&'static str, String),
}

impl MirrorKeeper {
    /// Takes what holds, and says what became of it.
    pub(super) async fn judge_offer(&mut self, offer: Offer, desk: &Desk) -> Result<(), AgentError> {
        let Offer { excerpt, answer } = offer;
        let offered = self.offered(excerpt, desk).await?;
        // Who offered it may have gone.
        answer.send(offered).ok();
        Ok(())
    }

    async fn offered(&mut self, excerpt: Excerpt, desk: &Desk) -> Result<Offered, AgentError> {
        let refused = |code, words: &str| Ok(Offered::Refused(code, words.to_owned()));
        let Ok(note) = Note::parse(&excerpt.checkpoint) else {
            return refused("POUCH-COU-20", "its checkpoint is none");
        };
        let Ok(claimed) = Checkpoint::parse(note.text()) else {
            return refused("POUCH-COU-20", "its checkpoint is none");
        };
        let have = self.tree.size();
        if claimed.size() < self.last.size() || claimed.size() < have {
            return Ok(Offered::NothingNew);
        }
        // What this node has is not read again: whether it is the same is what the root says.
        let Some(skip) = have.checked_sub(excerpt.from).and_then(|skip| usize::try_from(skip).ok()) else {
            let words = format!("its entries begin at {}, and this node has {have}", excerpt.from);
            return refused("POUCH-COU-21", &words);
        };
        let entries = excerpt.entries.into_vec().into_iter().skip(skip).map(pouch_wire::Blob::into_vec);
        let entries: Vec<Vec<u8>> = entries.collect();
        let same_size = claimed.size() == self.last.size();
        let (tree, entries) = match self.tree.grown(&entries, claimed.size(), claimed.root()) {
            Some(tree) => (tree, entries),
            // A log that signed two trees of one size is found out below.
            None if same_size => (self.tree.clone(), Vec::new()),
            None => {
                return refused(
                    "POUCH-COU-22",
                    "its entries are not those of its checkpoint, or of another log",
                );
            }
        };
        let proof = tree.consistency(self.last.size(), claimed.size()).unwrap_or_default();
        let policy = self.directory.now_view().directory_policy();
        let (last, accepted) = match self.last.accept(&policy, note, &proof) {
            Ok(accepted) => accepted,
            Err(error) => return self.not_accepted(error, desk).await,
        };
        let known = self.believed.borrow().clone();
        if accepted.size() == known.size && accepted.cosigned_at() <= known.cosigned_at {
            return Ok(Offered::NothingNew);
        }
        let from = self.tree.size();
        let mut directory = self.directory.clone();
        let happenings = self.fold(&mut directory, from, &entries, desk).await?;
        let too_old = desk.time_is_sure() && is_too_old(accepted.cosigned_at(), (desk.clock)());
        if too_old && !directory.now_view().ends_with_a_change() {
            return refused(
                "POUCH-COU-23",
                "it was not witnessed for more than a day; no new key is taken from it",
            );
        }
        let cosigned_at = accepted.cosigned_at();
        let grown = Grown { from, entries, last, accepted, tree, directory };
        self.believe(grown, &happenings, desk).await?;
        desk.compare_with_others(cosigned_at).await?;
        Ok(Offered::Taken)
    }

    async fn not_accepted(&mut self, error: AcceptError, desk: &Desk) -> Result<Offered, AgentError> {
        let words = error.to_string();
        Ok(match error {
            AcceptError::Forked { size, fork } => {
                self.keep(&fork).await?;
                let told = format!(
                    "the directory log shows two faces: a courier brought a checkpoint of {size} entries that \
                     contradicts the one that this node believes; both are kept as evidence"
                );
                self.tell(COURIER, "POUCH-MIR-02", &told, desk).await?;
                Offered::Refused("POUCH-MIR-02", words)
            }
            // Its keys or witnesses may be those of after a change that this node has not heard of.
            other => Offered::Refused("POUCH-COU-24", format!("{} ({words})", other.code())),
        })
    }
}
