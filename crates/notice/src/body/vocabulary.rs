//! Closed lists of words in notices: sectors, severity, the three words of CAP 1.2.
//!
//! Words, never bare numbers: states' scales differ, and standards number them in opposite directions.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Line;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All words, in the order of their numbers on the wire.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, as written in drafts and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Affected sectors: those of Directive (EU) 2022/2555, annexes I and II, and three that crises between
    /// states touch besides.
    Sector {
        /// Electricity, heating and cooling, oil, gas, hydrogen.
        Energy = "energy",
        /// Air, rail, water, road.
        Transport = "transport",
        /// Credit institutions.
        Banking = "banking",
        /// Trading venues and counterparties.
        FinancialMarkets = "financial-markets",
        /// Health care and medicines.
        Health = "health",
        /// Drinking water.
        DrinkingWater = "drinking-water",
        /// Waste water.
        WasteWater = "waste-water",
        /// Exchange points, name service, cloud, networks.
        DigitalInfrastructure = "digital-infrastructure",
        /// Managed services between businesses.
        IctServices = "ict-services",
        /// Public administration.
        PublicAdministration = "public-administration",
        /// Ground infrastructure of space services.
        Space = "space",
        /// Post and couriers.
        Postal = "postal",
        /// Waste management.
        Waste = "waste",
        /// Chemicals.
        Chemicals = "chemicals",
        /// Food.
        Food = "food",
        /// Manufacturing.
        Manufacturing = "manufacturing",
        /// Market places, search engines, social networks.
        DigitalProviders = "digital-providers",
        /// Research.
        Research = "research",
        /// Defence.
        Defence = "defence",
        /// Elections.
        Elections = "elections",
        /// Emergency services.
        EmergencyServices = "emergency-services",
    }
);
words!(
    /// CAP 1.2 urgency.
    Urgency {
        /// Act now.
        Immediate = "immediate",
        /// Within the hour.
        Expected = "expected",
        /// In the near future.
        Future = "future",
        /// No longer.
        Past = "past",
        /// Not known.
        Unknown = "unknown",
    }
);
words!(
    /// CAP 1.2 severity.
    CapSeverity {
        /// Extraordinary threat.
        Extreme = "extreme",
        /// Significant threat.
        Severe = "severe",
        /// Possible threat.
        Moderate = "moderate",
        /// Minimal threat.
        Minor = "minor",
        /// Not known.
        Unknown = "unknown",
    }
);
words!(
    /// CAP 1.2 certainty.
    Certainty {
        /// It happened, or is happening.
        Observed = "observed",
        /// More likely than not.
        Likely = "likely",
        /// Not likely, but possible.
        Possible = "possible",
        /// Not expected.
        Unlikely = "unlikely",
        /// Not known.
        Unknown = "unknown",
    }
);
words!(
    /// What kind of help is asked for.
    AssistanceKind {
        /// Anything else; the text says what.
        Other = "other",
        /// Analysis of malware, logs or traffic.
        Analysis = "analysis",
        /// Preserving and examining traces.
        Forensics = "forensics",
        /// People on site.
        OnSiteTeam = "on-site-team",
        /// Acting against infrastructure in the reader's country.
        TakeDown = "take-down",
        /// Information that the reader may have.
        Information = "information",
        /// Equipment or services.
        Equipment = "equipment",
    }
);
words!(
    /// What kind of answer it is.
    AnswerKind {
        /// More will follow.
        Interim = "interim",
        /// This is the answer.
        Substantive = "substantive",
        /// There will be none.
        Decline = "decline",
    }
);

/// How severe the sender finds it; states' scales differ, so the scale is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Severity {
    /// The scale's name.
    pub scale: Line,
    /// The level on it.
    pub level: Line,
    /// The level's label.
    pub label: Line,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, scale: {})", self.label, self.level, self.scale)
    }
}

/// The three words of CAP 1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// How soon to act.
    pub urgency: Urgency,
    /// How bad.
    pub severity: CapSeverity,
    /// How sure.
    pub certainty: Certainty,
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.urgency, self.severity, self.certainty)
    }
}
