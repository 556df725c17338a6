//! The rules of a notice's form: what the sender's draft and the recipient's verification both demand.
//!
//! It judges the notice alone, never who may say it; mandates and release rules are in [`crate::Release`].

use pouch_wire::{ContactPoint, EncodeError, Member, NoticeType, limits};

use crate::body::BodyError;
use crate::notice::{Attachment, Notice};
use crate::sentences;

/// Why a draft cannot become a notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// Nobody must act on it.
    #[error("nobody is addressed who must act")]
    NobodyToAct,
    /// Somebody stands in both lists.
    #[error("{0} is asked to act and only told as well")]
    Twice(ContactPoint),
    /// It is addressed to its own sender.
    #[error("it is addressed to its own sender")]
    ToItself,
    /// It is valid for no time, or too long.
    #[error("valid for {life_s} s; more than 0 and at most {max_s} are allowed", max_s = limits::LIFE_MS_MAX / 1000)]
    Life {
        /// How long.
        life_s: u64,
    },
    /// Its type needs the notice that it concerns.
    #[error("a {0} names the notice that it concerns")]
    ConcernsNothing(&'static str),
    /// It corrects or cancels a notice of another member.
    #[error("only {0} corrects or cancels its notices")]
    NotOurs(Member),
    /// A fixed sentence is missing.
    #[error("the sentence {0:?} is missing")]
    Sentence(&'static str),
    /// A sentence stands there that is not fixed, or stands twice: only fixed sentences are shown as such.
    #[error("sentence {0} is none that belongs to such a notice")]
    OtherSentence(usize),
    /// An attachment's name is unfit.
    #[error("the name of attachment {place} {why}; rename it")]
    AttachmentName {
        /// Which, counted from 1.
        place: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// An attachment's media type is none.
    #[error("the media type of attachment {0} is not like application/pdf")]
    AttachmentType(usize),
    /// The attachments are too large together.
    #[error("the attachments are larger than {max} bytes together", max = limits::PAYLOAD_BYTES)]
    AttachmentsTooLarge,
    /// Numbers count from 1.
    #[error("a notice's number counts from 1")]
    Number,
    /// The language is no BCP 47 tag.
    #[error("the language is not a tag like en or pt-BR")]
    Language,
    /// The subject is no line, or more than one.
    #[error("the subject must be one line, and say something")]
    Subject,
    /// The fields say nothing or contradict each other.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It is too large.
    #[error(transparent)]
    TooLarge(#[from] EncodeError),
}

impl DraftError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NobodyToAct => "POUCH-NOT-01",
            Self::Twice(_) => "POUCH-NOT-02",
            Self::ToItself => "POUCH-NOT-03",
            Self::Life { .. } => "POUCH-NOT-04",
            Self::ConcernsNothing(_) => "POUCH-NOT-05",
            Self::NotOurs(_) => "POUCH-NOT-06",
            Self::Sentence(_) => "POUCH-NOT-07",
            Self::AttachmentName { .. } => "POUCH-NOT-08",
            Self::TooLarge(_) => "POUCH-NOT-09",
            Self::OtherSentence(_) => "POUCH-NOT-10",
            Self::AttachmentType(_) => "POUCH-NOT-11",
            Self::AttachmentsTooLarge => "POUCH-NOT-12",
            Self::Number => "POUCH-NOT-13",
            Self::Language => "POUCH-NOT-14",
            Self::Subject => "POUCH-NOT-15",
            Self::Body(error) => error.code(),
        }
    }
}

/// Checks the rules of a notice's form; whoever receives one checks them again.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_form(notice: &Notice) -> Result<(), DraftError> {
    addressees(notice)?;
    let life = notice.not_after.0.saturating_sub(notice.created.0);
    if life == 0 || life > limits::LIFE_MS_MAX {
        return Err(DraftError::Life { life_s: life / 1000 });
    }
    if notice.number.n == 0 {
        return Err(DraftError::Number);
    }
    if !is_language(&notice.language) {
        return Err(DraftError::Language);
    }
    // A communication check is answered by its type alone; everything else has a reader who must choose.
    let says_nothing = notice.subject.trim().is_empty() && notice.notice_type() != NoticeType::CommCheck;
    if says_nothing || notice.subject.contains(['\n', '\t', '\u{2028}', '\u{2029}']) {
        return Err(DraftError::Subject);
    }
    concerns(notice)?;
    notice.body.check()?;
    fixed_sentences(notice)?;
    attachments(&notice.attachments)
}

