//! Whether a notice is in doubt because somebody's right to sign or approve it ended.

use crate::verdict::{Clause, State, Verdict};

/// How a notice stands to the end of a key, of an officer's mandate, or of its member's right to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Doubt {
    /// It came before, or nothing ended.
    None,
    /// It cannot be told whether it came before.
    Unclear,
    /// It came after, or something else speaks against it.
    Refused,
}

/// What a verdict says about that.
#[must_use]
pub fn doubt(verdict: &Verdict) -> Doubt {
    const ABOUT_KEYS: [Clause; 3] = [Clause::Binding, Clause::KeyInTime, Clause::Release];
    // One that was released by one officer in an emergency is so from the beginning.
    const BREAK_GLASS: &str = "POUCH-VER-41";
    if verdict.is_refusal() {
        return Doubt::Refused;
    }
    let unsure = |clause: &&crate::verdict::ClauseResult| {
        clause.state == State::Unsure && clause.code != BREAK_GLASS && ABOUT_KEYS.contains(&clause.clause)
    };
    if verdict.clauses.iter().any(|clause| unsure(&clause)) { Doubt::Unclear } else { Doubt::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_keys_and_officers_makes_a_notice_doubtful() {
        let unsure = |clause, code| {
            let mut verdict = Verdict::default();
            verdict.unsure(clause, code, "Words.", "next", 12);
            doubt(&verdict)
        };
        assert_eq!(doubt(&Verdict::default()), Doubt::None);
        assert_eq!(unsure(Clause::Time, "POUCH-VER-51"), Doubt::None);
        assert_eq!(unsure(Clause::Release, "POUCH-VER-41"), Doubt::None);
        assert_eq!(unsure(Clause::Release, "POUCH-VER-44"), Doubt::Unclear);
        assert_eq!(unsure(Clause::KeyInTime, "POUCH-VER-31"), Doubt::Unclear);
        let mut refused = Verdict::default();
        refused.fails(Clause::KeyInTime, "POUCH-VER-30", "Words.", "next", 12);
        assert_eq!(doubt(&refused), Doubt::Refused);
    }
}
