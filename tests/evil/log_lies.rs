//! How a directory log lies, with its own keys and as many witnesses as the network is made to bear, and
//! what its victims must be told.

use std::time::Duration;

use pouch_relay::{Conduct, Entering, Given, Peer};
use pouch_testkit::stage::StageError;
use pouch_wire::session::{Changed, Consistency, LogEntries, LogName, ReadConsistency, ReadLog};
use pouch_wire::{Blob, ContactPoint, Digest, List};
use tokio::time::Instant;

use super::codes::{BACK, CONTRADICTS, FORKED, HELD_BACK, NO_QUORUM, NOT_ENTERED, OTHER_ENTRIES, OTHER_PAST};
use super::forger::{Forger, shown, size_of};
use super::runs::{Expected, Lie};
use super::town::{Town, office};

/// How the log lies. MD is lied to; NL and BA are served honestly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLie {
    /// Not at all, while the directory grows.
    Honest,
    /// Another tree of the size that MD believes, signed by the log.
    ForkAtN,
    /// An older checkpoint, which a quorum had cosigned.
    Rollback,
    /// The same checkpoint for ever, which a quorum had cosigned.
    Freeze,
    /// The checkpoint is true, and one of its entries is left out.
    Omit,
    /// The checkpoint is true, and one of its entries is another.
    WrongLeaf,
    /// One entry comes twice.
    DuplicateIndex,
    /// A new checkpoint of fewer entries.
    Shrink,
    /// A checkpoint of 2^63 entries.
    Huge,
    /// Another future, cosigned by one witness less than a quorum.
    LyingWitnesses,
    /// Another past, cosigned by one witness less than a quorum.
    Rewritten,
    /// A statement is acknowledged with its index, and never enters the log.
    MissedMerge,
    /// Another future, cosigned by a whole quorum: more lie than the network is made to bear.
    SplitView,
}

impl LogLie {
    /// Every way, and the honest control.
    pub const ALL: [Self; 13] = [
        Self::Honest,
        Self::ForkAtN,
        Self::Rollback,
        Self::Freeze,
        Self::Omit,
        Self::WrongLeaf,
        Self::DuplicateIndex,
        Self::Shrink,
        Self::Huge,
        Self::LyingWitnesses,
        Self::Rewritten,
        Self::MissedMerge,
        Self::SplitView,
    ];
}

/// The design's bound: an alarm within 90 seconds.
const WITHIN: Duration = Duration::from_secs(90);
/// How many witnesses a quorum is made of here.
const QUORUM: usize = 2;
/// How long the honest control lasts: longer than every bound.
const HONEST_FOR: Duration = Duration::from_secs(150);

