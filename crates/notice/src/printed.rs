//! The fixed printed form: what is shown is what is signed, in one order, with nothing that the text
//! could change. Untrusted text stands behind `| ` and is made visible; the rest is ours.
//!
//! Whether it is a drill is said from the signed environment, never from what a caller passes; a draft
//! says on top and at the end that it is one.

use pouch_wire::{Canonical as _, DecodeError, Environment, NetworkId, NoticeId, Timestamp};

use crate::body::{Body, Moment};
use crate::draft::Signed;
use crate::notice::Notice;
use crate::safe_text::{visible, wrapped};
use crate::spoken::spoken_check;
use crate::verdict::{State, Verdict};
use crate::verify::Verified;

const WIDTH: usize = 78;
const LABEL: usize = 16;
const RULE: &str = "------------------------------------------------------------------------------";
const DRAFT: &str = "DRAFT - NOT SIGNED, NOT SENT";

/// The printed form of a received notice. `exercise` is its exercise's name, for a drill.
#[must_use]
pub fn printed(verified: &Verified<Notice>, exercise: Option<&str>, now: Timestamp) -> String {
    let notice = verified.value();
    let id = verified.signed().map_or_else(|| Notice::id_of(&[]), |signed| Notice::id_of(&signed.notice));
    let mut form = Form::begin(notice, exercise);
    form.verdict(verified.verdict());
    form.head(notice, Some(now));
    form.text(notice);
    for officer in verified.release().iter().flat_map(|release| &release.approved_by) {
        form.line("Approved by", &officer.title);
    }
    form.end(notice, id)
}

