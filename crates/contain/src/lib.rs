//! What a running service may still do, once it has what it needs to run.
//!
//! A relay, a node and a witness read bytes that strangers send. Should such bytes ever take one over, the
//! process finds itself with little to use: the files of its own folder, the system calls of a server, no
//! other program to start, no core file to leave its keys in. The rules are the kernel's and cannot be
//! taken back; what they need is told by whoever starts the service ([`Needs`]).
//!
//! [`enter`] is called by the one thread of a process before there are others: they inherit everything.

mod calls;
mod demand;
mod files;
mod held;
mod memory;
mod needs;
mod rights;

pub use demand::Demand;
pub use held::{ContainError, Grade, Held, held};
pub use needs::Needs;

/// Gives up, for good, what a service does not need. What this kernel or this machine's limits do not have
/// is left out and told; where all of it is demanded, the service must not start.
///
/// # Errors
/// When all of it is demanded, and something could not be had.
pub fn enter(needs: &Needs, demand: Demand) -> Result<Held, ContainError> {
    let held = take(needs);
    if demand == Demand::Required
        && let Some((what, _, grade)) = held.lacking().next()
    {
        return Err(ContainError::Lacking { what, why: grade.to_string() });
    }
    held::remember(&held);
    Ok(held)
}

/// What [`enter`] would come to here, found out by a thread that ends with it. The process keeps its files and
/// system calls; it leaves no core file from then on, and its memory stays locked.
#[must_use]
pub fn rehearse(needs: &Needs) -> Held {
    let all = || take(needs);
    std::thread::scope(|scope| scope.spawn(all).join()).unwrap_or_else(|_| Held::nothing())
}

/// In this order: the filter of system calls comes last, because it takes away what the others use.
fn take(needs: &Needs) -> Held {
    let dumps = memory::never_dumped();
    let memory = memory::locked();
    let privileges = rights::dropped(needs);
    let files = files::limited(needs);
    let calls = calls::filtered();
    Held { files, calls, privileges, dumps, memory }
}
