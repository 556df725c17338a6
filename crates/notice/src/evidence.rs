//! One file that proves one notice to anybody who has the charter: who said it, that a relay accepted it
//! and when, that both stand in witnessed logs, and what its recipients answered. It discloses this one
//! notice and no other.
//!
//! Checking it runs the very functions that a recipient's node ran. It must never say "valid" of what
//! its sender did not sign, whoever made the file.

use pouch_directory::{Directory, Outcome, SignedCharter};
use pouch_envelope::{Arrived, SignedReceipt};
use pouch_tlog::{AcceptedCheckpoint, KeyName, LeafHash, Note};
use pouch_wire::{Blob, Canonical as _, ContactPoint, Environment, List, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::logged::prove_logged;
use crate::notice::Notice;
use crate::open::reopen;
use crate::printed::printed;
use crate::receipt::{RecipientReceipt, Said};
use crate::safe_text::visible;
use crate::stanza::StanzaSecret;
use crate::verdict::{Clause, State};
use crate::verify::{Facts, Refused, Verified, well_formed};

/// How long after the time that a relay gives witnesses may have seen a message first. Later, that it
/// came at that time is the relay's word, and evidence says so.
const SEEN_WITHIN_MS: u64 = 15 * 60 * 1000;

/// The directory's entries, from entry 0.
pub(crate) type Entries = List<Blob<{ limits::ENTRY_BYTES }>, 65_536>;

/// Evidence of one notice.
///
/// It holds the directory's entries up to a cosigned checkpoint, so that whoever checks it folds the
/// same directory; the message as it was delivered, with the relay's receipt; the key that opens this
/// message alone; and the proof that the message is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvidenceFile {
    version: u16,
    entries: Entries,
    directory_checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    arrived: Blob<{ limits::PAYLOAD_BYTES + 128 * 1024 }>,
    secret: StanzaSecret,
    tlog_proof: Blob<{ limits::CHECKPOINT_BYTES }>,
    receipts: List<SignedReceipt, { limits::RECIPIENTS }>,
}
canonical!(EvidenceFile, "evidence", limits::EVIDENCE_BYTES + limits::PAYLOAD_BYTES + 128 * 1024);

/// Why evidence does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceRefused {
    /// It is of another version of the format.
    #[error("version {0}; this program knows 1")]
    Version(u16),
    /// Its directory begins with another charter.
    #[error("it belongs to another network: its directory begins with another charter")]
    OtherCharter,
    /// Its directory's entries do not lie in its cosigned checkpoint.
    #[error("its directory is not the one that the witnesses cosigned: {0}")]
    Directory(String),
    /// Its message is damaged.
    #[error("its message is damaged: {0}")]
    Message(String),
    /// Its message is not proved to be logged.
    #[error("its message is not proved to be logged: {0}")]
    Log(String),
    /// Its notice does not verify.
    #[error("its notice does not verify ({})", .0.verdict.code())]
    Notice(Box<Refused>),
    /// A receipt in it is no recipient's of this message.
    #[error("receipt {0} in it is not one that a recipient gave for this message")]
    Receipt(usize),
}

impl EvidenceRefused {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version(_) => "POUCH-EVI-02",
            Self::OtherCharter => "POUCH-EVI-03",
            Self::Directory(_) => "POUCH-EVI-04",
            Self::Message(_) => "POUCH-EVI-05",
            Self::Log(_) => "POUCH-EVI-06",
            Self::Notice(_) => "POUCH-EVI-07",
            Self::Receipt(_) => "POUCH-EVI-08",
        }
    }
}

/// What evidence proves.
#[derive(Debug)]
pub struct Proven {
    verified: Verified<Notice>,
    cosigned_at: Option<Timestamp>,
    logged_at: Option<Timestamp>,
    answered: Vec<Answer>,
    exercise: Option<String>,
}

/// What a recipient answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which recipient.
    pub by: ContactPoint,
    /// What it said.
    pub receipt: RecipientReceipt,
    /// Its key was revoked since: that it answered before rests on the date in the receipt alone, and
    /// whoever stole the key may have written that.
    pub key_revoked: bool,
    /// Its office has another key since: the same, of whoever found the old one.
    pub key_replaced: bool,
}

