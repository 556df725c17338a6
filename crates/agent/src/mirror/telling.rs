//! What is told of a relay's log that is not followed.

use pouch_net::Session;
use pouch_store::Mirror as _;
use pouch_tlog::{AcceptError, Fork};
use tracing::info;

use super::MirrorKeeper;
use crate::desk::Desk;
use crate::error::AgentError;

impl MirrorKeeper {
    /// Whether the relay that keeps the directory's log says that it does not have what itself showed us. A new
    /// one, which has not caught up yet, never showed it.
    pub(super) async fn has_lost(
        &self,
        relay: &str,
        session: &Session,
        code: &str,
    ) -> Result<bool, AgentError> {
        let keeps_it = {
            let view = self.directory.now_view();
            view.relays().first().is_some_and(|first| *first.name == *relay)
        };
        if !keeps_it || self.last.size() == 0 || !matches!(code, "POUCH-RLY-10" | "POUCH-RLY-11") {
            return Ok(false);
        }
        Ok(self.shown_by(relay, session).await? >= self.last.size())
    }

    /// The largest directory that a relay with this key showed.
    async fn shown_by(&self, relay: &str, session: &Session) -> Result<u64, AgentError> {
        Ok(self.store.shown(relay.to_owned(), *session.peer().as_bytes()).await?)
    }

    /// Remembers how large the directory was that a relay showed.
    pub(super) async fn showed(
        &mut self,
        relay: &str,
        session: &Session,
        size: u64,
    ) -> Result<(), AgentError> {
        let who = (relay.to_owned(), *session.peer().as_bytes());
        if self.shown.get(&who).is_none_or(|shown| *shown < size) {
            self.store.put_shown(who.0.clone(), who.1, size).await?;
            self.shown.insert(who, size);
        }
        Ok(())
    }

    /// Keeps what proves a fork, unless it proves no more than what is kept.
    pub(super) async fn keep(&self, fork: &Fork) -> Result<(), AgentError> {
        let kept = self.store.forks().await?;
        if fork.adds_to(kept.iter().map(|kept| &*kept.other)) {
            self.store.put_fork(fork.accepted.to_bytes(), fork.other.to_bytes()).await?;
        }
        Ok(())
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
        session: &Session,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        match &error {
            AcceptError::Forked { size, fork } => {
                if !self.told.contains(&(relay.to_owned(), "POUCH-MIR-02")) {
                    self.keep(fork).await?;
                }
                let words = format!(
                    "the directory log shows two faces: two checkpoints of {size} entries contradict each other; \
                     both are kept as evidence"
                );
                self.tell(relay, "POUCH-MIR-02", &words, desk).await
            }
            AcceptError::Proof(_) => {
                let words =
                    format!("the directory of {relay} does not extend the one that this node believes");
                self.tell(relay, "POUCH-MIR-03", &words, desk).await
            }
            AcceptError::Back { found, .. } if self.shown_by(relay, session).await? > *found => {
                self.went_back(relay, desk).await
            }
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
