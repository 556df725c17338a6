//! Relays, witnesses, quorum and thresholds: the rules that they keep, in the charter and whenever the
//! members change them together.

use std::collections::BTreeSet;

use pouch_wire::{KeyId, limits};

use super::Judged;
use super::signed::Signed;
use crate::charter::{LogKeys, Relay, Thresholds, Witness};
use crate::directory::Directory;
use crate::policies::policies;
use crate::refusal::StatementRefused as Refused;
use crate::state::{Duty, Network, Role, Service};
use crate::statement::NetworkChange;

impl Directory {
    pub(super) fn change_network<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        change: &NetworkChange,
    ) -> Result<Judged<'a>, Refused> {
        let since = self.now_view().network_since();
        if change.since != since {
            return Err(Refused::NetworkChanged(change.since, since));
        }
        let current = self.now_view().network();
        let mut network = changed(current, change)?;
        let rules = NetworkRules { relays: &network.relays, witnesses: &network.witnesses };
        rules.check(&network.directory_log).map_err(Refused::Names)?;
        quorum(network.quorum, network.witnesses.len()).map_err(|()| Refused::Thresholds("the witnesses"))?;
        // What stays as it is was good when it was decided, and no suspension made it too much.
        if network.thresholds != current.thresholds {
            let able = self.now_view().active().count();
            thresholds(&network.thresholds, able).map_err(Refused::Thresholds)?;
        }
        let mut services = services(&network.relays, &network.witnesses);
        services.extend(log_services(&network.directory_log));
        let services = self.free_services(services)?;
        if network == *current {
            return Err(Refused::NoChange);
        }
        let Network { directory_log, relays, witnesses, quorum, .. } = &network;
        network.policies = policies(directory_log, relays, witnesses, *quorum).map_err(Refused::Names)?;
        let speakers = self.endorsed(signed, current.thresholds.network, None)?;
        Ok(Judged::new(speakers, move |directory| {
            directory.bind_services(services);
            directory.state.network.set(index, network);
        }))
    }

    /// A service keeps the keys that it had; what else it brings is new, and each key once.
    fn free_services(&self, services: Vec<(KeyId, Service)>) -> Result<Vec<(KeyId, Service)>, Refused> {
        let mut seen = BTreeSet::new();
        for (key, service) in &services {
            let kept = matches!(self.state.roles.get(key), Some(Role::Service(had)) if had == service);
            if !kept {
                self.free(*key)?;
            }
            if !seen.insert(*key) {
                return Err(Refused::KeyTaken(*key));
            }
        }
        Ok(services)
    }

    pub(crate) fn bind_services(&mut self, services: Vec<(KeyId, Service)>) {
        for (key, service) in services {
            self.state.roles.insert(key, Role::Service(service));
        }
    }
}

/// The network after a change, still with the policies of the one before.
pub(crate) fn changed(current: &Network, change: &NetworkChange) -> Result<Network, Refused> {
    named_once(change)?;
    let mut relays = current.relays.clone();
    for name in &change.drop_relays {
        let place = relays.iter().position(|relay| relay.name == *name);
        relays.remove(place.ok_or_else(|| Refused::NoRelay(name.to_string()))?);
    }
    for relay in &change.relays {
        match relays.iter_mut().find(|old| old.name == relay.name) {
            Some(old) => *old = relay.clone(),
            None => relays.push(relay.clone()),
        }
    }
    if let Some(first) = &change.first_relay {
        let place = relays.iter().position(|relay| relay.name == *first);
        let first = relays.remove(place.ok_or_else(|| Refused::NoRelay(first.to_string()))?);
        relays.insert(0, first);
    }
    let mut witnesses = current.witnesses.clone();
    for name in &change.drop_witnesses {
        let place = witnesses.iter().position(|witness| witness.name == *name);
        witnesses.remove(place.ok_or_else(|| Refused::NoWitness(name.to_string()))?);
    }
    for witness in &change.witnesses {
        match witnesses.iter_mut().find(|old| old.name == witness.name) {
            Some(old) => *old = witness.clone(),
            None => witnesses.push(witness.clone()),
        }
    }
    for (kind, count, most) in
        [("relays", relays.len(), limits::RELAYS), ("witnesses", witnesses.len(), limits::WITNESSES)]
    {
        if count > most {
            return Err(Refused::TooManyServices(kind, most));
        }
    }
    let log = &current.directory_log;
    let directory_log = change.directory_log.as_ref().unwrap_or(log).clone();
    if directory_log.origin != log.origin {
        // The log goes on; what was remembered of it is remembered by its name.
        return Err(Refused::Names(directory_log.origin.to_string()));
    }
    let (quorum, thresholds, policies) = (change.quorum, change.thresholds, current.policies.clone());
    Ok(Network { directory_log, relays, witnesses, quorum, thresholds, policies })
}

