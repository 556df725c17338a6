//! Member codes that a tired reader may take for one another.

use pouch_wire::Member;

/// Codes are capitals alone, so only capitals and pairs of them can look alike: `VV` like `W`, and in
/// many typefaces `I` like `L`.
pub(crate) fn confusable(a: &Member, b: &Member) -> bool {
    skeleton(a.as_str()) == skeleton(b.as_str())
}

/// ISO 3166-1 has both `IL` and `LI`, `IT` and `LT`: two-letter codes are told apart by the registry,
/// so only longer ones are folded.
fn skeleton(code: &str) -> String {
    if code.len() <= 2 { code.to_owned() } else { code.replace("VV", "W").replace('I', "L") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        confusable(&a.parse().unwrap(), &b.parse().unwrap())
    }

    #[test]
    fn the_same_and_the_similar_are_confusable_and_states_are_not() {
        assert!(alike("NL", "NL"));
        assert!(alike("OSCIE", "OSCLE"));
        assert!(alike("VVHO", "WHO"));
        assert!(!alike("IT", "LT"));
        assert!(!alike("OSCE", "NATO"));
    }
}
