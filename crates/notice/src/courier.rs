//! What a courier carries when there is no network: messages sealed as they would travel over relays, and the
//! directory that they rest on, in one file.
//!
//! Nothing in it is believed because it stands in it: each message proves itself, and so do the directory's
//! entries, by the checkpoint that witnesses cosigned. The file is not signed. Its digest tells damage from a
//! message that does not hold; whoever wants to take a message out can as well lose the stick. What stands
//! openly in it is what a relay sees: senders, recipients, times, precedences, sizes; and the directory, which
//! is public in its network.

use pouch_crypto::sha256;
use pouch_wire::{Blob, Canonical as _, Digest, EncodeError, Fixed, List, NetworkId, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::seal::SealedOut;

/// A courier file begins with these bytes, whatever its version.
const MARK: [u8; 16] = *b"pouch courier\0\0\0";
const VERSION: u16 = 1;
/// The cover's own bytes: the mark, the version, a length and a digest.
const COVER_BYTES: usize = 64;

/// What is around the body of every version.
#[derive(Debug, Serialize, Deserialize)]
struct Cover {
    mark: Fixed<16>,
    version: u16,
    body: Blob<{ limits::COURIER_BYTES }>,
    /// SHA-256 of the body.
    digest: Digest,
}
canonical!(Cover, "courier file", limits::COURIER_BYTES);

/// A part of the directory's log, up to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The index of the first entry.
    pub from: u64,
    /// The entries from there to the checkpoint's end; none when only the checkpoint is newer.
    pub entries: List<Blob<{ limits::ENTRY_BYTES }>, { limits::COURIER_ENTRIES }>,
    /// The checkpoint with its cosignatures, as a note.
    pub checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
}

/// A courier file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierFile {
    network: NetworkId,
    directory: Option<Excerpt>,
    messages: List<SealedOut, { limits::COURIER_MESSAGES }>,
}
canonical!(CourierFile, "courier file's content", limits::COURIER_BYTES - COVER_BYTES);

/// Why a file is not taken as a courier file. Nothing of it was looked at further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CourierRefused {
    /// It does not begin as courier files do.
    #[error("it is no courier file")]
    OtherFile,
    /// It begins as one, and is not whole.
    #[error("it is damaged or cut off")]
    Damaged,
    /// It is of another version of the format.
    #[error("it is of version {0} of the format; this program knows {VERSION}")]
    Version(u16),
    /// It is of another network.
    #[error("it belongs to another network ({})", .0.short())]
    OtherNetwork(NetworkId),
    /// It is whole, and its content is not what such a file holds: it was made so.
    #[error("its content is not that of a courier file")]
    Content,
    /// It is larger than such a file may be.
    #[error("it is larger than the {max} bytes that such a file may have", max = limits::COURIER_BYTES)]
    TooLarge,
}

impl CourierRefused {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherFile => "POUCH-COU-01",
            Self::Damaged => "POUCH-COU-02",
            Self::Version(_) => "POUCH-COU-03",
            Self::OtherNetwork(_) => "POUCH-COU-04",
            Self::Content => "POUCH-COU-05",
            Self::TooLarge => "POUCH-COU-06",
        }
    }
}

impl Excerpt {
    /// Joins entries from an index on with the checkpoint that they lie in.
    ///
    /// # Errors
    /// When they are more than such a file may hold.
    pub fn new(from: u64, entries: Vec<Vec<u8>>, checkpoint: Vec<u8>) -> Result<Self, EncodeError> {
        let entries = entries.into_iter().map(Blob::new).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            from,
            entries: List::new(entries.map_err(|_| too_large())?).map_err(|_| too_large())?,
            checkpoint: Blob::new(checkpoint).map_err(|_| too_large())?,
        })
    }
}

const fn too_large() -> EncodeError {
    EncodeError { name: "courier file", max: limits::COURIER_BYTES }
}

impl CourierFile {
    /// How many bytes messages and entries may have together.
    pub const ROOM: usize = limits::COURIER_BYTES - limits::CHECKPOINT_BYTES - 64 * 1024;

    /// A file of these messages, in the order in which they were sent.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(
        network: NetworkId,
        directory: Option<Excerpt>,
        messages: Vec<SealedOut>,
    ) -> Result<Self, EncodeError> {
        Ok(Self { network, directory, messages: List::new(messages).map_err(|_| too_large())? })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// When they are too many.
    pub fn to_file(&self) -> Result<Vec<u8>, EncodeError> {
        let body = self.to_bytes()?;
        let digest = sha256(&body);
        let body = Blob::new(body).map_err(|_| too_large())?;
        Cover { mark: Fixed(MARK), version: VERSION, body, digest }.to_bytes()
    }

    /// Reads a file of a network.
    ///
    /// # Errors
    /// When it is none, or not whole.
    pub fn from_file(bytes: &[u8], network: NetworkId) -> Result<Self, CourierRefused> {
        if bytes.len() > limits::COURIER_BYTES {
            return Err(CourierRefused::TooLarge);
        }
        if !bytes.starts_with(&MARK) {
            return Err(CourierRefused::OtherFile);
        }
        let Cover { version, body, digest, .. } =
            Cover::from_bytes(bytes).map_err(|_| CourierRefused::Damaged)?;
        if sha256(&body) != digest {
            return Err(CourierRefused::Damaged);
        }
        if version != VERSION {
            return Err(CourierRefused::Version(version));
        }
        let content = Self::from_bytes(&body).map_err(|_| CourierRefused::Content)?;
        if content.network == network {
            Ok(content)
        } else {
            Err(CourierRefused::OtherNetwork(content.network))
        }
    }

    /// In which network.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// The part of the directory's log in it.
    #[must_use]
    pub const fn directory(&self) -> Option<&Excerpt> {
        self.directory.as_ref()
    }

    /// The messages, in the order in which they were sent.
    #[must_use]
    pub fn messages(&self) -> &[SealedOut] {
        &self.messages
    }
}
