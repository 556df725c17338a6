//! What became of a notice: whether what came later corrects or withdraws it.
//!
//! Pure: the inbox keeps the notices and hands them in. Nobody but the member that said something takes
//! it back, and a later notice that names an earlier one wrongly does nothing to it.

use pouch_wire::{NoticeId, NoticeType};

use crate::confirmation::Confirmation;
use crate::notice::{Notice, Reference};
use crate::verdict::{Clause, Verdict};
use crate::verify::Verified;

/// What a later notice does to the one that it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// It says what is right instead.
    Corrects,
    /// It withdraws it.
    Cancels,
    /// It answers it.
    Answers,
    /// It vouches for it, word for word.
    Confirms,
    /// It adds to it, ends it, or only mentions it.
    Follows,
}

/// Why a later notice does nothing to the one whose id it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misquote {
    /// It names another sender or number than that notice has.
    #[error("it names a notice by its id, and another number or sender with it")]
    OtherNumber,
    /// It is of another network or exercise.
    #[error("it concerns a notice of another network or exercise")]
    OtherEnvironment,
    /// Only the member that said something takes it back.
    #[error("it corrects or cancels what another member said")]
    NotTheirs,
}

impl Misquote {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherNumber => "POUCH-NOT-55",
            Self::OtherEnvironment => "POUCH-NOT-56",
            Self::NotTheirs => "POUCH-NOT-57",
        }
    }
}

/// What a later notice does to an earlier one; `None` when it concerns another, or none.
///
/// # Errors
/// When it names the earlier one, and may not or not so.
pub fn effect(
    later: &Verified<Notice>,
    earlier: &Notice,
    earlier_id: NoticeId,
) -> Result<Option<Effect>, Misquote> {
    let later = later.value();
    let Some(named) = later.concerns.as_ref().filter(|named| named.id == earlier_id) else {
        return Ok(None);
    };
    if (&named.sender, named.number) != (&earlier.sender, earlier.number) {
        return Err(Misquote::OtherNumber);
    }
    if (later.network, later.environment) != (earlier.network, earlier.environment) {
        return Err(Misquote::OtherEnvironment);
    }
    let theirs = later.sender.member == earlier.sender.member;
    match later.notice_type() {
        NoticeType::Correction | NoticeType::Cancellation if !theirs => Err(Misquote::NotTheirs),
        NoticeType::Correction => Ok(Some(Effect::Corrects)),
        NoticeType::Cancellation => Ok(Some(Effect::Cancels)),
        NoticeType::Response => Ok(Some(Effect::Answers)),
        NoticeType::Update if later.confirms() => Ok(Some(Effect::Confirms)),
        _ => Ok(Some(Effect::Follows)),
    }
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The notice that withdrew it first.
    pub cancelled_by: Option<Reference>,
    /// The notices that correct it, in the order given.
    pub corrected_by: Vec<Reference>,
    /// The notices that answer it, in the order given.
    pub answered_by: Vec<Reference>,
    /// The notices of the same office that confirm it without reservation, in the order given.
    pub confirmed_by: Vec<Reference>,
}

/// The clause "its sender stands by it". A correction leaves the rest standing, so both are shown.
pub(crate) fn judge_standing(verdict: &mut Verdict, standing: &Standing) {
    let named = |by: &Reference| by.to_string();
    if let Some(by) = &standing.cancelled_by {
        let words = format!("Its sender withdrew it: {}.", named(by));
        verdict.unsure(
            Clause::Standing,
            "POUCH-VER-54",
            words,
            "do not act on it; read what withdrew it",
            13,
        );
    } else if !standing.corrected_by.is_empty() {
        let all: Vec<String> = standing.corrected_by.iter().map(named).collect();
        let words = format!("Its sender corrected it: {}.", all.join(", "));
        verdict.unsure(Clause::Standing, "POUCH-VER-55", words, "read it with what corrects it", 13);
    } else if standing.confirmed_by.is_empty() {
        verdict.holds(Clause::Standing, "Nothing that came since corrects or withdraws it.");
    } else {
        let all: Vec<String> = standing.confirmed_by.iter().map(named).collect();
        verdict.holds(Clause::Standing, format!("Its office confirmed it again: {}.", all.join(", ")));
    }
}

/// What became of a notice through those that came later.
#[must_use]
pub fn standing<'a>(
    earlier: &Notice,
    earlier_id: NoticeId,
    later: impl IntoIterator<Item = &'a Verified<Notice>>,
) -> Standing {
    let mut standing = Standing::default();
    for verified in later {
        let by = || Reference {
            sender: verified.value().sender.clone(),
            number: verified.value().number,
            id: verified.notice_id(),
        };
        match effect(verified, earlier, earlier_id) {
            Ok(Some(Effect::Cancels)) => {
                standing.cancelled_by.get_or_insert_with(by);
            }
            Ok(Some(Effect::Corrects)) => standing.corrected_by.push(by()),
            Ok(Some(Effect::Answers)) => standing.answered_by.push(by()),
            // One that is itself in doubt vouches for nothing.
            Ok(Some(Effect::Confirms))
                if Confirmation::of(verified).is_some_and(|it| it.is_for(earlier, earlier_id)) =>
            {
                standing.confirmed_by.push(by());
            }
            Ok(Some(Effect::Confirms | Effect::Follows) | None) | Err(_) => {}
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::NoticeNumber;
    use pouch_wire::Digest;

    fn by(n: u32) -> Reference {
        Reference {
            sender: "NL/technical".parse().unwrap(),
            number: NoticeNumber { year: 2026, n },
            id: NoticeId(Digest::new([7; 32])),
        }
    }

    fn judged(standing: &Standing) -> (String, String) {
        let mut verdict = Verdict::default();
        judge_standing(&mut verdict, standing);
        let words = verdict.clauses.iter().map(|clause| clause.words.clone()).collect();
        (verdict.code().to_owned(), words)
    }

    #[test]
    fn a_notice_stands_until_its_sender_corrects_or_withdraws_it() {
        let answered = Standing { answered_by: vec![by(4)], ..Standing::default() };
        assert_eq!(judged(&answered).0, "POUCH-VER-00");
        let corrected = Standing { corrected_by: vec![by(2), by(3)], ..answered };
        let (code, words) = judged(&corrected);
        assert_eq!(code, "POUCH-VER-55");
        assert!(words.contains("2026-0002") && words.contains("2026-0003"), "{words}");
        // Who must not act on it need not know what was wrong with it.
        let withdrawn = Standing { cancelled_by: Some(by(5)), ..corrected };
        let (code, words) = judged(&withdrawn);
        assert_eq!(code, "POUCH-VER-54");
        assert!(words.contains("2026-0005") && !words.contains("2026-0002"), "{words}");
    }
}
