//! What is told of a relay's log that is not followed.

use pouch_store::Mirror as _;
use pouch_tlog::AcceptError;
use tracing::info;

use super::MirrorKeeper;
use crate::desk::Desk;
use crate::error::AgentError;

impl MirrorKeeper {
    /// Whether the relay that keeps the directory's log says that it does not have what it showed us.
    pub(super) fn has_lost(&self, relay: &str, code: &str) -> bool {
        let view = self.directory.now_view();
        let keeps_it = view.relays().first().is_some_and(|first| *first.name == *relay);
        keeps_it && self.last.size() > 0 && matches!(code, "POUCH-RLY-10" | "POUCH-RLY-11")
    }

    pub(super) async fn went_back(&mut self, relay: &str, desk: &Desk) -> Result<(), AgentError> {
        let words = format!(
            "the directory of {relay} has fewer entries than the {} that it showed before: it was put back to an \
             older copy, or hides what it showed; this node keeps what it believes",
            self.last.size()
        );
        self.tell(relay, "POUCH-MIR-04", &words, desk).await
    }

    /// Raises an alarm once, however often the log is looked at.
    pub(super) async fn tell(
        &mut self,
        relay: &str,
        code: &'static str,
        words: &str,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        if self.told.insert((relay.to_owned(), code)) { desk.alarm(code, words).await } else { Ok(()) }
    }

    pub(super) async fn refuse(
        &mut self,
        error: AcceptError,
        relay: &str,
        desk: &Desk,
    ) -> Result<(), AgentError> {
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
            AcceptError::Policy(error) => {
                // A relay publishes at a quorum: what it shows without one is shown to be believed.
                let words = format!(
                    "{relay} shows a checkpoint of the directory's log that must not be believed: {error}; this node \
                     keeps what it believes"
                );
                self.tell(relay, "POUCH-MIR-12", &words, desk).await
            }
            _ => {
                info!(code = error.code(), "checkpoint not accepted");
                Ok(())
            }
        }
    }
}
