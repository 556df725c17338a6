//! Keys are in memory while a service runs. Nothing of it may land on a disk: no core file, no swap; and no
//! other process of the same user may look into it.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use crate::held::Grade;

/// No core file, by the limit that every kernel keeps to, and by the mark that also keeps debuggers out.
pub(crate) fn never_dumped() -> Grade {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    let marked = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    match (limited, marked) {
        (Ok(()), Ok(())) => Grade::On,
        (Err(error), Ok(())) => Grade::Partly(format!("the limit of core files: {error}")),
        (Ok(()), Err(error)) => Grade::Partly(format!("the mark against debuggers: {error}")),
        (Err(error), Err(_)) => Grade::off(error),
    }
}

/// Locks all memory, each page when it is first used.
///
/// All of it, because keys pass through many hands: a cipher's state, a stack, a buffer of scrypt. Only where
/// the limit can never be reached: with a limit the kernel would refuse memory later, while the service runs,
/// and a node that ends is worse than a page in a swap file.
pub(crate) fn locked() -> Grade {
    let limit = getrlimit(Resource::Memlock);
    // What the machine allows beyond the soft limit is ours to take.
    if limit.current != limit.maximum {
        setrlimit(Resource::Memlock, Rlimit { current: limit.maximum, ..limit }).ok();
    }
    let exempt = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    match getrlimit(Resource::Memlock).current {
        Some(bytes) if !exempt => {
            let kib = bytes / 1024;
            Grade::Off(format!("only {kib} KiB may be locked; set LimitMEMLOCK=infinity"))
        }
        _ => match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
            Ok(()) => Grade::On,
            Err(error) => Grade::off(error),
        },
    }
}
