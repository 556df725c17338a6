//! One question to one witness, by its session or by HTTP after C2SP tlog-witness. Both answer alike.

use std::sync::Arc;
use std::time::Duration;

use pouch_net::{HttpAnswer, HttpClient, Session};
use pouch_tlog::{AddCheckpoint, MemoryTree, Note};
use pouch_wire::session::{Cosign, Cosigned, LogName};
use pouch_wire::{Blob, List};

/// How long a witness may take.
pub(super) const WITHIN: Duration = Duration::from_secs(5);
/// Largest answer of a witness; more than sixteen cosignatures of each kind.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A witness that can be asked now.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Whom it is asked of: the witness's name, or the node that says that it cosigns.
    pub(super) id: String,
    /// The witness that it is by its own transport key, or by its address: nobody else answers there.
    pub(super) own: Option<String>,
    /// The witness that it is as far as we know: its own name, or whose cosignatures came from this session.
    pub(super) name: Option<String>,
    /// Whether what it says, or does not, is that witness's word.
    pub(super) speaks: bool,
    pub(super) reach: Reach,
}

/// How it is reached.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    Session(Session),
    Http(Arc<HttpClient>),
}

/// What a witness said, before any of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Signature lines, it says.
    Lines(Vec<u8>),
    /// It cosigned this size last.
    Conflict(u64),
    /// It will not; why, in its own words.
    No(String),
}

/// Asks for a cosignature on a note that covers `size` entries, from `old` on.
pub(super) fn question(note: &Note, old: u64, size: u64, tree: &MemoryTree) -> Option<AddCheckpoint> {
    let proof = if old == 0 { Vec::new() } else { tree.consistency(old, size).ok()? };
    AddCheckpoint::new(old, proof, note.clone()).ok()
}

impl Target {
    /// One that is its own witness, whatever anybody says.
    pub(super) fn own(name: &str, reach: Reach) -> Self {
        let known = Some(name.to_owned());
        Self { id: name.to_owned(), own: known.clone(), name: known, speaks: true, reach }
    }

    /// The witness whose word this is.
    pub(super) fn speaks_for(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.speaks)
    }

    /// Whether a witness of this name can be the one that answers there.
    pub(super) fn may_be(&self, name: &str) -> bool {
        self.own.as_deref().is_none_or(|own| own == name)
    }

    /// The session that it is asked on; none by HTTP.
    pub(super) fn session(&self) -> Option<u64> {
        match &self.reach {
            Reach::Session(session) => Some(session.id()),
            Reach::Http(_) => None,
        }
    }

    pub(super) async fn ask(&self, log: LogName, question: &AddCheckpoint) -> Result<Said, &'static str> {
        match &self.reach {
            Reach::Session(session) => {
                let checkpoint = Blob::new(question.note().to_bytes()).map_err(|_| TOO_LARGE)?;
                let proof = List::new(question.proof().to_vec()).map_err(|_| TOO_LARGE)?;
                let question = Cosign { log, old_size: question.old_size(), proof, checkpoint };
                match session.request::<_, Cosigned>(&question, WITHIN).await {
                    Ok(Cosigned::Lines(lines)) => Ok(Said::Lines(lines.into_vec())),
                    Ok(Cosigned::Conflict { size }) => Ok(Said::Conflict(size)),
                    Ok(Cosigned::No(reason)) => Ok(Said::No(reason.to_string())),
                    Err(error) => Err(error.code()),
                }
            }
            Reach::Http(client) => {
                let answer = client.post(question.to_bytes(), ANSWER_BYTES_MAX, WITHIN).await;
                answer.map_err(|error| error.code()).map(said)
            }
        }
    }

    pub(super) const fn by(&self) -> &'static str {
        match self.reach {
            Reach::Session(_) => "session",
            Reach::Http(_) => "http",
        }
    }
}

/// What an answer over HTTP says.
fn said(answer: HttpAnswer) -> Said {
    match answer.status {
        200 => Said::Lines(answer.body),
        409 => match conflict(&answer) {
            Some(size) => Said::Conflict(size),
            None => Said::No("HTTP 409 without a size".into()),
        },
        status => {
            let words = String::from_utf8_lossy(&answer.body);
            let words: String = words.lines().next().unwrap_or_default().chars().take(200).collect();
            Said::No(format!("HTTP {status} {words}"))
        }
    }
}

/// The size in decimal and a newline, under its own type.
fn conflict(answer: &HttpAnswer) -> Option<u64> {
    let kind = answer.content_type.split(';').next()?.trim();
    let digits = core::str::from_utf8(&answer.body).ok()?.strip_suffix('\n')?;
    let plain =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    (kind.eq_ignore_ascii_case("text/x.tlog.size") && plain).then(|| digits.parse().ok())?
}

/// A question that fits no frame. None of ours is one.
const TOO_LARGE: &str = "POUCH-NET-44";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_has_a_size_a_newline_and_its_own_type_and_nothing_else_is_one() {
        let answer = |content_type: &str, body: &str| {
            said(HttpAnswer { status: 409, content_type: content_type.into(), body: body.into() })
        };
        assert_eq!(answer("text/x.tlog.size", "20852163\n"), Said::Conflict(20_852_163));
        assert_eq!(answer("Text/X.tlog.size; charset=utf-8", "0\n"), Said::Conflict(0));
        for (kind, body) in [
            ("text/plain", "7\n"),
            ("text/x.tlog.size", "7"),
            ("text/x.tlog.size", "07\n"),
            ("text/x.tlog.size", "+7\n"),
            ("text/x.tlog.size", "7\n\n"),
            ("text/x.tlog.size", "\n"),
            ("text/x.tlog.size", "18446744073709551616\n"),
        ] {
            assert!(matches!(answer(kind, body), Said::No(_)), "{kind} {body:?}");
        }
    }
}
