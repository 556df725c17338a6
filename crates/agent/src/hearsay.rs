//! What other offices say of the directory's log: every message, receipt and beacon cites the log as its
//! sender was shown it. Who is shown another past than we are is found out by the first message, and what
//! proves it is kept for good.

use std::collections::BTreeSet;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_crypto::Domain;
use pouch_envelope::{Arrived, prove_signer};
use pouch_notice::Doubt;
use pouch_store::{AgentStore, CitedRow, Gossip as _, Mirror as _, NewContradiction};
use pouch_tlog::{Citation, Compared, Hearsay};
use pouch_wire::{ContactPoint, Digest, Timestamp, limits};
use tokio::time::Instant;
use tracing::info;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// Offices of which something is kept.
const OFFICES_MAX: usize = 4096;
/// How long relays may take to show what another office was shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(75);

/// Enough of a root to compare two on the telephone.
fn short(root: Digest) -> String {
    root.to_string().chars().take(16).collect()
}

/// What was heard, and what was told of it.
#[derive(Debug)]
pub(crate) struct Heard {
    hearsay: Hearsay<ContactPoint>,
    began: Instant,
    /// So many first entries came by hand.
    by_hand: u64,
    /// Offices of which it was told that they are ahead of what our relays show.
    told_ahead: BTreeSet<ContactPoint>,
    /// Offices of which the store keeps that they cited what no quorum can have seen.
    refuted: BTreeSet<ContactPoint>,
}

impl Heard {
    /// What the store kept. What was ahead when the node stopped has its time again from now on.
    pub(crate) async fn restore(store: &AgentStore, by_hand: u64) -> Result<Self, AgentError> {
        let mut hearsay = Hearsay::new(OFFICES_MAX);
        for row in store.contradictions().await? {
            if row.settled_at.is_none() {
                hearsay.restore_contradiction(row.cited.office, row.cited.size, row.agreed);
            }
        }
        let mut refuted = BTreeSet::new();
        for (office, size) in store.refuted().await? {
            refuted.insert(office.clone());
            hearsay.restore_refuted(office, size);
        }
        for CitedRow { office, size, root, signed, at } in store.cited().await? {
            hearsay.hear(&office, Citation { size, root, signed }, None, Duration::ZERO, at);
        }
        Ok(Self { hearsay, began: Instant::now(), by_hand, told_ahead: BTreeSet::new(), refuted })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn overdue(&self) -> Vec<(ContactPoint, u64, Duration)> {
        let now = self.now();
        let overdue = self.hearsay.overdue(now, SHOWN_WITHIN);
        overdue.map(|one| (one.who.clone(), one.size, now.saturating_sub(one.since))).collect()
    }

    fn forget_who_is_ahead_no_more(&mut self) {
        let overdue = self.overdue();
        self.told_ahead.retain(|office| overdue.iter().any(|(who, ..)| who == office));
    }

    fn doubt(&self) -> Doubt {
        Doubt {
            undisputed: self.hearsay.undisputed(self.by_hand, |office| office.member.clone()),
            held_back: !self.told_ahead.is_empty(),
        }
    }
}

impl Desk {
    /// What others' words leave in doubt of our copy of the directory.
    pub(crate) async fn doubt(&self) -> Doubt {
        self.heard.lock().await.doubt()
    }

    /// Takes what a message's outside says of the log. Whether it is proved that its sender says so: what
    /// anybody could have written says nothing.
    pub(crate) async fn heard_header(&self, arrived: &Arrived) -> Result<bool, AgentError> {
        if !self.is_said_by_its_sender(arrived) {
            return Ok(false);
        }
        let header = arrived.header();
        let mut signed = arrived.header_bytes().to_vec();
        signed.extend_from_slice(&arrived.signature().0.0);
        self.heard_checkpoint(&header.sender, header.directory_size, header.directory_root, signed).await?;
        Ok(true)
    }

    /// A sender that is ahead of us is proved by the key that it has in the directory as we know it.
    fn is_said_by_its_sender(&self, arrived: &Arrived) -> bool {
        let (directory, header) = (self.directory(), arrived.header());
        let signature = arrived.signature();
        if header.directory_size <= directory.size() {
            return prove_signer(header, arrived.header_bytes(), &signature, &directory).is_ok();
        }
        let view = directory.now_view();
        let known = view.may_sign(&header.sender, header.environment, header.sender_key);
        let context = directory.context(header.environment);
        header.network == directory.network()
            && known.is_ok_and(|authority| {
                authority.key.verify(Domain::Envelope, &context, arrived.header_bytes(), &signature).is_ok()
            })
    }

