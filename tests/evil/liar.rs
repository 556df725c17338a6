//! A relay whose conduct changes under way: honest until it is told to lie.

use std::sync::{Arc, PoisonError, RwLock};

use pouch_envelope::{Beacon, Header};
use pouch_relay::{Accepting, Conduct, Entering, Given, Handing, Honest, Keeping, Peer};
use pouch_store::Pending;
use pouch_wire::ContactPoint;
use pouch_wire::session::{
    Attached, Changed, Consistency, LogEntries, Proof, ReadConsistency, ReadLog, ReadProof,
};

/// Hands every decision to the conduct of the moment.
#[derive(Debug)]
pub struct Liar(RwLock<Arc<dyn Conduct>>);

impl Default for Liar {
    fn default() -> Self {
        Self(RwLock::new(Arc::new(Honest)))
    }
}

impl Liar {
    /// Lies like this from now on.
    pub fn begins(&self, lie: impl Conduct) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lie);
    }

    /// Is honest from now on.
    pub fn ends(&self) {
        self.begins(Honest);
    }

    fn now(&self) -> Arc<dyn Conduct> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Conduct for Liar {
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        self.now().hands_over(to, message)
    }

    fn hands_beacon(&self, to: &ContactPoint, beacon: &Beacon) -> Handing {
        self.now().hands_beacon(to, beacon)
    }

    fn forgets(&self, to: &ContactPoint, message: &Pending) -> Keeping {
        self.now().forgets(to, message)
    }

    fn accepts(&self, from: &Peer, header: &Header) -> Accepting {
        self.now().accepts(from, header)
    }

    fn enters(&self, from: &Peer, statement: &[u8], next: u64) -> Entering {
        self.now().enters(from, statement, next)
    }

    fn welcomes(&self, to: &Peer, honest: Attached) -> Attached {
        self.now().welcomes(to, honest)
    }

    fn tells(&self, to: &Peer, honest: Changed) -> Option<Changed> {
        self.now().tells(to, honest)
    }

    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        self.now().consistency(to, asked, honest)
    }

    fn entries(&self, to: &Peer, asked: &ReadLog, honest: Given<LogEntries>) -> Given<LogEntries> {
        self.now().entries(to, asked, honest)
    }

    fn proof(&self, to: &Peer, asked: &ReadProof, honest: Given<Proof>) -> Given<Proof> {
        self.now().proof(to, asked, honest)
    }
}
