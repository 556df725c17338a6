//! The spoken check of a notice: thirty digits that two people compare by telephone.
//!
//! The one who listens types what is heard; picking it from a list, or comparing only its beginning, would
//! let somebody else's notice through.

use pouch_crypto::{sha256_parts, spoken_digits};
use pouch_wire::NoticeId;

/// Six groups of five digits, derived from the notice's id.
#[must_use]
pub fn spoken_check(id: NoticeId) -> String {
    spoken_digits(&sha256_parts(&[b"pouch v1 spoken check\0", id.as_bytes()]))
}

/// Why typed digits are not those of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotHeard {
    /// They are not thirty digits.
    #[error("that is not thirty digits: have all six groups of five read again")]
    NotThirtyDigits,
    /// They are another notice's.
    #[error(
        "not this notice's digits (group {group} differs): have them read again; do not act on it until they agree"
    )]
    Differs {
        /// The first group that differs, counted from 1.
        group: usize,
    },
}

impl NotHeard {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotThirtyDigits => "POUCH-NOT-50",
            Self::Differs { .. } => "POUCH-NOT-51",
        }
    }
}

/// Compares what a person typed with a notice's spoken check, whole; spaces and dashes do not count.
///
/// # Errors
/// When they are not thirty digits, or not this notice's.
pub fn compare_spoken(id: NoticeId, typed: &str) -> Result<(), NotHeard> {
    let digits: Vec<char> = typed.chars().filter(|c| !c.is_whitespace() && !is_dash(*c)).collect();
    let right: Vec<char> = spoken_check(id).chars().filter(char::is_ascii_digit).collect();
    if digits.len() != right.len() || !digits.iter().all(char::is_ascii_digit) {
        return Err(NotHeard::NotThirtyDigits);
    }
    match digits.chunks(5).zip(right.chunks(5)).position(|(typed, right)| typed != right) {
        None => Ok(()),
        Some(place) => Err(NotHeard::Differs { group: place.saturating_add(1) }),
    }
}

const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '.' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Digest;

    const ID: NoticeId = NoticeId(Digest::new([7; 32]));

    #[test]
    fn it_is_six_groups_of_five_digits_and_no_other_notice_has_it() {
        let check = spoken_check(ID);
        let groups: Vec<&str> = check.split(' ').collect();
        assert_eq!(groups.len(), 6);
        assert!(groups.iter().all(|g| g.len() == 5 && g.bytes().all(|b| b.is_ascii_digit())));
        assert_ne!(check, spoken_check(NoticeId(Digest::new([8; 32]))));
        // Labelled: the digits of the id itself are for something else.
        assert_ne!(check, spoken_digits(&ID.0));
    }

    #[test]
    fn what_a_person_types_counts_without_its_spaces_and_dashes() {
        let check = spoken_check(ID);
        assert_eq!(compare_spoken(ID, &check), Ok(()));
        assert_eq!(compare_spoken(ID, &check.replace(' ', "")), Ok(()));
        assert_eq!(compare_spoken(ID, &format!("  {}\n", check.replace(' ', " - "))), Ok(()));
    }

    #[test]
    fn a_part_of_it_or_another_is_refused() {
        let check = spoken_check(ID);
        for typed in ["", "12345", &check[..34], &format!("{check} 1"), &check.replace('0', "o"), "٠١٢٣٤"]
        {
            assert!(compare_spoken(ID, typed).is_err(), "{typed}");
        }
        let last = check.chars().last().unwrap();
        let other = if last == '9' { '0' } else { '9' };
        let wrong = format!("{}{other}", &check[..34]);
        assert_eq!(compare_spoken(ID, &wrong), Err(NotHeard::Differs { group: 6 }));
        assert_eq!(compare_spoken(ID, "11111 11111 11111 11111 11111 1111"), Err(NotHeard::NotThirtyDigits));
    }
}