    /// Takes what an office says of the log: that it was shown so many entries under this root. `signed`
    /// proves that it said so, and the caller has checked it.
    pub(crate) async fn heard_checkpoint(
        &self,
        from: &ContactPoint,
        size: u64,
        root: Digest,
        signed: Vec<u8>,
    ) -> Result<Compared, AgentError> {
        let mut heard = self.heard.lock().await;
        // Under the lock: the mirror compares what waits after it has grown, and asks for the lock then.
        let ours = self.directory().root_at(size);
        let citation = Citation { size, root, signed };
        let (since, at) = (heard.now(), (self.clock)());
        let came = heard.hearsay.hear(from, citation.clone(), ours, since, at);
        match came.compared {
            Compared::Ahead => {
                let Citation { size, root, signed } = citation;
                self.store.put_cited(CitedRow { office: from.clone(), size, root, signed, at }).await?;
                self.wake_mirror();
            }
            Compared::Agrees | Compared::Contradicts(_) => {
                self.compared(&mut heard, from, citation, came, at).await?;
            }
        }
        Ok(came.compared)
    }

    /// Compares what waited with what the mirror has now, and what it was cosigned at.
    pub(crate) async fn compare_with_others(&self, cosigned_at: Option<Timestamp>) -> Result<(), AgentError> {
        let mut heard = self.heard.lock().await;
        let believed = self.believed.borrow().clone();
        let at = (self.clock)();
        for (from, citation, came) in heard.hearsay.caught_up(|size| believed.directory.root_at(size)) {
            self.store.forget_cited(&from, citation.size).await?;
            self.compared(&mut heard, &from, citation, came, at).await?;
        }
        heard.forget_who_is_ahead_no_more();
        // A clock that is wrong would make liars of honest offices.
        let Some(cosigned_at) = cosigned_at.filter(|_| self.time_is_sure()) else { return Ok(()) };
        let skew = limits::CLOCK_SKEW_MS_MAX;
        for (from, size) in heard.hearsay.refute(believed.size, cosigned_at, skew) {
            self.store.put_refuted(&from, size).await?;
            heard.told_ahead.remove(&from);
            heard.refuted.insert(from.clone());
            let words = format!(
                "{from} cites a directory of {size} entries, and after that a quorum of witnesses saw one of {}: \
                 its node is broken, or it lies",
                believed.size
            );
            self.alarm("POUCH-MIR-08", words).await?;
        }
        Ok(())
    }

    async fn compared(
        &self,
        heard: &mut Heard,
        from: &ContactPoint,
        citation: Citation,
        came: pouch_tlog::Heard,
        at: Timestamp,
    ) -> Result<(), AgentError> {
        let size = citation.size;
        if heard.refuted.contains(from) && heard.hearsay.refuted(from).is_none() {
            self.store.forget_refuted(from).await?;
            heard.refuted.remove(from);
        }
        if let (Compared::Contradicts(ours), true) = (came.compared, came.is_new) {
            let words = format!(
                "the directory log shows {from} and us different pasts: of {size} entries it was shown the root {}, \
                 and we {}; what each of us was shown is kept as evidence, and nothing from {from} is called \
                 verified until this is cleared up",
                short(citation.root),
                short(ours)
            );
            let note = self.store.accepted_checkpoint().await?.map(|accepted| accepted.note);
            let Citation { size, root, signed } = citation;
            let new = NewContradiction {
                cited: CitedRow { office: from.clone(), size, root, signed, at },
                ours,
                note: note.unwrap_or_default(),
                agreed: heard.hearsay.agreed(from),
                events: vec![Happening::new(EventKind::Alarm, "POUCH-MIR-05", words).row(at)],
            };
            self.events.announce(&self.store.put_contradiction(new).await?);
        }
        if came.settles {
            let words = format!("{from} and this node are shown the same directory again: {size} entries");
            let event = Happening::new(EventKind::Directory, "POUCH-MIR-07", words).row(at);
            self.events.announce(&self.store.settle_contradiction(from, at, event).await?);
        }
        Ok(())
    }

    /// Tells of offices that were shown more than our relays show us, when those had time to.
    pub(crate) async fn look_for_held_back(&self) -> Result<(), AgentError> {
        let connected = self.links.all().iter().any(|line| line.session.is_some());
        let mut heard = self.heard.lock().await;
        heard.forget_who_is_ahead_no_more();
        let overdue = heard.overdue();
        // Whoever is cut off knows that already.
        for (office, size, since) in overdue.into_iter().filter(|_| connected) {
            if !heard.told_ahead.insert(office.clone()) {
                continue;
            }
            let have = self.believed.borrow().size;
            info!(%office, size, have, "the directory is held back");
            let words = format!(
                "our directory is held back: {office} was shown {size} entries, and {} s later our relays still \
                 show us {have}; a key may have been revoked in what is missing",
                since.as_secs()
            );
            self.alarm("POUCH-MIR-06", words).await?;
        }
        Ok(())
    }
}
