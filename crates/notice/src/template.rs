//! Notices as people write them: one TOML file with the fields of a type. Unknown fields are refused
//! with their line.

use pouch_wire::NoticeType;
use serde::de::DeserializeOwned;

use crate::body::Body;

/// Why a text is not the fields of a type; the text names the line and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fields of {kind}: {what}")]
pub struct FieldsError {
    /// Which type.
    pub kind: NoticeType,
    /// What is wrong, with the line.
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
    toml::from_str(fields)
        .map_err(|error| FieldsError { kind, what: error.to_string().trim_end().to_owned() })
}

/// Reads the fields of a type.
///
/// # Errors
/// When a field is unknown, missing or malformed.
pub fn body_from_toml(kind: NoticeType, fields: &str) -> Result<Body, FieldsError> {
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

/// A commented example of a type's fields.
#[must_use]
pub fn template(kind: NoticeType) -> String {
    let body = match kind {
        NoticeType::IncidentNotice => INCIDENT,
        NoticeType::Inquiry => {
            "# The questions, in order. They are numbered from 1.\nquestions = [\n  \"Do you see the same indicators?\",\n]\n# By when an answer is hoped for (RFC 3339).\nreply_by = \"2026-11-24T12:00:00Z\"\n"
        }
        NoticeType::RequestAssistance => {
            "# What is needed.\nneeded = \"Two analysts for industrial control systems.\"\n# Until when it helps (RFC 3339).\nuntil = \"2026-11-26T00:00:00Z\"\ncall_back = \"+31 70 555 0100\"\n"
        }
        NoticeType::Response => {
            "# One table per answer. question = 0 answers the notice as a whole.\n# kind is interim, substantive or decline.\n[[answers]]\nquestion = 1\nkind = \"interim\"\ntext = \"We are looking.\"\n"
        }
        NoticeType::Update => "# What is new.\ntext = \"A third substation is affected.\"\n",
        NoticeType::Correction => "# What is right instead.\ntext = \"Two substations, not three.\"\n",
        NoticeType::Cancellation => "# Why it is withdrawn.\ntext = \"It was a false alarm.\"\n",
        NoticeType::AllClear => "# What is over.\ntext = \"Power is back everywhere.\"\n",
        NoticeType::ConsultationInvite => {
            "# When (RFC 3339), by what means, about what.\nwhen = \"2026-11-24T15:00:00Z\"\nmeans = \"secure video conference\"\ntopics = [\"the incident of this night\"]\n"
        }
        NoticeType::VulnerabilityNotice => {
            "identifiers = [\"CVE-2026-0001\"]\nproduct = \"Example remote access gateway\"\nversions = \"before 9.1\"\ndescription = \"Anyone can log in.\"\n# Whether it is being exploited.\nexploited = true\nmitigation = \"Switch it off until it is updated.\"\n# Until when to keep it quiet (RFC 3339).\nembargo_until = \"2026-12-01T00:00:00Z\"\n"
        }
        NoticeType::JointStatement => {
            "text = \"We call for restraint.\"\n# How many must sign, and who was invited to.\nthreshold = 2\ninvited = [\"MD\", \"NL\"]\n"
        }
        NoticeType::CommCheck => {
            "# Whether an officer must answer, not the node.\nhuman = true\nremark = \"Monthly check.\"\n"
        }
        NoticeType::FreeText => "text = \"Anything, in words.\"\n",
    };
    format!(
        "# The fields of {kind}. Lines that begin with # are remarks; unknown fields are refused.\n\n{body}"
    )
}

const INCIDENT: &str = "\
# What happened. The only field that is needed.
what_happened = \"Destructive malware in the control systems of two electricity operators.\"
# When it began and when it was noticed (RFC 3339).
started = \"2026-11-24T02:30:00Z\"
detected = \"2026-11-24T02:41:00Z\"
# Which sectors.
sectors = [\"energy\", \"health\"]
critical_infrastructure = true
# Where it seems to come from. Naming it attributes nothing; that sentence is added to the notice.
# apparent_origin = \"Infrastructure that was used in earlier campaigns.\"
measures_taken = \"Remote access is cut.\"
# What is asked of the reader, and by when.
asked = \"Look for the indicators in your own networks.\"
reply_by = \"2026-11-24T12:00:00Z\"
call_back = \"+31 70 555 0100\"
references = []

# What to look for.
[[indicators]]
kind = \"domain\"
value = \"update.example\"

# On your own scale, whose name is given because states' scales differ.
[severity]
scale = \"national\"
level = \"4 of 5\"
label = \"severe\"

# In the words of CAP 1.2.
[cap]
urgency = \"immediate\"
severity = \"severe\"
certainty = \"observed\"
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_a_good_example() {
        for kind in NoticeType::ALL {
            let body = body_from_toml(*kind, &template(*kind)).unwrap();
            assert_eq!(body.notice_type(), *kind);
            assert!(!body.fields().is_empty());
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
        assert!(error.what.contains("line 2") && error.what.contains("txt"), "{}", error.what);
    }
}
