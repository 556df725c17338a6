//! Which messages go into a courier file. Pure: rows in, a choice out.
//!
//! Notices come before receipts, the most urgent first; of receipts the newest first, because only those may
//! be news. What is chosen is written in the order of sending, so that it falls into place as it is read.

use std::collections::{BTreeMap, BTreeSet};

use pouch_store::{Rung, UndeliveredRow};
use pouch_wire::{ContactPoint, EnvelopeId, Precedence, limits};

/// What a person asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// These notices; empty for what waits.
    pub(super) named: BTreeSet<EnvelopeId>,
    /// What these have not confirmed; empty for everybody.
    pub(super) to: BTreeSet<ContactPoint>,
}

/// What goes into the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chosen {
    /// In the order of sending: which messages, and for whom.
    pub(super) messages: Vec<Message>,
    /// How many have no room.
    pub(super) left_out: usize,
}

/// One message that is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) envelope: EnvelopeId,
    pub(super) is_notice: bool,
    pub(super) precedence: Precedence,
    pub(super) recipients: Vec<ContactPoint>,
    len: u64,
}

impl Asked {
    fn is_wanted(&self, row: &UndeliveredRow, answers: &BTreeSet<&ContactPoint>) -> bool {
        if !self.to.is_empty() && !self.to.contains(&row.recipient) {
            return false;
        }
        if !self.named.is_empty() {
            // Whoever gets what is named gets the receipts that are due to it, too.
            return self.named.contains(&row.envelope)
                || (!row.is_notice && answers.contains(&row.recipient));
        }
        // What a relay has comes over the relay, unless somebody is named who may have none.
        !self.to.is_empty() || row.rung == Rung::Queued
    }

    /// Chooses among what nobody confirmed, in the order of sending.
    pub(super) fn choose(&self, rows: &[UndeliveredRow], room: u64) -> Chosen {
        let named = rows.iter().filter(|row| self.named.contains(&row.envelope));
        let answers: BTreeSet<&ContactPoint> = named.map(|row| &row.recipient).collect();
        let mut wanted: Vec<Message> = Vec::new();
        let mut places: BTreeMap<EnvelopeId, usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| self.is_wanted(row, &answers)) {
            let place = *places.entry(row.envelope).or_insert_with(|| {
                wanted.push(Message::of(row));
                wanted.len().saturating_sub(1)
            });
            if let Some(message) = wanted.get_mut(place) {
                message.recipients.push(row.recipient.clone());
            }
        }
        fitting(wanted, room)
    }
}

impl Message {
    fn of(row: &UndeliveredRow) -> Self {
        Self {
            envelope: row.envelope,
            is_notice: row.is_notice,
            precedence: row.precedence,
            recipients: Vec::new(),
            len: row.len,
        }
    }
}

/// As many as a file has room for, the most important first; what is left in the order of sending.
fn fitting(wanted: Vec<Message>, mut room: u64) -> Chosen {
    let all = wanted.len();
    let mut ranked: Vec<(usize, Message)> = wanted.into_iter().enumerate().collect();
    ranked.sort_by_key(|(place, message)| {
        let newest_first = all.saturating_sub(*place);
        (!message.is_notice, message.precedence.rank(), if message.is_notice { *place } else { newest_first })
    });
    let mut kept: Vec<(usize, Message)> = Vec::new();
    for (place, message) in ranked {
        if let Some(left) = room.checked_sub(message.len).filter(|_| kept.len() < limits::COURIER_MESSAGES) {
            room = left;
            kept.push((place, message));
        }
    }
    kept.sort_by_key(|(place, _)| *place);
    Chosen {
        left_out: all.saturating_sub(kept.len()),
        messages: kept.into_iter().map(|(_, message)| message).collect(),
    }
}

#[cfg(test)]
mod tests {
    use pouch_wire::Digest;

    use super::*;

    fn id(n: u8) -> EnvelopeId {
        EnvelopeId(Digest::new([n; 32]))
    }

    fn row(n: u8, is_notice: bool, precedence: Precedence, to: &str, rung: Rung) -> UndeliveredRow {
        UndeliveredRow {
            envelope: id(n),
            is_notice,
            precedence,
            recipient: to.parse().unwrap(),
            rung,
            len: 10,
        }
    }

    fn rows() -> Vec<UndeliveredRow> {
        use Precedence::{Flash, Routine};
        vec![
            row(1, true, Routine, "BA/policy", Rung::Queued),
            row(1, true, Routine, "MD/policy", Rung::Accepted),
            row(2, false, Flash, "MD/policy", Rung::Accepted),
            row(3, true, Flash, "MD/policy", Rung::Queued),
            row(4, false, Routine, "BA/policy", Rung::Queued),
        ]
    }

    fn ids(chosen: &Chosen) -> Vec<EnvelopeId> {
        chosen.messages.iter().map(|message| message.envelope).collect()
    }

    #[test]
    fn without_a_name_it_is_what_no_relay_has() {
        let chosen = Asked::default().choose(&rows(), 1000);
        assert_eq!(ids(&chosen), [id(1), id(3), id(4)]);
        assert_eq!(chosen.messages[0].recipients, ["BA/policy".parse().unwrap()]);
        assert_eq!(chosen.left_out, 0);
    }

    #[test]
    fn whoever_is_named_gets_all_that_it_has_not_confirmed_and_nothing_of_others() {
        let to = BTreeSet::from(["MD/policy".parse().unwrap()]);
        let chosen = Asked { to, ..Asked::default() }.choose(&rows(), 1000);
        assert_eq!(ids(&chosen), [id(1), id(2), id(3)]);
        assert!(chosen.messages.iter().all(|message| message.recipients == ["MD/policy".parse().unwrap()]));
    }

    #[test]
    fn with_a_notice_go_the_receipts_that_are_due_to_its_recipients() {
        let chosen = Asked { named: BTreeSet::from([id(3)]), ..Asked::default() }.choose(&rows(), 1000);
        assert_eq!(ids(&chosen), [id(2), id(3)]);
    }

    #[test]
    fn where_there_is_no_room_the_most_urgent_notices_go_and_what_is_left_is_counted() {
        let to = BTreeSet::from(["MD/policy".parse().unwrap(), "BA/policy".parse().unwrap()]);
        let asked = Asked { to, ..Asked::default() };
        let chosen = asked.choose(&rows(), 25);
        assert_eq!((ids(&chosen), chosen.left_out), (vec![id(1), id(3)], 2));
        let chosen = asked.choose(&rows(), 10);
        assert_eq!((ids(&chosen), chosen.left_out), (vec![id(3)], 3));
        assert_eq!(asked.choose(&rows(), 9), Chosen { messages: Vec::new(), left_out: 4 });
    }

    #[test]
    fn of_too_many_receipts_the_newest_go() {
        let many: Vec<UndeliveredRow> =
            (0..=255_u8).map(|n| row(n, false, Precedence::Routine, "MD/policy", Rung::Queued)).collect();
        let extra = UndeliveredRow { envelope: EnvelopeId(Digest::new([9; 32])), ..many[0].clone() };
        let mut all = vec![UndeliveredRow { envelope: EnvelopeId(pouch_crypto::sha256(b"first")), ..extra }];
        all.extend(many);
        let chosen = Asked::default().choose(&all, u64::MAX);
        assert_eq!((chosen.messages.len(), chosen.left_out), (limits::COURIER_MESSAGES, 1));
        assert_eq!(chosen.messages[0].envelope, id(0), "the oldest stays here");
    }
}
