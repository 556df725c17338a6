//! Mandates and release rules in the words that people read before they sign them and after.

use pouch_wire::NoticeType;

use crate::mandate::{Audience, Mandate, ReleaseRule};

impl Mandate {
    /// What it allows, in words; without its dates.
    #[must_use]
    pub fn words(&self) -> String {
        let audience = match &self.audience {
            Audience::Everyone => "everyone".to_owned(),
            Audience::Members(members) => members.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", "),
        };
        format!(
            "{}, up to {}, {} to {}, to {audience}",
            types(&self.types),
            self.highest_precedence,
            self.strictest_tlp.label(),
            self.most_open_tlp.label()
        )
    }
}

impl ReleaseRule {
    /// What it demands, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let officers = match self.officers {
            1 => "1 officer".to_owned(),
            n => format!("{n} officers"),
        };
        let alone = if self.break_glass { "one may release alone in an emergency" } else { "no break-glass" };
        let urgent = match self.at_or_above {
            pouch_wire::Precedence::Flash => "flash".to_owned(),
            other => format!("{other} and more urgent"),
        };
        format!("{}, {urgent}: {officers} must approve; {alone}", types(&self.types))
    }
}

fn types(types: &[NoticeType]) -> String {
    let missing: Vec<&str> =
        NoticeType::ALL.iter().filter(|t| !types.contains(t)).map(|t| t.as_str()).collect();
    match missing.as_slice() {
        [] => "every type of notice".to_owned(),
        few @ ([_] | [_, _]) => format!("every type of notice but {}", few.join(" and ")),
        _ => types.iter().map(|t| t.as_str()).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::{Precedence, Set};

    #[test]
    fn a_rule_says_what_it_covers_and_whom_it_needs() {
        let but_checks = NoticeType::ALL.iter().copied().filter(|t| *t != NoticeType::CommCheck);
        let mut rule = ReleaseRule {
            types: Set::new(but_checks).unwrap(),
            at_or_above: Precedence::Immediate,
            officers: 2,
            break_glass: true,
        };
        assert_eq!(
            rule.words(),
            "every type of notice but comm-check, immediate and more urgent: 2 officers must approve; one may release alone in an emergency"
        );
        rule.types = Set::new([NoticeType::Inquiry, NoticeType::Update]).unwrap();
        (rule.at_or_above, rule.officers, rule.break_glass) = (Precedence::Flash, 1, false);
        assert_eq!(rule.words(), "inquiry, update, flash: 1 officer must approve; no break-glass");
    }
}
