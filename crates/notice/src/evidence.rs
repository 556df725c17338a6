//! One file that proves one notice to anybody who has the charter: who said it, that a relay accepted it
//! and when, and that both stand in witnessed logs. It discloses this one notice and no other.

use pouch_directory::{Directory, Outcome, SignedCharter};
use pouch_envelope::Arrived;
use pouch_tlog::{AcceptedCheckpoint, KeyName, LeafHash, Note, ProofFile};
use pouch_wire::{Blob, Canonical as _, List, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::notice::Notice;
use crate::open::reopen;
use crate::printed::printed;
use crate::stanza::StanzaSecret;
use crate::verify::{Facts, Refused, Verified};

/// Evidence of one notice.
///
/// It holds the directory's entries up to a cosigned checkpoint, so that whoever checks it folds the
/// same directory; the message as it was delivered, with the relay's receipt; the key that opens this
/// message alone; and the proof that the message is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvidenceFile {
    version: u16,
    entries: List<Blob<{ limits::ENTRY_BYTES }>, 65_536>,
    directory_checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    arrived: Blob<{ limits::PAYLOAD_BYTES + 128 * 1024 }>,
    secret: StanzaSecret,
    tlog_proof: Blob<{ limits::CHECKPOINT_BYTES }>,
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
        }
    }
}

/// What evidence proves.
#[derive(Debug)]
pub struct Proven {
    verified: Verified<Notice>,
    cosigned_at: Option<Timestamp>,
    logged_at: Option<Timestamp>,
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
        })
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
        let arrived =
            Arrived::from_bytes(&self.arrived).map_err(|e| EvidenceRefused::Message(e.to_string()))?;
        let log = |error: String| EvidenceRefused::Log(error);
        let proof = ProofFile::parse(&self.tlog_proof).map_err(|e| log(e.to_string()))?;
        let opened =
            reopen(arrived, self.secret.clone()).map_err(|e| EvidenceRefused::Message(e.to_string()))?;
        let receipt = opened.accepted(&directory).ok_or_else(|| log("no relay's receipt".into()))?;
        let view = directory.now_view();
        let relay = view.relay(&receipt.relay).ok_or_else(|| log("an unknown relay".into()))?;
        let leaf = pouch_envelope::MessageLeaf { envelope: receipt.envelope, accepted_at: receipt.at };
        let leaf = leaf.to_bytes().map_err(|e| log(e.to_string()))?;
        let inclusion =
            proof.verify(LeafHash::of(&leaf), &view.message_policy(relay)).map_err(|e| log(e.to_string()))?;
        let logged_at = inclusion.checkpoint().cosigned_at();
        let facts = Facts {
            directory: &directory,
            cosigned_at: checkpoint.cosigned_at(),
            time_is_sure: true,
            inclusion: Some(&inclusion),
            now: receipt.at,
        };
        let verified = opened.verify(&facts).map_err(|refused| EvidenceRefused::Notice(Box::new(refused)))?;
        Ok(Proven { verified, cosigned_at: checkpoint.cosigned_at(), logged_at })
    }

    fn directory(&self, charter: &SignedCharter) -> Result<(Directory, AcceptedCheckpoint), EvidenceRefused> {
        let bad = |error: String| EvidenceRefused::Directory(error);
        let mut directory = Directory::found(charter).map_err(|e| bad(e.to_string()))?;
        let first = charter.to_bytes().map_err(|e| bad(e.to_string()))?;
        if self.entries.first().map(|entry| &**entry) != Some(first.as_slice()) {
            return Err(EvidenceRefused::OtherCharter);
        }
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

impl Proven {
    /// The notice.
    #[must_use]
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
        let receipt = self.verified.receipt();
        let mut lines = vec![
            format!("{} is authentic.", self.number()),
            format!("Accepted by {} as entry {} of its log.", &*receipt.relay, receipt.index),
        ];
        for clause in &self.verified.verdict().clauses {
            lines.push(format!(
                "  {} {}",
                if clause.code == crate::verdict::ALL_HOLD { "yes" } else { "BUT" },
                clause.words
            ));
        }
        lines.push(printed(&self.verified, None, receipt.at));
        lines.join("\n")
    }

    /// When the directory's and the log's checkpoints were cosigned.
    #[must_use]
    pub const fn cosigned_at(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.cosigned_at, self.logged_at)
    }
}
