//! Which files and ports the service reaches: the kernel's Landlock rules. What is not allowed here is
//! refused, whoever owns it.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::geteuid;

use crate::held::Grade;
use crate::needs::Needs;

/// The newest kernel interface whose rules are asked for; an older kernel keeps those that it knows.
const NEWEST: ABI = ABI::V6;

/// What names of hosts and their certificates are looked up in.
const LOOKED_UP: [&str; 16] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];
/// Where the files of name servers really are on many machines; they are replaced, so their folders are read.
const RESOLVERS: [&str; 3] = ["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"];
/// The C library loads what looks names up when it is first asked.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// By these the certificates of the system are named elsewhere.
const CERTIFICATES_BY: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Closes everything but what the service needs.
pub(crate) fn limited(needs: &Needs) -> Grade {
    match restrict(needs) {
        Ok(RulesetStatus::FullyEnforced) => Grade::On,
        Ok(RulesetStatus::PartiallyEnforced) => {
            Grade::Partly("this kernel's Landlock is older than the rules".into())
        }
        Ok(RulesetStatus::NotEnforced) => Grade::off("this kernel has no Landlock, or it is not switched on"),
        Err(error) => Grade::off(error),
    }
}

fn restrict(needs: &Needs) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let socket = AccessFs::MakeSock | AccessFs::RemoveFile;
    let ports = |port: &u16| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::BindTcp));
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(&needs.work, in_its_own()))?
        .add_rules(path_beneath_rules(&needs.sockets, socket))?
        .add_rules(path_beneath_rules(&needs.read, read))?
        .add_rules(path_beneath_rules(of_the_system(), read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(needs.tcp_ports.iter().map(ports))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Everything that can be done with a file or a folder, but to run it, and to make a device, a pipe or a
/// socket.
fn in_its_own() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeFifo
        | AccessFs::MakeSock
        | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !never
}

fn of_the_system() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        LOOKED_UP.iter().chain(&RESOLVERS).chain(&LIBRARIES).map(PathBuf::from).collect();
    all.push("/dev/urandom".into());
    all.extend(CERTIFICATES_BY.iter().filter_map(std::env::var_os).map(PathBuf::from));
    // A rule holds for a file, not for its name: a list of name servers that is replaced would be out of
    // reach. Whoever is not root finds nothing secret in the folder; root's own service has the files alone.
    if !geteuid().is_root() {
        all.push("/etc".into());
    }
    all
}