impl Lie for LogLie {
    fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::ForkAtN => "fork-at-n",
            Self::Rollback => "rollback",
            Self::Freeze => "freeze",
            Self::Omit => "omit",
            Self::WrongLeaf => "wrong-leaf",
            Self::DuplicateIndex => "duplicate-index",
            Self::Shrink => "shrink",
            Self::Huge => "size-2^63",
            Self::LyingWitnesses => "k-1-witnesses",
            Self::Rewritten => "rewritten",
            Self::MissedMerge => "missed-merge",
            Self::SplitView => "split-view",
        }
    }

    fn expects(self) -> Vec<Expected> {
        let at_md = |codes, by_beacon_or_gossip| {
            vec![Expected { at: "md", codes, within: WITHIN, by_beacon_or_gossip }]
        };
        match self {
            Self::Honest => Vec::new(),
            Self::ForkAtN => at_md(FORKED, false),
            Self::Rollback | Self::Shrink => at_md(BACK, false),
            Self::Freeze => at_md(HELD_BACK, true),
            Self::Omit | Self::WrongLeaf | Self::DuplicateIndex => at_md(OTHER_ENTRIES, false),
            Self::Huge | Self::Rewritten => at_md(OTHER_PAST, false),
            Self::LyingWitnesses => at_md(NO_QUORUM, false),
            Self::MissedMerge => {
                vec![Expected { at: "nl", codes: NOT_ENTERED, within: WITHIN, by_beacon_or_gossip: false }]
            }
            Self::SplitView => at_md(CONTRADICTS, true),
        }
    }

    async fn begin(self, town: &Town) -> Result<Instant, StageError> {
        let victim: ContactPoint = office("md")?.parse().map_err(|_| StageError::new("no office"))?;
        let forger = Forger::of(town)?;
        let size = settled(town).await?;
        let entries = forger.entries()?;
        let other = Digest::new([7; 32]);
        let shows = |shown: Consistency| Shows { to: victim.clone(), shown };
        let noise = |entries: &[Vec<u8>]| [entries, &[b"noise".to_vec()]].concat();
        match self {
            Self::Honest => return honest(town).await,
            Self::ForkAtN => {
                town.liar.begins(shows(shown(&forger.note(size, other, QUORUM - 1)?, Vec::new())?));
            }
            Self::Rollback => {
                let old = forger.published()?;
                town.rotates("nl").await?;
                grown(town, "md", size).await?;
                town.liar.begins(shows(shown(&old, Vec::new())?));
            }
            Self::Shrink => {
                let fewer = entries.get(..entries.len().saturating_sub(1)).unwrap_or_default();
                town.liar.begins(shows(forger.face(fewer, 0, QUORUM - 1)?));
            }
            Self::Huge => {
                town.liar.begins(shows(shown(&forger.note(1 << 63, other, QUORUM - 1)?, vec![other; 63])?));
            }
            Self::LyingWitnesses => {
                town.liar.begins(shows(forger.face(&noise(&entries), size, QUORUM - 1)?));
            }
            Self::Rewritten => {
                let mut rewritten = noise(&entries);
                if let Some(last) = rewritten.get_mut(entries.len().saturating_sub(1)) {
                    last.push(0);
                }
                town.liar.begins(shows(forger.face(&rewritten, size, QUORUM - 1)?));
            }
            Self::Freeze => town.liar.begins(Frozen::now(victim, &forger)?),
            Self::Omit | Self::WrongLeaf | Self::DuplicateIndex => {
                town.liar.begins(Spoils { to: victim, how: self });
            }
            Self::MissedMerge => town.liar.begins(NeverEnters),
            Self::SplitView => {
                let face = forger.face(&noise(&entries), size, QUORUM)?;
                let faces = Faces { shown: face, noise: b"noise".to_vec(), from: size };
                town.liar.begins(TwoFaces { to: victim, faces });
                grown(town, "md", size).await?;
            }
        }
        let began = Instant::now();
        match self {
            // The log grows, and the victim is to see something else than the others.
            Self::Freeze | Self::Omit | Self::WrongLeaf | Self::DuplicateIndex | Self::SplitView => {
                town.rotates("ba").await?;
                grown(town, "nl", size).await?;
                town.sends("nl", "md", "routine").await?;
            }
            // The command waits for a key that never comes into use.
            Self::MissedMerge => drop(town.rotates("nl").await.ok()),
            _ => {}
        }
        Ok(began)
    }

    async fn after(self, _: &Town) -> Result<(), StageError> {
        Ok(())
    }
}

/// Waits until MD believes all that the log published; how much that is.
pub(super) async fn settled(town: &Town) -> Result<u64, StageError> {
    let forger = Forger::of(town)?;
    loop {
        // What MD told until now, before its directory is looked at: what grows meanwhile is told after it.
        let told = town.journal("md")?.count();
        let size = size_of(&forger.published()?)?;
        if town.directory_size("md").await? == size {
            return Ok(size);
        }
        town.journal("md")?.next_after(told, "that MD catches up", WITHIN).await?;
    }
}

/// Waits until a node's directory has more entries than this.
pub(super) async fn grown(town: &Town, folder: &str, size: u64) -> Result<(), StageError> {
    loop {
        let told = town.journal(folder)?.count();
        if town.directory_size(folder).await? > size {
            return Ok(());
        }
        town.journal(folder)?.next_after(told, "that the directory grows", WITHIN).await?;
    }
}

/// Whether it is this office that asks about the directory's log.
fn lied_to(office: &ContactPoint, asker: &Peer, log: LogName) -> bool {
    log == LogName::Directory && is_of(asker, office)
}

