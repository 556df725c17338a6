//! Cosignatures (C2SP tlog-cosignature): a witness says when it saw a log's tree, and that it grew.
//!
//! A cosignature of either kind carries the second at which it was made, and signs it. A log signs
//! its own checkpoints with ML-DSA-44 in the same way.

use pouch_crypto::{MLDSA_SIGNATURE_BYTES, MlDsaKey, NoteKey, Signature};
use pouch_wire::{Fixed, Timestamp};

use crate::vkey::Material;
use crate::{
    Checkpoint, CheckpointError, KeyName, Note, NoteKeyId, NoteSignature, SignatureKind, VerifierKey,
    VkeyError,
};

/// The latest second that a cosignature may carry (tlog-cosignature).
const SECONDS_MAX: u64 = i64::MAX.unsigned_abs();
const SUBTREE_LABEL: &[u8] = b"subtree/v1\n\0";

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The clock says second zero, or one beyond all times.
    #[error("second {seconds} is no time to sign at")]
    NoTime {
        /// The second.
        seconds: u64,
    },
    /// The checkpoint is not of the log whose keys these are.
    #[error("the checkpoint is another log's")]
    OtherOrigin,
    /// The text is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The origin is longer than a cosignature can say.
    #[error("the origin is too long to be cosigned")]
    OriginTooLong,
    /// The result would not be a note.
    #[error("the signed note would not parse")]
    Unprintable,
    /// The ML-DSA library failed.
    #[error("ML-DSA-44 signing failed")]
    Library,
}

impl SignError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "POUCH-TLG-42",
            Self::OtherOrigin => "POUCH-TLG-43",
            Self::Checkpoint(error) => error.code(),
            Self::OriginTooLong => "POUCH-TLG-44",
            Self::Unprintable => "POUCH-TLG-45",
            Self::Library => "POUCH-TLG-46",
        }
    }
}

/// A line names a known key, and its signature is not this key's: the whole note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signature by {name} (key {key_id}) does not verify")]
pub struct BadNoteSignature {
    /// The key's name.
    pub name: KeyName,
    /// The key's id.
    pub key_id: NoteKeyId,
}

impl BadNoteSignature {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-TLG-47"
    }
}

impl VerifierKey {
    /// Whether a signature line claims to be by this key. It proves nothing.
    #[must_use]
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        signature.name() == self.name() && signature.key_id() == self.key_id()
    }

    /// Checks an Ed25519 signature (0x01) over any note's text.
    ///
    /// # Errors
    /// When it is not this key's, or this key does not sign texts.
    pub fn verify_text(&self, text: &str, signature: &NoteSignature) -> Result<(), BadNoteSignature> {
        let verified = match self.material() {
            Material::Ed25519(key) if self.is_named_by(signature) => {
                ed25519(signature.bytes()).is_some_and(|s| key.verify(text.as_bytes(), &s).is_ok())
            }
            _ => false,
        };
        if verified { Ok(()) } else { Err(self.refuse()) }
    }

    /// Checks a signature of this key's kind over a checkpoint, given as the text that came and as
    /// what was parsed from it. Gives the time that a cosignature carries, none for 0x01.
    ///
    /// # Errors
    /// When it is not this key's over this checkpoint.
    pub fn verify(
        &self,
        text: &str,
        checkpoint: &Checkpoint,
        signature: &NoteSignature,
    ) -> Result<Option<Timestamp>, BadNoteSignature> {
        if self.kind() == SignatureKind::Ed25519 {
            return self.verify_text(text, signature).map(|()| None);
        }
        let stamped = if self.is_named_by(signature) { signature.bytes() } else { &[] };
        let seconds = self.verify_stamped(text, checkpoint, stamped).ok_or_else(|| self.refuse())?;
        Ok(Some(Timestamp(seconds.saturating_mul(1000))))
    }

    fn verify_stamped(&self, text: &str, checkpoint: &Checkpoint, stamped: &[u8]) -> Option<u64> {
        let (seconds, signature) = stamped.split_first_chunk::<8>()?;
        let seconds = Some(u64::from_be_bytes(*seconds)).filter(|s| *s <= SECONDS_MAX)?;
        match self.material() {
            Material::Ed25519(_) => None,
            Material::CosignatureEd25519(key) => {
                key.verify(&ed25519_message(seconds, text), &ed25519(signature)?).ok()
            }
            Material::MlDsa44(key) if signature.len() == MLDSA_SIGNATURE_BYTES => {
                key.verify(&mldsa_message(self.name(), seconds, checkpoint)?, signature).ok()
            }
            Material::MlDsa44(_) => None,
        }?;
        Some(seconds)
    }

    fn refuse(&self) -> BadNoteSignature {
        BadNoteSignature { name: self.name().clone(), key_id: self.key_id() }
    }
}

/// A witness's two keys, under its name.
#[derive(Debug)]
pub struct WitnessSigner {
    ed25519: NoteKey,
    mldsa: MlDsaKey,
    vkeys: [VerifierKey; 2],
}

