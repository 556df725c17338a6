//! A service that is started as root, which none needs to be, keeps what its port and its locked memory
//! need, and no more of root's power.

use std::os::unix::fs::MetadataExt as _;

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::held::Grade;
use crate::needs::Needs;

/// A port below 1024, and memory that stays out of the swap file.
const KEPT: CapabilitySet = CapabilitySet::NET_BIND_SERVICE.union(CapabilitySet::IPC_LOCK);
/// What root needs to work in another user's folder.
const OF_OTHERS: CapabilitySet =
    CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::FOWNER);

/// Gives up the capabilities that are not needed.
pub(crate) fn dropped(needs: &Needs) -> Grade {
    let keep = if owns_all(needs) { KEPT } else { KEPT.union(OF_OTHERS) };
    let attempt = || {
        let now = capabilities(None)?;
        let permitted = now.permitted.intersection(keep);
        let effective = now.effective.intersection(keep);
        set_capabilities(None, CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() })
    };
    match attempt() {
        Ok(()) => Grade::On,
        Err(error) => Grade::off(error),
    }
}

fn owns_all(needs: &Needs) -> bool {
    let me = geteuid().as_raw();
    let mine = |path| std::fs::metadata(path).map_or(true, |found| found.uid() == me);
    needs.work.iter().chain(&needs.sockets).chain(&needs.read).all(mine)
}
