//! Where it happens: two network namespaces joined by a virtual cable, one with the relay, one with
//! everybody else. Nothing leaves the machine, and the namespaces go with the last process in them.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode, Stdio};

use pouch_testkit::stage::StageError;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command as Process};

/// The relay's address, and ours.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// Every address of 10.98.0.0/16 is ours too: attackers bind to them, and answers come back.
pub(crate) const ATTACKERS: [u8; 2] = [10, 98];
const PORT: u16 = 4433;

/// The two namespaces, seen from the one without the relay.
#[derive(Debug)]
pub(crate) struct Place {
    /// Keeps the relay's namespace.
    holder: Child,
}

/// Runs the harness again inside a new namespace. Without root it is in one of users too.
pub(crate) fn enter(options: &[&str]) -> ExitCode {
    let root = std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).ok();
    let users = (root != Some(0)).then_some("-r");
    let program = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(users)
        .args(["-n", "--"])
        .arg(program)
        .arg("inside")
        .args(options)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("no network namespace to be had (unshare, of util-linux): {error}");
            ExitCode::FAILURE
        }
    }
}

/// A process that keeps a namespace until standard input ends.
pub(crate) fn hold() -> ExitCode {
    println!("here");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
    ExitCode::SUCCESS
}

async fn run(words: &str) -> Result<(), StageError> {
    let mut parts = words.split_whitespace();
    let program = parts.next().unwrap_or_default();
    let output = Process::new(program).args(parts).output().await;
    let output = output.map_err(|error| StageError(format!("`{words}`: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StageError(format!("`{words}`: {}", String::from_utf8_lossy(&output.stderr))))
}

impl Place {
    /// Makes the other namespace and the cable.
    pub(crate) async fn make() -> Result<Self, StageError> {
        let failed = |error: std::io::Error| StageError(format!("namespace: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut holder = Process::new("unshare")
            .args(["-n", "--"])
            .arg(program)
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let out = holder.stdout.take().ok_or_else(|| StageError::new("no standard output"))?;
        BufReader::new(out).lines().next_line().await.map_err(failed)?;
        let there = holder.id().ok_or_else(|| StageError::new("no namespace"))?;
        let within = format!("nsenter -t {there} -n");
        let (ours, relay) = (OURS, RELAY);
        let [a, b] = ATTACKERS;
        for words in [
            "ip link set lo up".to_owned(),
            format!("ip link add ours type veth peer name theirs netns {there}"),
            format!("ip addr add {ours}/24 dev ours"),
            "ip link set ours up".to_owned(),
            format!("ip route add local {a}.{b}.0.0/16 dev lo"),
            format!("{within} ip link set lo up"),
            format!("{within} ip addr add {relay}/24 dev theirs"),
            format!("{within} ip link set theirs up"),
            // By a gateway: with a route on the link, answers to spoofed sources would fill the table of
            // neighbours, and the harness would measure that.
            format!("{within} ip route add 10.0.0.0/8 via {ours}"),
        ] {
            run(&words).await?;
        }
        Ok(Self { holder })
    }

    /// Where the relay listens.
    pub(crate) fn relay_address(&self) -> SocketAddr {
        SocketAddr::from((RELAY, PORT))
    }

    /// This program, to be run in the relay's namespace.
    pub(crate) fn beside_the_relay(&self) -> Process {
        let mut command = Process::new("nsenter");
        let there = self.holder.id().unwrap_or_default().to_string();
        command.args(["-t", &there, "-n", "--"]).arg(std::env::current_exe().unwrap());
        command
    }
}
