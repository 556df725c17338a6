//! The fixed printed form: what is shown is what is signed, in one order, with nothing that the text
//! could change. Untrusted text stands behind `| ` and is made visible; the rest is ours.

use pouch_wire::{Canonical as _, DecodeError, Environment, NetworkId, NoticeId, Timestamp};

use crate::draft::Signed;
use crate::notice::Notice;
use crate::safe_text::{visible, wrapped};
use crate::spoken::spoken_check;
use crate::verify::Verified;

const WIDTH: usize = 78;
const RULE: &str = "------------------------------------------------------------------------------";

/// The printed form of a received notice.
#[must_use]
pub fn printed(verified: &Verified<Notice>, exercise: Option<&str>, now: Timestamp) -> String {
    let notice = verified.value();
    let mut out = Form::begin(notice, exercise, Notice::id_of(&signed_bytes(verified)), now);
    if let Some(release) = verified.release() {
        for officer in &release.approved_by {
            out.line("Approved", &officer.title);
        }
    }
    out.finish(notice)
}

fn signed_bytes(verified: &Verified<Notice>) -> Vec<u8> {
    verified.signed().map(|signed| signed.notice.to_vec()).unwrap_or_default()
}

/// The printed form of a notice of our own, as its recipients will read it.
#[must_use]
pub fn printed_own(signed: &Signed, exercise: Option<&str>, now: Timestamp) -> String {
    let notice = signed.notice();
    Form::begin(notice, exercise, Notice::id_of(&signed.signed().notice), now).finish(notice)
}

/// A draft as its recipients will read it, for whoever approves it.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The id of the notice that it would be.
    pub id: NoticeId,
    /// In which network.
    pub network: NetworkId,
    /// Live, or an exercise.
    pub environment: Environment,
    /// The printed form.
    pub text: String,
}

/// Renders the very bytes that an officer is asked to sign.
///
/// # Errors
/// When they are no notice.
pub fn preview(bytes: &[u8]) -> Result<Preview, DecodeError> {
    let notice = Notice::from_bytes(bytes)?;
    let id = Notice::id_of(bytes);
    let exercise = matches!(notice.environment, Environment::Exercise(_)).then_some("(see the directory)");
    let text = Form::begin(&notice, exercise, id, notice.created).finish(&notice);
    Ok(Preview { id, network: notice.network, environment: notice.environment, text })
}

struct Form(Vec<String>);

impl Form {
    fn begin(notice: &Notice, exercise: Option<&str>, id: NoticeId, now: Timestamp) -> Self {
        let mut form = Self(vec![RULE.to_owned()]);
        match exercise {
            None => form.0.push("LIVE - THIS IS NOT AN EXERCISE".to_owned()),
            Some(name) => {
                form.0.push(format!("EXERCISE EXERCISE EXERCISE - {} - THIS IS A DRILL", visible(name, true)))
            }
        }
        form.line("Number", &notice.full_number());
        form.line("Type", notice.notice_type().as_str());
        form.line("Precedence", &notice.precedence.as_str().to_uppercase());
        form.line("From", &notice.sender.to_string());
        form.line("To (must act)", &joined(notice.to.iter()));
        if !notice.info.is_empty() {
            form.line("Info", &joined(notice.info.iter()));
        }
        form.line("Signed", &moment(notice.created, now));
        form.line("Valid until", &utc(notice.not_after));
        form.line("Sharing", &format!("{}. {}", notice.tlp.label(), notice.tlp.plain_words()));
        if let Some(concerns) = &notice.concerns {
            form.line("Concerns", &format!("{concerns} (id {})", concerns.id.short()));
        }
        if notice.break_glass {
            form.line("Released", "by one officer in an emergency");
        }
        form.line("Language", &visible(&notice.language, true));
        form.line("Spoken check", &spoken_check(id));
        form.0.push(RULE.to_owned());
        form
    }

    fn finish(mut self, notice: &Notice) -> String {
        self.untrusted("Subject", &notice.subject);
        for (label, text) in notice.body.fields() {
            self.untrusted(label, &text);
        }
        for sentence in &notice.sentences {
            self.untrusted("Note", sentence);
        }
        for attachment in &notice.attachments {
            let words = format!(
                "{} ({}, {} bytes, SHA-256 {})",
                attachment.name, attachment.media_type, attachment.len, attachment.digest
            );
            self.untrusted("Attachment", &words);
        }
        self.0.push(RULE.to_owned());
        self.0.push(format!("End of {}", notice.full_number()));
        self.0.push(RULE.to_owned());
        self.0.join("\n")
    }

    /// A line of ours.
    fn line(&mut self, label: &str, text: &str) {
        let mut label = format!("{label}:");
        for line in wrapped(&visible(text, true), WIDTH.saturating_sub(16)) {
            self.0.push(format!("{label:<16}{line}"));
            label.clear();
        }
    }

    /// Text of the sender's, set apart.
    fn untrusted(&mut self, label: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.0.push(format!("{label}:"));
        for line in wrapped(&visible(text, false), WIDTH.saturating_sub(2)) {
            self.0.push(format!("| {line}"));
        }
    }
}

fn joined<T: ToString>(points: impl Iterator<Item = T>) -> String {
    points.map(|point| point.to_string()).collect::<Vec<_>>().join(", ")
}

fn utc(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{} ms since 1970", at.0),
    }
}

fn moment(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.0.saturating_sub(at.0) / 1000;
    let age = match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    format!("{} ({age} ago)", utc(at))
}