impl EvidenceFile {
    /// Joins what a node has of one notice.
    ///
    /// # Errors
    /// When a part is larger than such a file may hold.
    pub fn new(
        entries: Vec<Vec<u8>>,
        directory_checkpoint: Vec<u8>,
        verified: &Verified<Notice>,
        tlog_proof: Vec<u8>,
    ) -> Result<Self, pouch_wire::EncodeError> {
        let too_large = |_| pouch_wire::EncodeError { name: Self::NAME, max: Self::MAX_BYTES };
        let entries = entries.into_iter().map(Blob::new).collect::<Result<Vec<_>, _>>().map_err(too_large)?;
        Ok(Self {
            version: 1,
            entries: List::new(entries).map_err(too_large)?,
            directory_checkpoint: Blob::new(directory_checkpoint).map_err(too_large)?,
            arrived: Blob::new(verified.arrived().to_bytes()?).map_err(too_large)?,
            secret: verified.secret().clone(),
            tlog_proof: Blob::new(tlog_proof).map_err(too_large)?,
            receipts: List::default(),
        })
    }

    /// Evidence of one notice among several under one directory.
    pub(crate) fn of_part(
        entries: Entries,
        directory_checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
        (arrived, secret): (Blob<{ limits::PAYLOAD_BYTES + 128 * 1024 }>, StanzaSecret),
        tlog_proof: Blob<{ limits::CHECKPOINT_BYTES }>,
    ) -> Self {
        let receipts = List::default();
        Self { version: 1, entries, directory_checkpoint, arrived, secret, tlog_proof, receipts }
    }

    /// Adds what recipients answered, in the order given.
    ///
    /// # Errors
    /// When there are too many.
    pub fn with_receipts(self, receipts: Vec<SignedReceipt>) -> Result<Self, pouch_wire::EncodeError> {
        let too_many = |_| pouch_wire::EncodeError { name: Self::NAME, max: Self::MAX_BYTES };
        Ok(Self { receipts: List::new(receipts).map_err(too_many)?, ..self })
    }

    /// Checks everything, with the charter alone.
    ///
    /// The time of the check is the time at which the directory's checkpoint was cosigned: evidence says
    /// today and in twenty years what was true then.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, charter: &SignedCharter) -> Result<Proven, EvidenceRefused> {
        if self.version != 1 {
            return Err(EvidenceRefused::Version(self.version));
        }
        let (directory, checkpoint) = self.directory(charter)?;
        let message = |error: String| EvidenceRefused::Message(error);
        let arrived = Arrived::from_bytes(&self.arrived).map_err(|e| message(e.to_string()))?;
        let opened = reopen(arrived, self.secret.clone()).map_err(|e| message(e.to_string()))?;
        let proved = prove_logged(&self.tlog_proof, opened.arrived(), &directory);
        let (inclusion, receipt) = proved.map_err(|error| EvidenceRefused::Log(error.to_string()))?;
        let at = receipt.at;
        let facts = Facts {
            directory: &directory,
            cosigned_at: checkpoint.cosigned_at(),
            time_is_sure: true,
            inclusion: Some(&inclusion),
            now: at,
        };
        // The node that exported it had verified it before; how old its directory was is told.
        let verified =
            opened.verify_again(&facts).map_err(|refused| EvidenceRefused::Notice(Box::new(refused)))?;
        let verified = match inclusion.checkpoint().cosigned_at() {
            Some(seen) if seen.0.saturating_sub(at.0) > SEEN_WITHIN_MS => verified.seen_late(seen),
            _ => verified,
        };
        let answered = self.answered(&verified, &directory)?;
        let exercise = match verified.value().environment {
            Environment::Live => None,
            Environment::Exercise(id) => directory.now_view().exercise(id).map(|e| e.name.to_string()),
        };
        let (cosigned_at, logged_at) = (checkpoint.cosigned_at(), inclusion.checkpoint().cosigned_at());
        Ok(Proven { verified, cosigned_at, logged_at, answered, exercise })
    }

    /// The recipients' receipts: each by a key that a recipient had and that was not revoked by then.
    fn answered(
        &self,
        verified: &Verified<Notice>,
        directory: &Directory,
    ) -> Result<Vec<Answer>, EvidenceRefused> {
        let arrived = verified.arrived();
        let of_this = |receipt: &RecipientReceipt| {
            let notice = receipt.said.notice();
            receipt.envelope == arrived.id() && notice.is_none_or(|notice| notice == verified.notice_id())
        };
        let numbered = self.receipts.iter().enumerate();
        let each = numbered.map(|(place, signed)| {
            let receipt = well_formed(signed, directory).filter(of_this);
            let answer = receipt.and_then(|receipt| answer(signed, receipt, arrived, directory));
            answer.ok_or(EvidenceRefused::Receipt(place.saturating_add(1)))
        });
        each.collect()
    }

    fn directory(&self, charter: &SignedCharter) -> Result<(Directory, AcceptedCheckpoint), EvidenceRefused> {
        let bad = |error: String| EvidenceRefused::Directory(error);
        let first = self.entries.first().and_then(|entry| SignedCharter::from_bytes(entry).ok());
        // The founders' signatures may stand otherwise in the log than in the file that travelled.
        let Some(first) = first.filter(|first| first.charter == charter.charter) else {
            return Err(EvidenceRefused::OtherCharter);
        };
        let mut directory = Directory::found(&first).map_err(|e| bad(e.to_string()))?;
        let mut frontier = pouch_tlog::Frontier::default();
        for (index, entry) in (0_u64..).zip(&self.entries) {
            frontier.push(LeafHash::of(entry));
            if index > 0 {
                match directory.apply(index, entry) {
                    Outcome::Applied | Outcome::NoEffect(_) => {}
                }
            }
        }
        let note = Note::parse(&self.directory_checkpoint).map_err(|e| bad(e.to_string()))?;
        let met =
            directory.now_view().directory_policy().check_strict(&note).map_err(|e| bad(e.to_string()))?;
        let checkpoint = AcceptedCheckpoint::from(met);
        let origin = KeyName::new(directory.charter().directory_log.origin.to_string());
        let ours = origin.is_ok_and(|origin| origin.as_str() == checkpoint.origin());
        if !ours || checkpoint.size() != frontier.size() || checkpoint.root() != frontier.root() {
            return Err(bad("its entries are not those of its checkpoint".into()));
        }
        Ok((directory, checkpoint))
    }
}

