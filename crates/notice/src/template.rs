//! Notices as people write them: one TOML file with the fields of a type, and back.
//!
//! Unknown fields and bad values are refused with their line; nothing is dropped silently. It reads no file.

use pouch_wire::NoticeType;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::Body;

/// Why a text is not the fields of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fields of {kind}: {what}")]
pub struct FieldsError {
    /// Which type.
    pub kind: NoticeType,
    /// Where (`line 2, column 1`) and what is wrong.
    pub what: String,
}

impl FieldsError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-NOT-30"
    }
}

fn read<T: DeserializeOwned>(kind: NoticeType, fields: &str) -> Result<T, FieldsError> {
    toml::from_str(fields).map_err(|error| {
        let place = error.span().map(|span| place(fields, span.start)).unwrap_or_default();
        FieldsError { kind, what: format!("{place}{}", error.message().trim_end()) }
    })
}

fn place(fields: &str, at: usize) -> String {
    let before = fields.get(..at).unwrap_or(fields);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    format!("line {line}, column {column}: ")
}

/// Reads the fields of a type.
///
/// # Errors
/// When a field is unknown, missing or malformed.
pub fn body_from_toml(kind: NoticeType, fields: &str) -> Result<Body, FieldsError> {
    // Editors on some systems begin a file with a mark and end lines with two characters.
    let fields = &fields.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    Ok(match kind {
        NoticeType::IncidentNotice => Body::IncidentNotice(Box::new(read(kind, fields)?)),
        NoticeType::Inquiry => Body::Inquiry(read(kind, fields)?),
        NoticeType::RequestAssistance => Body::RequestAssistance(read(kind, fields)?),
        NoticeType::Response => Body::Response(read(kind, fields)?),
        NoticeType::Update => Body::Update(read(kind, fields)?),
        NoticeType::Correction => Body::Correction(read(kind, fields)?),
        NoticeType::Cancellation => Body::Cancellation(read(kind, fields)?),
        NoticeType::AllClear => Body::AllClear(read(kind, fields)?),
        NoticeType::ConsultationInvite => Body::ConsultationInvite(read(kind, fields)?),
        NoticeType::VulnerabilityNotice => Body::VulnerabilityNotice(read(kind, fields)?),
        NoticeType::JointStatement => Body::JointStatement(read(kind, fields)?),
        NoticeType::CommCheck => Body::CommCheck(read(kind, fields)?),
        NoticeType::FreeText => Body::FreeText(read(kind, fields)?),
    })
}

/// The fields of a type that needs one text only, from that text; `None` when it needs more.
#[must_use]
pub fn fields_from_text(kind: NoticeType, text: &str) -> Option<String> {
    let text = toml::Value::String(text.to_owned());
    Some(match kind {
        NoticeType::Update
        | NoticeType::Correction
        | NoticeType::Cancellation
        | NoticeType::AllClear
        | NoticeType::FreeText => format!("text = {text}\n"),
        NoticeType::IncidentNotice => format!("what_happened = {text}\n"),
        NoticeType::Inquiry => format!("questions = [{text}]\n"),
        NoticeType::RequestAssistance => format!("needed = {text}\n"),
        NoticeType::Response => format!("[[answers]]\nkind = \"substantive\"\ntext = {text}\n"),
        NoticeType::CommCheck => format!("human = true\nremark = {text}\n"),
        NoticeType::ConsultationInvite | NoticeType::VulnerabilityNotice | NoticeType::JointStatement => {
            return None;
        }
    })
}

/// A body as TOML that [`body_from_toml`] reads back to the same body.
///
/// # Errors
/// When a value cannot be written as TOML.
pub fn body_to_toml(body: &Body) -> Result<String, FieldsError> {
    fn write(kind: NoticeType, fields: &impl Serialize) -> Result<String, FieldsError> {
        toml::to_string(fields).map_err(|error| FieldsError { kind, what: error.to_string() })
    }
    let kind = body.notice_type();
    match body {
        Body::IncidentNotice(fields) => write(kind, fields),
        Body::Inquiry(fields) => write(kind, fields),
        Body::RequestAssistance(fields) => write(kind, fields),
        Body::Response(fields) => write(kind, fields),
        Body::Correction(fields) => write(kind, fields),
        Body::Update(fields)
        | Body::Cancellation(fields)
        | Body::AllClear(fields)
        | Body::FreeText(fields) => write(kind, fields),
        Body::ConsultationInvite(fields) => write(kind, fields),
        Body::VulnerabilityNotice(fields) => write(kind, fields),
        Body::JointStatement(fields) => write(kind, fields),
        Body::CommCheck(fields) => write(kind, fields),
    }
}

