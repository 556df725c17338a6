//! Relays are asked side by side what follows what this node has.

use std::collections::BTreeMap;

use pouch_net::{RequestError, Session};
use pouch_wire::session::{Consistency, LogName, ReadConsistency};
use tokio::task::JoinSet;

use super::ASK_WITHIN;
use crate::desk::Desk;

/// Relays are asked side by side, each one question at a time: a slow one keeps no other waiting.
#[derive(Debug, Default)]
pub(super) struct Asking {
    pub(super) under_way: JoinSet<Answered>,
    /// Who is asked now, and whether it was to be asked once more meanwhile.
    relays: BTreeMap<String, bool>,
}

/// A relay's answer to the question what follows a size.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) relay: String,
    pub(super) session: Session,
    pub(super) from: u64,
    pub(super) answer: Result<Consistency, RequestError>,
}

impl Asking {
    /// Asks every relay that has a session.
    pub(super) fn all(&mut self, desk: &Desk, from: u64) {
        for line in desk.links.all() {
            if let Some(session) = line.session {
                self.one(line.relay.name, session, from);
            }
        }
    }

    /// Asks one relay, or notes that it is to be asked once more.
    pub(super) fn one(&mut self, relay: String, session: Session, from: u64) {
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
    pub(super) fn is_back(&mut self, relay: &str) -> bool {
        self.relays.remove(relay).unwrap_or(false)
    }
}
