//! What relays were told to be here. A relay that hands over such a message again is told of: it may have
//! lost the answer with its session, or plays old messages back. It is shown once all the same.

use std::collections::BTreeMap;

use pouch_wire::EnvelopeId;

/// How many are remembered. Beyond, all is forgotten: a repetition may then be told of later, or twice.
const MAX: usize = 16_384;

/// The messages that each relay heard to be here, and whether its repeating one was told.
#[derive(Debug, Default)]
pub(crate) struct Handed(BTreeMap<(String, EnvelopeId), bool>);

impl Handed {
    /// The relay heard that the message is here.
    pub(crate) fn taken(&mut self, relay: &str, envelope: EnvelopeId) {
        if self.0.len() >= MAX {
            self.0.clear();
        }
        self.0.entry((relay.to_owned(), envelope)).or_default();
    }

    /// The relay hands over a message that is here; whether that is to be told: once, and only if the relay
    /// had heard it.
    pub(crate) fn again(&mut self, relay: &str, envelope: EnvelopeId) -> bool {
        let heard = self.0.get_mut(&(relay.to_owned(), envelope));
        heard.is_some_and(|told| !std::mem::replace(told, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Digest;

    fn id(n: u8) -> EnvelopeId {
        EnvelopeId(Digest::new([n; 32]))
    }

    #[test]
    fn a_repetition_is_told_once_and_only_of_who_knew_better() {
        let mut handed = Handed::default();
        assert!(!handed.again("a", id(1)), "it never heard");
        handed.taken("a", id(1));
        assert!(!handed.again("b", id(1)), "another relay brings its own copy");
        assert!(handed.again("a", id(1)));
        handed.taken("a", id(1));
        assert!(!handed.again("a", id(1)), "told already");
    }
}