/// A commented example of a type's fields.
#[must_use]
pub fn template(kind: NoticeType) -> String {
    let body = match kind {
        NoticeType::IncidentNotice => include_str!("templates/incident-notice.toml"),
        NoticeType::Inquiry => include_str!("templates/inquiry.toml"),
        NoticeType::RequestAssistance => include_str!("templates/request-assistance.toml"),
        NoticeType::Response => include_str!("templates/response.toml"),
        NoticeType::Update => include_str!("templates/update.toml"),
        NoticeType::Correction => include_str!("templates/correction.toml"),
        NoticeType::Cancellation => include_str!("templates/cancellation.toml"),
        NoticeType::AllClear => include_str!("templates/all-clear.toml"),
        NoticeType::ConsultationInvite => include_str!("templates/consultation-invite.toml"),
        NoticeType::VulnerabilityNotice => include_str!("templates/vulnerability-notice.toml"),
        NoticeType::JointStatement => include_str!("templates/joint-statement.toml"),
        NoticeType::CommCheck => include_str!("templates/comm-check.toml"),
        NoticeType::FreeText => include_str!("templates/free-text.toml"),
    };
    format!(
        "# The fields of {kind}. Lines that begin with # are remarks; unknown fields are refused.\n\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_a_good_example() {
        for kind in NoticeType::ALL {
            let body = body_from_toml(*kind, &template(*kind)).unwrap();
            assert_eq!(body.notice_type(), *kind);
            assert!(!body.fields().is_empty());
            assert_eq!(body.check(), Ok(()), "{kind}");
        }
    }

    #[test]
    fn one_text_is_enough_where_a_type_needs_no_more() {
        for kind in NoticeType::ALL {
            if let Some(fields) = fields_from_text(*kind, "He said \"no\".\nTwice.") {
                assert_eq!(body_from_toml(*kind, &fields).unwrap().notice_type(), *kind);
            }
        }
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line() {
        let error = body_from_toml(NoticeType::Update, "text = \"a\"\ntxt = \"b\"\n").unwrap_err();
        assert!(error.what.starts_with("line 2, column 1: unknown field `txt`"), "{}", error.what);
    }

    #[test]
    fn every_template_goes_to_toml_and_back() {
        for kind in NoticeType::ALL {
            let body = body_from_toml(*kind, &template(*kind)).unwrap();
            assert_eq!(body_from_toml(*kind, &body_to_toml(&body).unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn a_file_of_another_systems_editor_reads_the_same() {
        for kind in NoticeType::ALL {
            let ours = template(*kind);
            let theirs = format!("\u{feff}{}", ours.replace('\n', "\r\n"));
            assert_eq!(body_from_toml(*kind, &theirs), body_from_toml(*kind, &ours), "{kind}");
        }
    }

    #[test]
    fn a_time_is_read_with_and_without_quotes_and_never_without_its_offset() {
        let read = |time: &str| {
            body_from_toml(NoticeType::Inquiry, &format!("questions = [\"a\"]\nreply_by = {time}\n"))
        };
        assert_eq!(read("2026-11-24T12:00:00Z"), read("\"2026-11-24T13:00:00+01:00\""));
        assert!(read("2026-11-24T12:00:00Z").is_ok());
        for time in ["2026-11-24T12:00:00", "2026-11-24", "12:00:00", "\"noon\"", "1764000000", "true"] {
            let error = read(time).unwrap_err();
            assert!(error.what.starts_with("line 2, column "), "{time}: {}", error.what);
        }
    }

    #[test]
    fn signers_are_listed_in_any_order() {
        let read = |list: &str| {
            let fields = format!("text = \"a\"\nthreshold = 2\ninvited = [{list}]\n");
            body_from_toml(NoticeType::JointStatement, &fields)
        };
        assert_eq!(read("\"NL\", \"BA\", \"MD\""), read("\"BA\", \"MD\", \"NL\""));
        assert!(read("\"NL\", \"BA\"").is_ok());
        assert!(read("\"NL\", \"nobody\"").is_err());
    }

    #[test]
    fn bad_values_are_refused_where_they_stand() {
        let cases = [
            (NoticeType::IncidentNotice, "what_happened = 1\n", "line 1"),
            (NoticeType::IncidentNotice, "what_happened = \"a\"\nsectors = [\"mining\"]\n", "line 2"),
            (NoticeType::IncidentNotice, "what_happened = \"a\"\n[cap]\nurgency = \"1\"\n", "line 3"),
            (NoticeType::IncidentNotice, "what_happened = \"\\u0007\"\n", "line 1"),
            (NoticeType::Inquiry, "reply_by = 2026-11-24T12:00:00Z\n", "missing field `questions`"),
            (NoticeType::JointStatement, "text = \"a\"\nthreshold = 300\ninvited = []\n", "line 2"),
            (NoticeType::FreeText, "text = \"a\n", "line 1"),
        ];
        for (kind, fields, place) in cases {
            let error = body_from_toml(kind, fields).unwrap_err();
            assert!(error.what.contains(place), "{fields}: {}", error.what);
        }
    }
}
