//! Which system calls the service can make no more: a filter that the kernel runs before each.
//!
//! It is a list of what is refused. A list of what is allowed would be shorter to reason about, and would
//! stop a node on the day that a new C library makes an old call in a new way; files, where an attacker gets
//! the most, do have a list of what is allowed. Refused is what no server needs and what has led out of
//! processes before: other programs, other processes' memory, the kernel's own machinery, memory that can be
//! written and run, and sockets of families other than those that the service speaks.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op,
    SeccompCondition as If, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use crate::held::Grade;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Puts the filters in place.
pub(crate) fn filtered() -> Grade {
    let attempt = || -> Result<(), seccompiler::Error> {
        // Answered as an older kernel would: the C library then asks by `clone`, whose flags a filter can see.
        let unknown = [(libc::SYS_clone3, Vec::new())].into();
        apply_filter(&compiled(unknown, libc::ENOSYS)?)?;
        apply_filter(&compiled(refused()?, libc::EPERM)?)
    };
    match attempt() {
        Ok(()) => Grade::On,
        Err(error) => Grade::off(error),
    }
}

fn compiled(rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()
}

fn refused() -> Result<Rules, BackendError> {
    let mut rules: Rules = NEVER.iter().chain(OLD).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![not_a_thread()?]);
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_mmap, vec![rule(&[(2, Op::MaskedEq(WRITE_EXEC), WRITE_EXEC)])?]);
    for call in [libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        rules.insert(call, vec![rule(&[(2, Op::MaskedEq(EXEC), EXEC)])?]);
    }
    // Typing for the terminal that the service was started from.
    rules.insert(libc::SYS_ioctl, vec![rule(&[(1, Op::Eq, TIOCSTI)])?, rule(&[(1, Op::Eq, TIOCLINUX)])?]);
    for call in other_numbers(&rules) {
        rules.insert(call, Vec::new());
    }
    Ok(rules)
}

/// On this processor the kernel may know every call by a second number; no program of ours uses it.
#[cfg(target_arch = "x86_64")]
fn other_numbers(rules: &Rules) -> Vec<i64> {
    const X32: i64 = 0x4000_0000;
    // From 512 to 547 are the calls that exist by that number alone.
    rules.keys().copied().chain(512..=547).map(|call| call | X32).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn other_numbers(_: &Rules) -> Vec<i64> {
    Vec::new()
}

/// All of these conditions on arguments, each of 32 bits.
fn rule(conditions: &[(u8, Op, u64)]) -> Result<SeccompRule, BackendError> {
    let all =
        conditions.iter().cloned().map(|(argument, op, value)| If::new(argument, Len::Dword, op, value));
    SeccompRule::new(all.collect::<Result<_, _>>()?)
}

fn not_a_thread() -> Result<SeccompRule, BackendError> {
    rule(&[(0, Op::MaskedEq(CLONE_THREAD), 0)])
}

/// Any family but the internet's, local ones and the one by which the C library asks for addresses; and
/// packets that are written by hand.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let families = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK];
    Ok(vec![
        rule(&families.map(|family| (0, Op::Ne, family)))?,
        rule(&[(0, Op::Eq, AF_NETLINK), (2, Op::Ne, NETLINK_ROUTE)])?,
        rule(&[(0, Op::Eq, AF_INET), (1, Op::MaskedEq(SOCK_TYPE), SOCK_RAW)])?,
        rule(&[(0, Op::Eq, AF_INET6), (1, Op::MaskedEq(SOCK_TYPE), SOCK_RAW)])?,
    ])
}

// Linux numbers these the same on every processor that this runs on.
const EXEC: u64 = 4;
const WRITE_EXEC: u64 = 2 | EXEC;
const CLONE_THREAD: u64 = 0x1_0000;
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541c;
const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
const AF_NETLINK: u64 = 16;
const NETLINK_ROUTE: u64 = 0;
const SOCK_TYPE: u64 = 0xf;
const SOCK_RAW: u64 = 3;

/// Never made by a server.
const NEVER: &[c_long] = &[
    // other programs
    libc::SYS_execve,
    libc::SYS_execveat,
    // other processes and their memory
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // the kernel's machinery
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_personality,
    // mounts and namespaces
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    // files past their names, and devices
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_mknodat,
    libc::SYS_memfd_create,
    // the machine
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_vhangup,
    // who it is
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    // memory and messages between processes
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
];

/// What only this processor still has.
#[cfg(target_arch = "x86_64")]
const OLD: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c_long] = &[];
