//! What a configuration says of containment.

use serde::{Deserialize, Serialize};

/// Whether a service starts where not everything can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// It starts, and says what is missing.
    #[default]
    BestEffort,
    /// It does not start.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_one_of_two_words() {
        let read = |text: &str| serde_json::from_str::<Demand>(text);
        assert_eq!(read("\"required\"").unwrap(), Demand::Required);
        assert_eq!(read("\"best-effort\"").unwrap(), Demand::default());
        assert!(read("\"off\"").is_err());
    }
}
