//! Signed notes (C2SP signed-note): a text, and lines that say who signed it.
//!
//! Parsing proves nothing about the signatures. A note that parses prints as the very bytes it came
//! from, so that what is verified, kept and passed on is one thing.

use core::fmt;

use pouch_wire::limits;

use crate::{KeyName, NoteKeyId, text};

const DASH: &str = "\u{2014} ";

/// Why bytes are not a signed note. Whoever wrote them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Larger than any note may be.
    #[error("a note of {found} bytes; at most {}", limits::CHECKPOINT_BYTES)]
    TooLarge {
        /// Its bytes.
        found: usize,
    },
    /// Not UTF-8.
    #[error("a note that is not UTF-8")]
    NotUtf8,
    /// A control character other than newline.
    #[error("a control character in a note")]
    ControlCharacter,
    /// No empty line between text and signatures, or a text that does not end in a newline.
    #[error("a note without text and signatures, parted by an empty line")]
    NoSeparator,
    /// No signature lines.
    #[error("a note without signatures")]
    Unsigned,
    /// More signature lines than allowed.
    #[error("{found} signatures in a note; at most {}", limits::NOTE_SIGNATURES)]
    TooManySignatures {
        /// How many there are.
        found: usize,
    },
    /// A line that is not an em dash, a key name and base64 of a key id and a signature.
    #[error("signature line {line} of a note is malformed")]
    SignatureLine {
        /// Which, from 1.
        line: usize,
    },
}

impl NoteError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "POUCH-TLG-20",
            Self::NotUtf8 => "POUCH-TLG-21",
            Self::ControlCharacter => "POUCH-TLG-22",
            Self::NoSeparator => "POUCH-TLG-23",
            Self::Unsigned => "POUCH-TLG-24",
            Self::TooManySignatures { .. } => "POUCH-TLG-25",
            Self::SignatureLine { .. } => "POUCH-TLG-26",
        }
    }
}

/// One signature line: what a key of this name and id is said to have signed.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_id: NoteKeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    pub(crate) const fn new(name: KeyName, key_id: NoteKeyId, bytes: Vec<u8>) -> Self {
        Self { name, key_id, bytes }
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub const fn key_id(&self) -> NoteKeyId {
        self.key_id
    }

    /// What follows the id; its meaning depends on the key's type. Never empty.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads signature lines that came without a text, as a witness answers them.
    ///
    /// # Errors
    /// As for a note.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        parse_lines(checked_text(bytes)?)
    }

    /// Prints signature lines without a text.
    #[must_use]
    pub fn print_lines(signatures: &[Self]) -> String {
        signatures.iter().map(Self::to_string).collect()
    }
}

/// The line, with its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = text::to_base64(&[self.key_id.0.as_slice(), &self.bytes].concat());
        writeln!(f, "{DASH}{} {signature}", self.name)
    }
}

impl fmt::Debug for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSignature({} {}, {} bytes)", self.name, self.key_id, self.bytes.len())
    }
}

/// A text and its signature lines, at least one. Shown as its bytes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Puts signatures under a text.
    ///
    /// # Errors
    /// When the result would not parse as this note again.
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let note = Self { text: text.into(), signatures };
        if Self::parse(note.to_string().as_bytes())? == note { Ok(note) } else { Err(NoteError::NoSeparator) }
    }

    /// Reads a signed note.
    ///
    /// # Errors
    /// When it is too large or not written exactly as signed-note says.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let all = checked_text(bytes)?;
        let (text, lines) = all.rsplit_once("\n\n").ok_or(NoteError::NoSeparator)?;
        Ok(Self { text: format!("{text}\n"), signatures: parse_lines(lines)? })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with more signature lines; those that it has already are not added twice.
    ///
    /// # Errors
    /// When there would be too many.
    pub fn with(&self, more: impl IntoIterator<Item = NoteSignature>) -> Result<Self, NoteError> {
        let mut signatures = self.signatures.clone();
        for signature in more {
            if !signatures.contains(&signature) {
                signatures.push(signature);
            }
        }
        Self::new(self.text.clone(), signatures)
    }

    /// The note's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(f))
    }
}

fn checked_text(bytes: &[u8]) -> Result<&str, NoteError> {
    if bytes.len() > limits::CHECKPOINT_BYTES {
        return Err(NoteError::TooLarge { found: bytes.len() });
    }
    let text = core::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
    if text.bytes().any(|b| b < b' ' && b != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    Ok(text)
}

fn parse_lines(lines: &str) -> Result<Vec<NoteSignature>, NoteError> {
    let found = lines.split_inclusive('\n').count();
    if found == 0 {
        return Err(NoteError::Unsigned);
    }
    if found > limits::NOTE_SIGNATURES {
        return Err(NoteError::TooManySignatures { found });
    }
    let numbered = lines.split_inclusive('\n').zip(1..);
    numbered.map(|(line, number)| parse_line(line).ok_or(NoteError::SignatureLine { line: number })).collect()
}

fn parse_line(line: &str) -> Option<NoteSignature> {
    let (name, signature) = line.strip_suffix('\n')?.strip_prefix(DASH)?.split_once(' ')?;
    let signature = text::from_base64(signature)?;
    let (key_id, bytes) = signature.split_first_chunk::<4>()?;
    let name = KeyName::new(name).ok()?;
    (!bytes.is_empty()).then(|| NoteSignature::new(name, NoteKeyId(*key_id), bytes.to_vec()))
}
