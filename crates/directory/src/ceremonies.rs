//! What whoever prepares a ceremony must know: what waits, what was vetoed, what the network is like now.

use pouch_crypto::PublicKey;
use pouch_wire::{KeyId, List, Member, Set, Timestamp};

use crate::charter::{LogKeys, Relay, Thresholds, Witness};
use crate::statement::NetworkChange;
use crate::view::View;

/// A recovery of a member's root that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRecovery {
    /// Whose root.
    pub member: Member,
    /// By which entry it began.
    pub index: u64,
    /// Who endorsed it.
    pub endorsers: Vec<Member>,
    /// The root that it would give the member.
    pub new_root: PublicKey,
    /// The id of the root after that.
    pub next_root: KeyId,
    /// From when on it can take effect; until it has, a veto stops it.
    pub effective: Timestamp,
}

impl<'a> View<'a> {
    /// The entry that made relays, witnesses, quorum and thresholds what they are; 0 is the charter.
    #[must_use]
    pub fn network_since(&self) -> u64 {
        self.state().network.at(self.size()).map_or(0, |period| period.from)
    }

    /// All entries that changed the network, the oldest first, without the charter.
    pub fn network_changes(&self) -> impl Iterator<Item = u64> + use<'a> {
        let size = self.size();
        let changes = self.state().network.all().iter().map(|period| period.from);
        changes.filter(move |index| *index > 0 && *index < size)
    }

    /// The keys of the directory log.
    #[must_use]
    pub fn directory_log(&self) -> &'a LogKeys {
        &self.network().directory_log
    }

    /// Recoveries that wait, as of the newest entry.
    pub fn recoveries(&self) -> impl Iterator<Item = WaitingRecovery> + use<'a> {
        self.state().recoveries.iter().map(|(member, waiting)| WaitingRecovery {
            member: member.clone(),
            index: waiting.index,
            endorsers: waiting.endorsers.iter().cloned().collect(),
            new_root: waiting.new_root,
            next_root: waiting.next_root,
            effective: waiting.effective,
        })
    }

    /// The entry by which a member vetoed a recovery, if the next one needs more members because of it.
    #[must_use]
    pub fn vetoed(&self, member: &Member) -> Option<u64> {
        self.state().vetoed.get(member).copied()
    }
}

impl NetworkChange {
    /// The change that makes the network of a view this one.
    ///
    /// # Errors
    /// When there are more relays or witnesses than a network may have.
    pub fn to(
        view: &View<'_>,
        relays: &[Relay],
        witnesses: &[Witness],
        quorum: u8,
        thresholds: Thresholds,
    ) -> Result<Self, pouch_wire::OutOfBounds> {
        let gone = view.relays().iter().filter(|old| !relays.iter().any(|new| new.name == old.name));
        let drop_relays = Set::new(gone.map(|relay| relay.name.clone()))?;
        let joining = relays.iter().filter(|new| !view.relays().contains(new)).cloned();
        let left = view.witnesses().iter().filter(|old| !witnesses.iter().any(|new| new.name == old.name));
        Ok(Self {
            since: view.network_since(),
            drop_relays,
            relays: List::new(joining.collect::<Vec<_>>())?,
            first_relay: relays.first().map(|relay| relay.name.clone()),
            drop_witnesses: Set::new(left.map(|witness| witness.name.clone()))?,
            witnesses: Set::new(witnesses.iter().filter(|new| !view.witnesses().contains(new)).cloned())?,
            quorum,
            thresholds,
            directory_log: None,
        })
    }
}

impl NetworkChange {
    /// What becomes different, in words, one line each. Names in it are as they were written.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.drop_relays.iter().map(|name| format!("relay {} leaves", &**name)));
        for relay in &self.relays {
            let log = &relay.message_log;
            lines.push(format!("relay {}", &*relay.name));
            lines.push(format!("  at {}", &*relay.address));
            lines.push(format!("  session key {}", relay.transport.id()));
            lines.push(format!("  receipt key {}", relay.receipts.id()));
            lines.push(format!("  log {}", &*log.origin));
            lines.extend(two_keys(log.ed25519.id(), log.mldsa.id()));
        }
        let first = self.first_relay.iter();
        lines.extend(first.map(|name| format!("relay {} comes first and keeps the directory log", &**name)));
        lines.extend(self.drop_witnesses.iter().map(|name| format!("witness {} leaves", &**name)));
        for witness in &self.witnesses {
            lines.push(format!("witness {}", &*witness.name));
            lines.extend(two_keys(witness.ed25519.id(), witness.mldsa.id()));
            lines.push(match &witness.transport {
                Some(key) => format!("  session key {}", key.id()),
                None => "  no session key: it runs inside a node".to_owned(),
            });
        }
        if let Some(log) = &self.directory_log {
            lines.push(format!("the directory log {} gets other keys", &*log.origin));
            lines.extend(two_keys(log.ed25519.id(), log.mldsa.id()));
        }
        lines.push(format!("{} witnesses must cosign", self.quorum));
        lines.push(self.thresholds.words());
        lines
    }
}

/// Keys are told whole: whoever could choose one with the same beginning would be believed.
fn two_keys(ed25519: KeyId, mldsa: KeyId) -> [String; 2] {
    [format!("  key {ed25519}"), format!("  key {mldsa}")]
}

impl Thresholds {
    /// How many must agree to what, in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "members that must agree: admission {}, network {}, recovery {} (after a veto {}), and a recovery waits {}",
            self.admission,
            self.network,
            self.recovery,
            self.recovery_after_veto,
            span(self.recovery_delay_ms)
        )
    }
}

/// A span of time, exact: `7 d`, `1 d 2 h`, `1 min 30 s`.
fn span(ms: u64) -> String {
    let mut rest = ms;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400_000_u64), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)] {
        let count = rest.checked_div(length).unwrap_or(0);
        rest = rest.checked_rem(length).unwrap_or(0);
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    if parts.is_empty() { "not at all".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_told_exactly() {
        for (ms, words) in
            [(604_800_000, "7 d"), (93_600_000, "1 d 2 h"), (1500, "1 s 500 ms"), (0, "not at all")]
        {
            assert_eq!(span(ms), words);
        }
    }
}
