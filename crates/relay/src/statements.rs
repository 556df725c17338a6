//! Where a statement goes that somebody brings: into the log, at the relay that sequences it; on to that
//! relay, at any other.

use std::sync::Arc;
use std::time::Duration;

use pouch_directory::{Directory, SignedStatement, Statement};
use pouch_net::{RequestError, refusal};
use pouch_wire::session::{Publish, Published, Refused};
use pouch_wire::{Blob, Canonical as _};
use tokio::sync::watch;
use tracing::info;

use crate::budget::Budget;
use crate::conduct::{Conduct, Entering};
use crate::neighbours::Neighbours;
use crate::run::Clock;
use crate::sequencer::Sequencer;
use crate::session::Peer;

/// Takes statements.
#[derive(Debug, Clone)]
pub(crate) enum Statements {
    /// Into this relay's own log.
    Sequenced(Sequencer),
    /// To the relay that sequences.
    Forwarded(Forwarder),
}

impl Statements {
    /// Puts a statement into the log; its index.
    pub(crate) async fn publish(&self, peer: &Peer, statement: Vec<u8>) -> Result<u64, Refused> {
        match self {
            Self::Sequenced(sequencer) => sequencer.publish(peer, statement).await,
            Self::Forwarded(forwarder) => forwarder.publish(peer, statement).await,
        }
    }
}

/// Passes statements on. What they say is judged by the relay that sequences, whose directory is newer; who
/// brings how many is judged here, because that relay sees only us.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder {
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) neighbours: Neighbours,
    pub(crate) budget: Arc<Budget>,
    pub(crate) clock: Clock,
    pub(crate) conduct: Arc<dyn Conduct>,
}

impl Forwarder {
    async fn publish(&self, peer: &Peer, statement: Vec<u8>) -> Result<u64, Refused> {
        if let Peer::Relay(_) | Peer::FormerRelay(_) = peer {
            // Two that each took the other for the sequencer would pass it on for ever.
            let words = "this relay does not sequence the directory, and takes no other relay\'s statements";
            return Err(refusal("POUCH-RLY-33", &words, Some(AGAIN)));
        }
        let malformed = |error: pouch_wire::DecodeError| {
            refusal("POUCH-DIR-01", &format!("not a signed statement: {error}"), None)
        };
        let signed = SignedStatement::from_bytes(&statement).map_err(malformed)?;
        let read = Statement::from_bytes(&signed.statement).map_err(malformed)?;
        let directory = self.directory.borrow().clone();
        if let Entering::Promise(index) = self.conduct.enters(peer, &statement, directory.size()) {
            return Ok(index);
        }
        let sequencer = directory.now_view().relays().first().map(|relay| relay.name.to_string());
        let session = sequencer.and_then(|name| self.neighbours.session(&name));
        let session = session.ok_or_else(|| unreachable("there is no session with it"))?;
        self.budget.take_for(peer, &read.act, (self.clock)())?;
        let statement = Blob::new(statement).map_err(|error| refusal("POUCH-DIR-01", &error, None))?;
        match session.request::<_, Published>(&Publish { statement }, WITHIN).await {
            Ok(published) => Ok(published.index),
            Err(RequestError::Refused(refused)) => Err(refused),
            Err(error) => {
                info!(code = error.code(), "statement not passed on");
                Err(unreachable(&error.to_string()))
            }
        }
    }
}

fn unreachable(why: &str) -> Refused {
    let words = format!("the relay that sequences the directory cannot be reached from here: {why}");
    refusal("POUCH-RLY-34", &words, Some(AGAIN))
}

/// How long the relay that sequences may take: less than a node waits for us.
const WITHIN: Duration = Duration::from_secs(10);
/// When a node may try again.
const AGAIN: Duration = Duration::from_secs(5);
