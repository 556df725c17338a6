//! Notices that tell: plain texts, corrections, vulnerabilities, statements of several members.

use pouch_wire::{List, Member, Set};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::vocabulary::Severity;
use super::{BodyError, Fields, Line, Moment, Prose, filled, push, push_time};

/// One text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// The text.
    pub text: Prose,
}

impl Plain {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("text", &self.text)
    }
}

/// One field of the earlier notice, put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// Which field, by its name in the notice.
    pub field: Line,
    /// What it said.
    #[serde(default)]
    pub was: Option<Line>,
    /// What it should have said.
    pub is: Line,
}

/// What is right instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// In words.
    pub text: Prose,
    /// Field by field.
    #[serde(default)]
    pub corrected: List<Corrected, 64>,
}

impl Correction {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("text", &self.text)?;
        self.corrected.iter().try_for_each(|corrected| filled("corrected.field", &corrected.field))
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.push(("Correction", self.text.to_string()));
        for Corrected { field, was, is } in &self.corrected {
            let was = was.as_ref().map(|was| format!("was: {was}\n")).unwrap_or_default();
            out.push(("Corrected field", format!("{field}\n{was}is: {is}")));
        }
    }
}

/// Tells of a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vulnerability {
    /// Its identifiers (CVE and others); none when it has none yet.
    #[serde(default)]
    pub identifiers: List<Line, 16>,
    /// In what.
    pub product: Line,
    /// In which versions.
    #[serde(default)]
    pub versions: Option<Line>,
    /// What it allows.
    pub description: Prose,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// What helps.
    #[serde(default)]
    pub mitigation: Option<Prose>,
    /// Until when to keep it quiet.
    #[serde(default)]
    pub embargo_until: Option<Moment>,
    /// How severe.
    #[serde(default)]
    pub severity: Option<Severity>,
}

impl Vulnerability {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("product", &self.product)?;
        filled("description", &self.description)
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.extend(self.identifiers.iter().map(|id| ("Identifier", id.to_string())));
        out.push(("Product", self.product.to_string()));
        push(out, "Versions", self.versions.as_deref());
        out.push(("Description", self.description.to_string()));
        if let Some(severity) = &self.severity {
            out.push(("Severity", severity.to_string()));
        }
        let exploited = if self.exploited { "yes" } else { "not known" };
        out.push(("Being exploited", exploited.to_owned()));
        push(out, "Mitigation", self.mitigation.as_deref());
        push_time(out, "Embargo until", self.embargo_until);
    }
}

/// One text of several members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// The text.
    pub text: Prose,
    /// How many must sign, at least two.
    pub threshold: u8,
    /// Who was invited to sign: the full list.
    #[serde(deserialize_with = "in_any_order")]
    pub invited: Set<Member, 64>,
}

/// People list members in any order; on the wire they stand in one.
fn in_any_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Set<Member, 64>, D::Error> {
    if !deserializer.is_human_readable() {
        return Set::deserialize(deserializer);
    }
    Set::new(List::<Member, 64>::deserialize(deserializer)?.into_vec()).map_err(D::Error::custom)
}

impl Joint {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("text", &self.text)?;
        let invited = self.invited.len();
        let fits = self.threshold >= 2 && usize::from(self.threshold) <= invited;
        if fits { Ok(()) } else { Err(BodyError::Threshold { threshold: self.threshold, invited }) }
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.push(("Statement", self.text.to_string()));
        let invited: Vec<&str> = self.invited.iter().map(Member::as_str).collect();
        out.push(("Valid when", format!("{} of {} have signed", self.threshold, invited.join(", "))));
    }
}
