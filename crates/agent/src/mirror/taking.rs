//! Takes what a relay's log has more: fetched, held against the checkpoint, folded.

use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::{Directory, Outcome};
use pouch_net::Session;
use pouch_store::Prekeys as _;
use pouch_wire::session::{LogEntries, LogName, ReadLog};
use tracing::info;

use super::{ASK_WITHIN, MirrorKeeper};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::monitor::{self, Entered, Own};
use crate::prekeys;

impl MirrorKeeper {
    /// Folds new entries into a directory; what is told of them: that it grew, and every statement about
    /// our member, with what came of it.
    pub(super) async fn fold(
        &self,
        directory: &mut Directory,
        from: u64,
        entries: &[Vec<u8>],
        desk: &Desk,
    ) -> Result<Vec<Happening>, AgentError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let (current, next) = desk.signing_publics();
        let own = Own {
            me: &desk.me,
            keys: monitor::keys_of(&desk.me, &self.directory.now_view()),
            prekeys: self.store.prekeys().await?.into_iter().map(|row| row.id).collect(),
            since: (desk.clock)().before(prekeys::KEPT_AFTER),
            held: [Some(current), next].into_iter().flatten().map(|key| key.id()).collect(),
            transport: monitor::transports_of(&desk.me, &self.directory.now_view()),
        };
        let mut happenings = Vec::new();
        for (index, entry) in (from..).zip(entries).filter(|(index, _)| *index > 0) {
            let member = &desk.me.member;
            let waited = directory.now_view().recoveries().find(|waiting| waiting.member == *member);
            let outcome = directory.apply(index, entry);
            if let Outcome::NoEffect(refused) = &outcome {
                info!(index, code = refused.code(), "an entry of the directory has no effect");
            }
            let veto_until = directory.recovery_waits_until(member);
            let (made, first_copy) = (desk.has_made(entry), from <= 1);
            let entered = Entered { outcome: &outcome, made, veto_until, first_copy };
            happenings.extend(monitor::about_us(index, entry, entered, &own));
            happenings.extend(monitor::recovered(index, waited.as_ref(), member, &directory.now_view()));
        }
        let words = format!("the directory has {} entries now", directory.size());
        happenings.insert(0, Happening::new(EventKind::Directory, "", words));
        Ok(happenings)
    }

    /// The entries that this node lacks, up to a size.
    pub(super) async fn missing(&self, session: &Session, size: u64) -> Result<Vec<Vec<u8>>, AgentError> {
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
}

/// Entries asked for at a time.
pub(super) const PAGE: u32 = 256;
/// How long all entries that are missing may take.
pub(super) const FETCH_WITHIN: Duration = Duration::from_secs(60);
