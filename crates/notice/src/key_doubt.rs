//! Whether a notice is in doubt because somebody's right to sign or approve it ended.

use crate::verdict::{Clause, State, Verdict};

/// How a notice stands to the end of a key, of an officer's mandate, or of its member's right to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyDoubt {
    /// It came before, or nothing ended.
    None,
    /// It cannot be told whether it came before.
    Unclear,
    /// It came after, or something else speaks against it.
    Refused,
}

/// What a verdict says about that.
#[must_use]
pub fn key_doubt(verdict: &Verdict) -> KeyDoubt {
    const ABOUT_KEYS: [Clause; 3] = [Clause::Binding, Clause::KeyInTime, Clause::Release];
    // One that was released by one officer in an emergency is so from the beginning.
    const BREAK_GLASS: &str = "POUCH-VER-41";
    if verdict.is_refusal() {
        return KeyDoubt::Refused;
    }
    let unsure = |clause: &&crate::verdict::ClauseResult| {
        clause.state == State::Unsure && clause.code != BREAK_GLASS && ABOUT_KEYS.contains(&clause.clause)
    };
    if verdict.clauses.iter().any(|clause| unsure(&clause)) { KeyDoubt::Unclear } else { KeyDoubt::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_keys_and_officers_makes_a_notice_doubtful() {
        let unsure = |clause, code| {
            let mut verdict = Verdict::default();
            verdict.unsure(clause, code, "Words.", "next", 12);
            key_doubt(&verdict)
        };
        assert_eq!(key_doubt(&Verdict::default()), KeyDoubt::None);
        assert_eq!(unsure(Clause::Time, "POUCH-VER-51"), KeyDoubt::None);
        assert_eq!(unsure(Clause::Release, "POUCH-VER-41"), KeyDoubt::None);
        assert_eq!(unsure(Clause::Release, "POUCH-VER-44"), KeyDoubt::Unclear);
        assert_eq!(unsure(Clause::KeyInTime, "POUCH-VER-31"), KeyDoubt::Unclear);
        let mut refused = Verdict::default();
        refused.fails(Clause::KeyInTime, "POUCH-VER-30", "Words.", "next", 12);
        assert_eq!(key_doubt(&refused), KeyDoubt::Refused);
    }
}
