//! The same mirror without a node around it: a witness follows which relays there are, and keeps what
//! proves a fork. It raises no alarms; its log of events says what it saw.

use pouch_net::{RequestError, Session};
use pouch_tlog::{AcceptError, Note};
use pouch_wire::session::Consistency;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::asking::Asking;
use super::taking::FETCH_WITHIN;
use super::{Grown, LOOK_EVERY, MirrorKeeper};
use crate::error::AgentError;
use crate::link::Links;

impl MirrorKeeper {
    /// Looks at the relays' copies whenever woken, and every minute, until the end.
    pub(crate) async fn follow(
        mut self,
        links: Links,
        mut wake: mpsc::Receiver<()>,
        shutdown: CancellationToken,
    ) -> Result<(), AgentError> {
        let mut every = tokio::time::interval(LOOK_EVERY);
        let mut asking = Asking::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                woken = wake.recv() => if woken.is_none() { return Ok(()) },
                _ = every.tick() => {}
                Some(answered) = asking.under_way.join_next(), if !asking.under_way.is_empty() => {
                    let answered = answered.map_err(|_| AgentError::Damaged("a question ended".into()))?;
                    let missed = asking.is_back(&answered.relay);
                    if answered.from == self.last.size() {
                        self.take(&answered.relay, &answered.session, answered.answer).await?;
                    }
                    if missed || answered.from != self.last.size() {
                        asking.one(answered.relay, answered.session, self.last.size());
                    }
                    continue;
                }
            }
            for line in links.all() {
                if let Some(session) = line.session {
                    asking.one(line.relay.name, session, self.last.size());
                }
            }
        }
    }

    /// Takes what is new from one relay's answer. Only storage that fails is an error.
    async fn take(
        &mut self,
        relay: &str,
        session: &Session,
        answer: Result<Consistency, RequestError>,
    ) -> Result<(), AgentError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                info!(relay, code = error.code(), "directory not read");
                return Ok(());
            }
        };
        let Ok(note) = Note::parse(&answer.checkpoint) else { return Ok(()) };
        let policy = self.directory.now_view().directory_policy();
        let (last, accepted) = match self.last.accept(&policy, note, &answer.proof) {
            Ok(accepted) => accepted,
            Err(AcceptError::Forked { size, fork }) => {
                if self.told.insert((relay.to_owned(), "POUCH-MIR-02")) {
                    error!(relay, size, code = "POUCH-MIR-02", "the directory log shows two faces");
                    self.keep(&fork).await?;
                }
                return Ok(());
            }
            Err(error) => {
                info!(relay, code = error.code(), "checkpoint not accepted");
                return Ok(());
            }
        };
        let entries = match tokio::time::timeout(FETCH_WITHIN, self.missing(session, accepted.size())).await {
            Ok(Ok(entries)) => entries,
            Ok(Err(error)) if error.is_fatal() => return Err(error),
            Ok(Err(_)) | Err(_) => {
                info!(relay, "the directory's entries did not come");
                return Ok(());
            }
        };
        let Some(tree) = self.tree.grown(&entries, accepted.size(), accepted.root()) else {
            error!(relay, code = "POUCH-MIR-01", "entries that are not those of the checkpoint");
            return Ok(());
        };
        let from = self.tree.size();
        let mut directory = self.directory.clone();
        for (index, entry) in (from..).zip(&entries).filter(|(index, _)| *index > 0) {
            directory.apply(index, entry);
        }
        // A witness tells its people nothing of it.
        let grown = Grown { from, entries, last, accepted, tree, directory };
        self.adopt(grown, Vec::new()).await?;
        self.told.retain(|(teller, _)| teller != relay);
        Ok(())
    }
}