/// A receipt as one recipient's answer, if it is any's.
fn answer(
    signed: &SignedReceipt,
    receipt: RecipientReceipt,
    arrived: &Arrived,
    directory: &Directory,
) -> Option<Answer> {
    let environment = arrived.header().environment;
    let context = directory.context(environment);
    let view = directory.now_view();
    for recipient in &arrived.header().recipients {
        let by = &recipient.contact_point;
        let history = view.key_history(by, environment);
        let current = history.last().map(|period| period.key);
        for period in &history {
            let effective = period.revoked.as_ref().map(|revoked| revoked.effective);
            let in_time = effective.is_none_or(|effective| receipt.at < effective);
            if in_time && signed.verify(&period.key, &context).is_ok() {
                let key_replaced = current != Some(period.key);
                return Some(Answer {
                    by: by.clone(),
                    receipt,
                    key_revoked: effective.is_some(),
                    key_replaced,
                });
            }
        }
    }
    None
}

impl Proven {
    pub(crate) fn into_verified(self) -> Verified<Notice> {
        self.verified
    }

    /// The notice.
    pub const fn verified(&self) -> &Verified<Notice> {
        &self.verified
    }

    /// The notice's number.
    #[must_use]
    pub fn number(&self) -> String {
        self.verified.value().full_number()
    }

    /// What is proved, in words, with the printed form.
    #[must_use]
    pub fn words(&self) -> String {
        let mut lines = vec![self.opinion()];
        lines.extend(self.verified.receipt().map(|receipt| {
            format!("Accepted by {} as entry {} of its log.", visible(&receipt.relay, true), receipt.index)
        }));
        for clause in &self.verified.verdict().clauses {
            lines.push(format!(
                "  {} {}",
                if clause.code == crate::verdict::ALL_HOLD { "yes" } else { "BUT" },
                visible(&clause.words, true)
            ));
        }
        for Answer { by, receipt, key_revoked, key_replaced } in &self.answered {
            let said = match &receipt.said {
                Said::Verified { .. } => "verified it",
                Said::Acknowledged { .. } => "acknowledged it (receipt only, no concurrence)",
                Said::Refused { .. } => "refused it",
            };
            lines.push(format!("The recipient {by} {said}."));
            if *key_revoked {
                lines.push("  BUT its key was revoked since; that it came before is its own word.".into());
            } else if *key_replaced {
                lines.push("  BUT its key was replaced since; that it came before is its own word.".into());
            }
        }
        lines.push(printed(&self.verified, self.exercise.as_deref(), self.verified.came_at()));
        lines.join("\n")
    }

    /// In one sentence, which never says more than the clauses.
    fn opinion(&self) -> String {
        let unsure = || self.verified.verdict().clauses.iter().filter(|clause| clause.state == State::Unsure);
        let (number, sender) = (self.number(), &self.verified.value().sender);
        if unsure().any(|unsure| matches!(unsure.clause, Clause::Binding | Clause::KeyInTime)) {
            format!("{number} bears the signature of {sender}; whether its key still spoke is doubtful.")
        } else if unsure().next().is_some() {
            format!("{number} is authentic, with reservations.")
        } else {
            format!("{number} is authentic.")
        }
    }

    /// What recipients answered.
    #[must_use]
    pub fn answered(&self) -> &[Answer] {
        &self.answered
    }

    /// When the directory's and the log's checkpoints were cosigned.
    #[must_use]
    pub const fn cosigned_at(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.cosigned_at, self.logged_at)
    }
}