/// The printed form of a notice of our own, as its recipients will read it.
#[must_use]
pub fn printed_own(signed: &Signed, exercise: Option<&str>, now: Timestamp) -> String {
    let notice = signed.notice();
    let mut form = Form::begin(notice, exercise);
    form.head(notice, Some(now));
    form.text(notice);
    match signed.signed().approvals.len() {
        0 => {}
        1 => form.line("Approved by", "1 officer's key"),
        count => form.line("Approved by", &format!("{count} officers' keys")),
    }
    form.end(notice, Notice::id_of(&signed.signed().notice))
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

/// Renders the very bytes that an officer is asked to sign. The same bytes give the same text on every
/// machine: no clock has a part in it.
///
/// # Errors
/// When they are no notice.
pub fn preview(bytes: &[u8]) -> Result<Preview, DecodeError> {
    let notice = Notice::from_bytes(bytes)?;
    let id = Notice::id_of(bytes);
    let mut form = Form::begin(&notice, None);
    form.0.push(DRAFT.to_owned());
    form.head(&notice, None);
    form.text(&notice);
    form.0.push(DRAFT.to_owned());
    let text = form.end(&notice, id);
    Ok(Preview { id, network: notice.network, environment: notice.environment, text })
}

/// Lines, each of ours or behind `| `.
struct Form(Vec<String>);

impl Form {
    /// Is it a drill? Before everything else.
    fn begin(notice: &Notice, exercise: Option<&str>) -> Self {
        let mut form = Self(vec![RULE.to_owned()]);
        match notice.environment {
            Environment::Live => form.0.push("LIVE - THIS IS NOT AN EXERCISE".to_owned()),
            Environment::Exercise(id) => {
                form.0.push("EXERCISE EXERCISE EXERCISE - THIS IS A DRILL".to_owned());
                let name = exercise.map_or_else(|| id.0.to_string(), str::to_owned);
                form.line("Exercise", &name);
            }
        }
        form
    }

    /// What is not simply true of a received notice.
    fn verdict(&mut self, verdict: &Verdict) {
        if verdict.decisive().is_none() {
            self.line("Verified", "every clause holds");
        }
        for clause in verdict.clauses.iter().filter(|clause| clause.state != State::Holds) {
            self.line(
                "RESERVATION",
                &format!("{} {} ({})", clause.words, capital(&clause.next), clause.code),
            );
        }
    }

    fn head(&mut self, notice: &Notice, now: Option<Timestamp>) {
        self.line("From", &notice.sender.to_string());
        self.line("To (must act)", &joined(notice.to.iter()));
        if !notice.info.is_empty() {
            self.line("Info", &joined(notice.info.iter()));
        }
        self.line("Number", &notice.full_number());
        self.line("Type", notice.notice_type().as_str());
        self.line("Precedence", &notice.precedence.as_str().to_uppercase());
        self.line("Sharing", &format!("{}. {}", notice.tlp.label(), notice.tlp.plain_words()));
        self.line("Signed", &moment(notice.created, now));
        self.line("Valid until", &until(notice.not_after, now));
        if let Some(concerns) = &notice.concerns {
            self.line("Concerns", &concerns.to_string());
            self.line("", &format!("(its spoken check {})", spoken_check(concerns.id)));
        }
        if notice.break_glass {
            self.line("RELEASED", "by one officer in an emergency (break-glass)");
        }
        if let Body::JointStatement(joint) = &notice.body {
            let (needed, invited) = (joint.threshold, joint.invited.len());
            let member = &notice.sender.member;
            let words = format!("signed by {member} alone; valid with {needed} of {invited} signatures");
            self.line("NOT COMPLETE", &words);
        }
        self.line("Language", &notice.language);
        self.0.push(RULE.to_owned());
    }

    fn text(&mut self, notice: &Notice) {
        self.untrusted("Subject", &notice.subject);
        for (label, text) in notice.body.fields() {
            self.untrusted(label, &text);
        }
        for sentence in &notice.sentences {
            self.untrusted("Note", sentence);
        }
        for attachment in &notice.attachments {
            let words = format!(
                "{} ({}, {} bytes)\nSHA-256 {}",
                visible(&attachment.name, true),
                visible(&attachment.media_type, true),
                attachment.len,
                attachment.digest
            );
            self.untrusted("Attachment", &words);
        }
        self.0.push(RULE.to_owned());
    }

    /// The number again: whoever does not see it has not got the whole text.
    fn end(mut self, notice: &Notice, id: NoticeId) -> String {
        self.line("Spoken check", &spoken_check(id));
        self.0.push(format!("End of {}", notice.full_number()));
        self.0.push(RULE.to_owned());
        self.0.join("\n")
    }

    /// A line of ours; what follows on the next lines is indented.
    fn line(&mut self, label: &str, text: &str) {
        let mut label = if label.is_empty() { String::new() } else { format!("{label}:") };
        for line in wrapped(&visible(text, true), WIDTH.saturating_sub(LABEL)) {
            self.0.push(format!("{label:<LABEL$}{line}").trim_end().to_owned());
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
            self.0.push(format!("| {line}").trim_end().to_owned());
        }
    }
}

fn joined<T: ToString>(points: impl Iterator<Item = T>) -> String {
    points.map(|point| point.to_string()).collect::<Vec<_>>().join(", ")
}

/// A sentence after a sentence begins with a capital.
fn capital(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn moment(at: Timestamp, now: Option<Timestamp>) -> String {
    match now {
        None => Moment(at).to_string(),
        Some(now) if at > now => format!("{} ({} ahead of this clock)", Moment(at), span(now, at)),
        Some(now) => format!("{} ({} ago)", Moment(at), span(at, now)),
    }
}

fn until(at: Timestamp, now: Option<Timestamp>) -> String {
    match now {
        Some(now) if now >= at => format!("{} - EXPIRED {} ago", Moment(at), span(at, now)),
        Some(_) | None => Moment(at).to_string(),
    }
}

/// How long between two moments, in words: `40 s`, `5 min`, `3 h`, `2 d`.
#[must_use]
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.since(from).as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Clause;

    fn lines(verdict: &Verdict) -> Vec<String> {
        let mut form = Form(Vec::new());
        form.verdict(verdict);
        form.0
    }

    #[test]
    fn what_is_verified_without_reservation_says_so_in_one_line() {
        let mut verdict = Verdict::default();
        verdict.holds(Clause::Signature, "Signed.");
        assert_eq!(lines(&verdict), ["Verified:       every clause holds"]);
    }

    #[test]
    fn each_reservation_stands_with_its_code_and_nothing_says_verified() {
        let mut verdict = Verdict::default();
        verdict.holds(Clause::Signature, "Signed.");
        verdict.unsure(Clause::Release, "POUCH-VER-41", "One officer.", "ask the other office", 0);
        verdict.unsure(Clause::Clock, "POUCH-VER-73", "Clock\nVerified: yes\u{202e}", "check it", 31);
        let lines = lines(&verdict);
        assert_eq!(
            lines,
            [
                "RESERVATION:    One officer. Ask the other office (POUCH-VER-41)",
                "RESERVATION:    Clock Verified: yes[U+202E] Check it (POUCH-VER-73)",
            ]
        );
    }
}
