//! The notice of the crisis itself: what happened, to whom, how bad, and what is asked.
//!
//! Naming an apparent origin attributes nothing; the sentence that says so is part of the signed bytes.

use pouch_wire::List;
use serde::{Deserialize, Serialize};

use super::vocabulary::{Cap, Sector, Severity};
use super::{BodyError, Fields, Line, Moment, Prose, filled, push, push_time};

/// A trace to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// `sha256`, `domain`, `ipv4`, `url` ...
    pub kind: Line,
    /// The value.
    pub value: Line,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What happened.
    pub what_happened: Prose,
    /// When it began, as far as known.
    #[serde(default)]
    pub started: Option<Moment>,
    /// When it was noticed.
    #[serde(default)]
    pub detected: Option<Moment>,
    /// Which sectors, of a closed list.
    #[serde(default)]
    pub sectors: List<Sector, 32>,
    /// Sectors that the list does not have.
    #[serde(default)]
    pub other_sectors: Option<Line>,
    /// Whether critical infrastructure is affected.
    #[serde(default)]
    pub critical_infrastructure: bool,
    /// Where it seems to come from. Naming it attributes nothing; the sentence stands with it.
    #[serde(default)]
    pub apparent_origin: Option<Prose>,
    /// What was done.
    #[serde(default)]
    pub measures_taken: Option<Prose>,
    /// What is asked of the reader.
    #[serde(default)]
    pub asked: Option<Prose>,
    /// By when an answer is hoped for.
    #[serde(default)]
    pub reply_by: Option<Moment>,
    /// Whom to call.
    #[serde(default)]
    pub call_back: Option<Line>,
    /// Further reading.
    #[serde(default)]
    pub references: List<Line, 32>,
    /// How severe.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// In the words of CAP 1.2.
    #[serde(default)]
    pub cap: Option<Cap>,
    /// What to look for.
    #[serde(default)]
    pub indicators: List<Indicator, 256>,
}

impl Incident {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("what_happened", &self.what_happened)?;
        for indicator in &self.indicators {
            filled("indicators.kind", &indicator.kind)?;
            filled("indicators.value", &indicator.value)?;
        }
        match (self.started, self.detected) {
            (Some(started), Some(detected)) if detected < started => {
                Err(BodyError::DetectedBeforeStart { started, detected })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.push(("What happened", self.what_happened.to_string()));
        push_time(out, "Started", self.started);
        push_time(out, "Detected", self.detected);
        if !self.sectors.is_empty() {
            let sectors: Vec<&str> = self.sectors.iter().map(|sector| sector.as_str()).collect();
            out.push(("Sectors", sectors.join(", ")));
        }
        push(out, "Other sectors", self.other_sectors.as_deref());
        let critical = if self.critical_infrastructure { "affected" } else { "not known to be affected" };
        out.push(("Critical infrastructure", critical.to_owned()));
        push(out, "Apparent origin", self.apparent_origin.as_deref());
        if let Some(severity) = &self.severity {
            out.push(("Severity", severity.to_string()));
        }
        if let Some(cap) = &self.cap {
            out.push(("Urgency, severity, certainty", cap.to_string()));
        }
        push(out, "Measures taken", self.measures_taken.as_deref());
        push(out, "Asked", self.asked.as_deref());
        push_time(out, "Reply by", self.reply_by);
        push(out, "Call back", self.call_back.as_deref());
        out.extend(self.indicators.iter().map(|i| ("Indicator", format!("{} {}", i.kind, i.value))));
        out.extend(self.references.iter().map(|r| ("Reference", r.to_string())));
    }
}