/// What joins has a name of its own: of two with one name, the second would silently take the place of the
/// first.
fn named_once(change: &NetworkChange) -> Result<(), Refused> {
    let mut names = BTreeSet::new();
    let mut relays = change.relays.iter().map(|relay| relay.name.as_str());
    let twice = relays.find(|name| !names.insert(*name));
    names.clear();
    let again = change.witnesses.iter().map(|w| w.name.as_str()).find(|name| !names.insert(*name));
    twice.or(again).map_or(Ok(()), |name| Err(Refused::Names(name.to_owned())))
}

/// The keys of relays and witnesses, and what each is for.
pub(crate) fn services(relays: &[Relay], witnesses: &[Witness]) -> Vec<(KeyId, Service)> {
    let of = |name: &str, duty: Duty| Service { name: name.to_owned(), duty };
    let mut keys = Vec::new();
    for relay in relays {
        keys.push((relay.transport.id(), of(&relay.name, Duty::RelaySessions)));
        keys.push((relay.receipts.id(), of(&relay.name, Duty::Receipts)));
        keys.extend(log_services(&relay.message_log));
    }
    for witness in witnesses {
        keys.push((witness.ed25519.id(), of(&witness.name, Duty::Cosignatures)));
        keys.push((witness.mldsa.id(), of(&witness.name, Duty::Cosignatures)));
        keys.extend(witness.transport.map(|key| (key.id(), of(&witness.name, Duty::WitnessSessions))));
    }
    keys
}

/// A log's two keys.
pub(crate) fn log_services(log: &LogKeys) -> [(KeyId, Service); 2] {
    [log.ed25519.id(), log.mldsa.id()]
        .map(|key| (key, Service { name: log.origin.to_string(), duty: Duty::Checkpoints }))
}

/// Names of relays, logs and witnesses: present, fit, and each used once.
pub(crate) struct NetworkRules<'a> {
    pub(crate) relays: &'a [Relay],
    pub(crate) witnesses: &'a [Witness],
}

impl NetworkRules<'_> {
    pub(crate) fn check(&self, directory_log: &LogKeys) -> Result<(), String> {
        if self.relays.is_empty() || self.witnesses.is_empty() {
            return Err(String::new());
        }
        let mut names = BTreeSet::new();
        for relay in self.relays {
            let addressed = relay.address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
            });
            if relay.name.trim().is_empty() || !addressed || !names.insert(relay.name.to_string()) {
                return Err(relay.name.to_string());
            }
        }
        let origins = self.relays.iter().map(|r| &r.message_log.origin).chain([&directory_log.origin]);
        let mut keys = BTreeSet::new();
        for name in origins.chain(self.witnesses.iter().map(|w| &w.name)) {
            if pouch_tlog::KeyName::new(name.to_string()).is_err() || !keys.insert(name.to_string()) {
                return Err(name.to_string());
            }
        }
        Ok(())
    }
}

/// A quorum leaves one witness to spare, unless there is only one.
pub(crate) fn quorum(quorum: u8, witnesses: usize) -> Result<(), ()> {
    let most = if witnesses == 1 { 1 } else { witnesses.saturating_sub(1) };
    if quorum >= 1 && usize::from(quorum) <= most { Ok(()) } else { Err(()) }
}

/// So many members can sign one statement: a newcomer's or a new root signs beside them.
const SIGNERS: usize = 63;

/// Every threshold leaves one member to spare; where two members are all there is, one suffices. None
/// needs more signatures than a statement holds.
pub(crate) fn thresholds(thresholds: &Thresholds, members: usize) -> Result<(), &'static str> {
    let below =
        |value: u8, able: usize| value >= 1 && usize::from(value) <= able.saturating_sub(1).clamp(1, SIGNERS);
    let others = members.saturating_sub(1);
    if !below(thresholds.admission, members) {
        return Err("admission");
    }
    if !below(thresholds.network, members) {
        return Err("changes of the network");
    }
    if !below(thresholds.recovery, others) {
        return Err("recovery");
    }
    // After a veto more must agree than before it, if more there are. Only where nothing else is higher
    // may it need all others: the member itself showed that it holds a key.
    let higher = usize::from(thresholds.recovery).saturating_add(1).min(others).min(SIGNERS);
    let most = others.saturating_sub(1).max(higher).min(SIGNERS);
    if (higher..=most).contains(&usize::from(thresholds.recovery_after_veto)) {
        Ok(())
    } else {
        Err("recovery after a veto")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_threshold_needs_more_signatures_than_a_statement_holds() {
        let with = |needed: u8| {
            let thresholds_of = Thresholds {
                admission: needed,
                network: needed,
                recovery: 1,
                recovery_after_veto: needed,
                recovery_delay_ms: 0,
            };
            thresholds(&thresholds_of, 100)
        };
        assert_eq!((with(63), with(64)), (Ok(()), Err("admission")));
        let thresholds_of = |recovery: u8, after: u8| Thresholds {
            admission: 1,
            network: 1,
            recovery,
            recovery_after_veto: after,
            recovery_delay_ms: 0,
        };
        assert_eq!(thresholds(&thresholds_of(64, 65), 100), Err("recovery"));
        assert_eq!(thresholds(&thresholds_of(1, 64), 100), Err("recovery after a veto"));
        assert_eq!(thresholds(&thresholds_of(63, 63), 100), Ok(()));
    }
}