/// Whether a session is of this office.
pub(super) fn is_of(peer: &Peer, office: &ContactPoint) -> bool {
    matches!(peer, Peer::ContactPoint(point) if point == office)
}

/// Shows one office always the same answer.
#[derive(Debug)]
struct Shows {
    to: ContactPoint,
    shown: Consistency,
}

impl Conduct for Shows {
    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        if lied_to(&self.to, to, asked.log) { Given::Answer(self.shown.clone()) } else { honest }
    }
}

/// Shows one office for ever the checkpoint that was the newest when the lie began.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) to: ContactPoint,
    shown: Consistency,
}

impl Frozen {
    /// When the office believes all that is published.
    pub(super) fn now(to: ContactPoint, forger: &Forger) -> Result<Self, StageError> {
        Ok(Self { to, shown: shown(&forger.published()?, Vec::new())? })
    }
}

impl Conduct for Frozen {
    fn tells(&self, to: &Peer, honest: Changed) -> Option<Changed> {
        // The clock goes on, the size does not.
        if !is_of(to, &self.to) {
            return Some(honest);
        }
        Some(Changed { size: 0, ..honest })
    }

    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        if !lied_to(&self.to, to, asked.log) {
            return honest;
        }
        Given::Answer(self.shown.clone())
    }
}

/// Spoils the entries that one office reads.
#[derive(Debug)]
struct Spoils {
    to: ContactPoint,
    how: LogLie,
}

impl Conduct for Spoils {
    fn entries(&self, to: &Peer, asked: &ReadLog, honest: Given<LogEntries>) -> Given<LogEntries> {
        if !lied_to(&self.to, to, asked.log) {
            return honest;
        }
        let Given::Answer(answer) = honest else { return honest };
        let mut entries = answer.entries.into_vec();
        match self.how {
            LogLie::Omit => drop(entries.pop()),
            LogLie::DuplicateIndex => {
                if let Some(last) = entries.last().cloned() {
                    entries.push(last);
                }
            }
            _ => {
                if let Some(last) = entries.last_mut() {
                    let mut bytes = last.to_vec();
                    bytes.push(0);
                    *last = Blob::new(bytes).unwrap_or_default();
                }
            }
        }
        Given::Answer(LogEntries { entries: List::new(entries).unwrap_or_default(), ..answer })
    }
}

/// Acknowledges statements and enters none.
#[derive(Debug)]
struct NeverEnters;

impl Conduct for NeverEnters {
    fn enters(&self, _: &Peer, _: &[u8], next: u64) -> Entering {
        Entering::Promise(next)
    }
}

/// What a log shows beside its true face.
#[derive(Debug)]
struct Faces {
    shown: Consistency,
    noise: Vec<u8>,
    from: u64,
}

/// Shows one office another log than everybody else, cosigned by a whole quorum.
#[derive(Debug)]
struct TwoFaces {
    to: ContactPoint,
    faces: Faces,
}

impl Conduct for TwoFaces {
    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        if !lied_to(&self.to, to, asked.log) {
            return honest;
        }
        let proof =
            if asked.from == self.faces.from { self.faces.shown.proof.clone() } else { List::default() };
        Given::Answer(Consistency { checkpoint: self.faces.shown.checkpoint.clone(), proof })
    }

    fn entries(&self, to: &Peer, asked: &ReadLog, honest: Given<LogEntries>) -> Given<LogEntries> {
        if !lied_to(&self.to, to, asked.log) || asked.from != self.faces.from {
            return honest;
        }
        let entries = Blob::new(self.faces.noise.clone()).map(|noise| vec![noise]).unwrap_or_default();
        let checkpoint = self.faces.shown.checkpoint.clone();
        Given::Answer(LogEntries { checkpoint, entries: List::new(entries).unwrap_or_default() })
    }
}

/// The directory grows twice, and in between nothing happens for long.
async fn honest(town: &Town) -> Result<Instant, StageError> {
    let began = Instant::now();
    for folder in ["nl", "md"] {
        town.rotates(folder).await?;
        town.meets("nl", "md").await?;
        // The silence is what is tried: nobody may take it for withholding.
        tokio::time::sleep(HONEST_FOR.div_f64(2.0)).await;
    }
    town.meets("md", "nl").await?;
    Ok(began)
}