fn addressees(notice: &Notice) -> Result<(), DraftError> {
    if notice.to.is_empty() {
        return Err(DraftError::NobodyToAct);
    }
    if let Some(twice) = notice.info.iter().find(|point| notice.to.has(point)) {
        return Err(DraftError::Twice(twice.clone()));
    }
    if notice.addressees().any(|point| *point == notice.sender) {
        return Err(DraftError::ToItself);
    }
    Ok(())
}

fn concerns(notice: &Notice) -> Result<(), DraftError> {
    use NoticeType as T;
    let kind = notice.notice_type();
    let own = matches!(kind, T::Correction | T::Cancellation);
    let needed = own || matches!(kind, T::Response | T::Update | T::AllClear);
    match &notice.concerns {
        None if needed => Err(DraftError::ConcernsNothing(kind.as_str())),
        Some(reference) if own && reference.sender.member != notice.sender.member => {
            Err(DraftError::NotOurs(reference.sender.member.clone()))
        }
        None | Some(_) => Ok(()),
    }
}

/// All that the body demands, and no sentence that we did not write: what is shown as a fixed sentence
/// must be one.
fn fixed_sentences(notice: &Notice) -> Result<(), DraftError> {
    let demanded = notice.body.sentences();
    for sentence in demanded {
        if !notice.sentences.iter().any(|s| s.as_str() == *sentence) {
            return Err(DraftError::Sentence(sentence));
        }
    }
    for (place, sentence) in notice.sentences.iter().enumerate() {
        let translation = sentence.as_str() == sentences::TRANSLATION && !notice.attachments.is_empty();
        let confirms = sentence.as_str() == sentences::CONFIRMS && notice.confirms();
        let known = translation || confirms || demanded.contains(&sentence.as_str());
        let twice = notice.sentences.iter().take(place).any(|other| other == sentence);
        if !known || twice {
            return Err(DraftError::OtherSentence(place.saturating_add(1)));
        }
    }
    Ok(())
}

/// The shape of a BCP 47 tag: letters, then parts of up to eight letters or digits.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=8).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn attachments(attachments: &[Attachment]) -> Result<(), DraftError> {
    let mut total = 0_u64;
    for (place, attachment) in attachments.iter().enumerate() {
        let name = attachment.name.as_str();
        let number = place.saturating_add(1);
        if let Some(why) = unfit_name(name) {
            return Err(DraftError::AttachmentName { place: number, why });
        }
        let same = |other: &Attachment| other.name.to_lowercase() == name.to_lowercase();
        if attachments.iter().take(place).any(same) {
            return Err(DraftError::AttachmentName { place: number, why: "stands twice" });
        }
        if !is_media_type(&attachment.media_type) {
            return Err(DraftError::AttachmentType(number));
        }
        total = total.saturating_add(attachment.len);
    }
    let max = u64::try_from(limits::PAYLOAD_BYTES).unwrap_or(u64::MAX);
    if total > max { Err(DraftError::AttachmentsTooLarge) } else { Ok(()) }
}

/// Why a name must not become a file's on the reader's machine, whatever system that runs.
fn unfit_name(name: &str) -> Option<&'static str> {
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default().trim_end();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let device = DEVICES.contains(&stem)
        || numbered.is_some_and(|n| n.chars().count() == 1 && n.chars().all(char::is_numeric));
    if name.is_empty() {
        Some("is empty")
    } else if name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']) {
        Some("has a character that file names cannot have everywhere (/ \\ : * ? \" < > |)")
    } else if crate::safe_text::visible(name, true) != name {
        Some("has a hidden character")
    } else if name.starts_with(['.', '-', ' ']) {
        Some("begins with a dot, a dash or a space")
    } else if name.ends_with(['.', ' ']) {
        Some("ends with a dot or a space")
    } else if device {
        Some("is a device's name on some systems")
    } else {
        None
    }
}

/// `type/subtype` (RFC 6838).
fn is_media_type(text: &str) -> bool {
    let part = |part: &str| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| part(kind) && part(subtype))
}