impl WitnessSigner {
    /// Takes a witness's keys.
    ///
    /// # Errors
    /// When the name is too long.
    pub fn new(name: &KeyName, ed25519: NoteKey, mldsa: MlDsaKey) -> Result<Self, VkeyError> {
        let vkeys = [
            VerifierKey::cosignature_ed25519(name.clone(), ed25519.public())?,
            VerifierKey::mldsa44(name.clone(), mldsa.public().clone())?,
        ];
        Ok(Self { ed25519, mldsa, vkeys })
    }

    /// The witness's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        let [first, _] = &self.vkeys;
        first.name()
    }

    /// The verifier keys: Ed25519 (0x04), then ML-DSA-44 (0x06).
    #[must_use]
    pub const fn vkeys(&self) -> &[VerifierKey; 2] {
        &self.vkeys
    }

    /// Whether one of these keys cosigned a note's checkpoint: a line names it, and the line is good.
    #[must_use]
    pub fn has_cosigned(&self, note: &Note, checkpoint: &Checkpoint) -> bool {
        let by_us = |line: &NoteSignature| {
            self.vkeys
                .iter()
                .any(|key| key.is_named_by(line) && key.verify(note.text(), checkpoint, line).is_ok())
        };
        note.signatures().iter().any(by_us)
    }

    /// Cosigns a checkpoint, given as its note's text, with both keys, at a time in whole seconds.
    ///
    /// The caller has checked that it extends what this witness cosigned before
    /// ([`crate::WitnessState::add_checkpoint`] does).
    ///
    /// # Errors
    /// When the text is no checkpoint, the time is none, or the library fails.
    pub fn cosign(&self, text: &str, now: Timestamp) -> Result<Vec<NoteSignature>, SignError> {
        let checkpoint = Checkpoint::parse(text)?;
        let seconds = seconds(now)?;
        let [ed25519, mldsa] = &self.vkeys;
        let signature = self.ed25519.sign(&ed25519_message(seconds, text));
        Ok(vec![
            line(ed25519, stamped(seconds, &signature.0.0)),
            sign_mldsa(mldsa, &self.mldsa, &checkpoint, now)?,
        ])
    }
}

/// The line of an Ed25519 key (0x01) over a text.
pub(crate) fn sign_text(vkey: &VerifierKey, key: &NoteKey, text: &str) -> NoteSignature {
    line(vkey, key.sign(text.as_bytes()).0.0.to_vec())
}

/// The line of an ML-DSA-44 key (0x06) over a checkpoint.
pub(crate) fn sign_mldsa(
    vkey: &VerifierKey,
    key: &MlDsaKey,
    checkpoint: &Checkpoint,
    now: Timestamp,
) -> Result<NoteSignature, SignError> {
    let seconds = seconds(now)?;
    let message = mldsa_message(vkey.name(), seconds, checkpoint).ok_or(SignError::OriginTooLong)?;
    let signature = key.sign(&message).map_err(|_| SignError::Library)?;
    Ok(line(vkey, stamped(seconds, &signature)))
}

fn line(vkey: &VerifierKey, bytes: Vec<u8>) -> NoteSignature {
    NoteSignature::new(vkey.name().clone(), vkey.key_id(), bytes)
}

fn seconds(now: Timestamp) -> Result<u64, SignError> {
    let seconds = now.as_secs();
    // Zero would say "no statement on when", which a witness may not say of a checkpoint.
    if seconds == 0 || seconds > SECONDS_MAX { Err(SignError::NoTime { seconds }) } else { Ok(seconds) }
}

/// `timestamped_signature`.
fn stamped(seconds: u64, signature: &[u8]) -> Vec<u8> {
    [seconds.to_be_bytes().as_slice(), signature].concat()
}

fn ed25519(bytes: &[u8]) -> Option<Signature> {
    bytes.try_into().ok().map(|bytes| Signature(Fixed(bytes)))
}

/// The message of an Ed25519 cosignature: two lines, then the note's text.
fn ed25519_message(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

/// `cosigned_message` over a whole tree; none when a name is empty or too long for its length byte.
fn mldsa_message(cosigner: &KeyName, seconds: u64, checkpoint: &Checkpoint) -> Option<Vec<u8>> {
    let mut message = SUBTREE_LABEL.to_vec();
    push_name(&mut message, cosigner.as_str())?;
    message.extend_from_slice(&seconds.to_be_bytes());
    push_name(&mut message, checkpoint.origin())?;
    message.extend_from_slice(&0_u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size().to_be_bytes());
    message.extend_from_slice(checkpoint.root().as_bytes());
    Some(message)
}

fn push_name(message: &mut Vec<u8>, name: &str) -> Option<()> {
    let length = u8::try_from(name.len()).ok().filter(|length| *length > 0)?;
    message.push(length);
    message.extend_from_slice(name.as_bytes());
    Some(())
}
