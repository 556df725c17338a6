//! Which checkpoints count: the policies of a network's logs, made when its keys enter the directory,
//! so that nothing later can fail to make them.

use std::collections::BTreeMap;

use pouch_tlog::{KeyName, NetworkWitness, Policy, VerifierKey};

use crate::charter::{LogKeys, Relay, Witness};
use crate::state::Policies;

/// The policies of a directory log and of the relays' message logs.
///
/// # Errors
/// When a name or a key is unfit or used twice, in words.
pub(crate) fn policies(
    directory_log: &LogKeys,
    relays: &[Relay],
    witnesses: &[Witness],
    quorum: u8,
) -> Result<Policies, String> {
    let witnesses = witnesses.iter().map(witness_vkeys).collect::<Result<Vec<_>, _>>()?;
    let policy = |log: &LogKeys| {
        Policy::for_network(&log_vkeys(log)?, &witnesses, usize::from(quorum))
            .map_err(|error| error.to_string())
    };
    let messages = relays
        .iter()
        .map(|relay| Ok((relay.name.to_string(), policy(&relay.message_log)?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    Ok(Policies { directory: policy(directory_log)?, messages })
}

fn name(text: &str) -> Result<KeyName, String> {
    KeyName::new(text.to_owned()).map_err(|error| error.to_string())
}

fn log_vkeys(log: &LogKeys) -> Result<[VerifierKey; 2], String> {
    let origin = name(&log.origin)?;
    let ed25519 = VerifierKey::ed25519(origin.clone(), log.ed25519).map_err(|error| error.to_string())?;
    let mldsa = VerifierKey::mldsa44(origin, log.mldsa.clone()).map_err(|error| error.to_string())?;
    Ok([ed25519, mldsa])
}

fn witness_vkeys(witness: &Witness) -> Result<NetworkWitness, String> {
    let name = name(&witness.name)?;
    let ed25519 =
        VerifierKey::cosignature_ed25519(name.clone(), witness.ed25519).map_err(|error| error.to_string())?;
    let mldsa =
        VerifierKey::mldsa44(name.clone(), witness.mldsa.clone()).map_err(|error| error.to_string())?;
    Ok(NetworkWitness { name, ed25519, mldsa })
}
