//! What a sender is told when a relay carries its message in a lower class than it is marked with, or does
//! not take it yet because its quota is used up: nothing of that is silent.

use pouch_envelope::{Demotion, SignedReceipt};
use pouch_store::Carriage;
use pouch_wire::session::Refused;
use pouch_wire::{Canonical as _, Precedence};

/// That a relay carries a message in a lower class, by the receipt that was kept of it.
pub(crate) fn by(said: &Carriage, marked: Precedence) -> Option<String> {
    let receipt = SignedReceipt::from_bytes(said.receipt.as_deref()?).ok()?;
    Some(words(&said.relay, marked, &receipt.demotion()?))
}

/// The same in words.
pub(crate) fn words(relay: &str, marked: Precedence, demotion: &Demotion) -> String {
    let Demotion { to, sent, within_s } = demotion;
    let time = match within_s {
        0..=90 => format!("{within_s} seconds"),
        more => format!("{} minutes", more.div_ceil(60)),
    };
    format!("carried as {to} by {relay}: {sent} messages marked {marked} in {time}")
}

/// Whether a relay does not take a message yet because its sender's quota or rate is used up.
pub(crate) fn is_quota(refused: &Refused) -> bool {
    matches!(&*refused.code, "POUCH-ADM-32" | "POUCH-ADM-60" | "POUCH-ADM-61" | "POUCH-ADM-62")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demotion_is_said_with_what_led_to_it() {
        let said = |within_s| {
            let demotion = Demotion { to: Precedence::Immediate, sent: 21, within_s };
            words("relay-1", Precedence::Flash, &demotion)
        };
        assert_eq!(said(120), "carried as immediate by relay-1: 21 messages marked flash in 2 minutes");
        assert_eq!(said(4), "carried as immediate by relay-1: 21 messages marked flash in 4 seconds");
    }

    #[test]
    fn only_what_a_sender_may_bring_later_is_a_quota() {
        let said = |code: &str| is_quota(&pouch_net::refusal(code, &"", None));
        assert!(["32", "60", "61", "62"].into_iter().all(|n| said(&format!("POUCH-ADM-{n}"))));
        assert!(!said("POUCH-ADM-30") && !said("POUCH-STO-10"));
    }
}
