//! The relay under attack: the product's, in a process of its own, so that its memory is its own. A
//! control starts it with a defence left out, which no program that is shipped can do.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::PublicKey;
use pouch_net::{Limits, Rate};
use pouch_relay::{Conduct, Defences, Relay};
use pouch_testkit::stage::{PATIENCE, StageError};
use pouch_tests::evil::town::now;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::flood::Defence;
use crate::ground::{self, Ground};
use crate::place::Place;

/// Where the relay is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) key: PublicKey,
    /// Its process.
    pub(crate) process: u32,
}

impl Target {
    /// A number of KiB out of what the system says of the process; none when it is gone.
    fn kib(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).ok()?;
        let line = status.lines().find(|line| line.starts_with(field))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// The relay's largest resident memory so far, in KiB.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        self.kib("VmHWM:")
    }
}

/// A running relay.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) target: Target,
    log: PathBuf,
    child: Child,
}

impl Running {
    /// Starts it on a fresh store, with some defences left out.
    pub(crate) async fn start(
        place: &Place,
        ground: &Ground,
        dir: &Path,
        without: &[Defence],
    ) -> Result<Self, StageError> {
        let failed = |error: std::io::Error| StageError(format!("relay: {error}"));
        std::fs::create_dir_all(dir).map_err(failed)?;
        ground.write(&dir.join("charter.pouch"));
        let log = dir.join("relay.log");
        let mut command = place.beside_the_relay();
        command.arg("relay").arg(dir).arg(place.relay_address().to_string());
        command.args(without.iter().map(|defence| defence.name()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(std::fs::File::create(&log).map_err(failed)?);
        let mut child = command.spawn().map_err(failed)?;
        let process = child.id().ok_or_else(|| StageError::new("the relay ended at once"))?;
        let out = child.stdout.take().ok_or_else(|| StageError::new("no standard output"))?;
        let ready = timeout(PATIENCE, BufReader::new(out).lines().next_line()).await;
        let address = match ready {
            Ok(Ok(Some(line))) if line == "ready" => place.relay_address(),
            _ => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(StageError(format!("the relay did not start:\n{said}")));
            }
        };
        let key = ground::relay_keys().transport.public();
        Ok(Self { target: Target { address, key, process }, log, child })
    }

    /// How many lines it logged so far. That the network has no witness is not the flood's doing.
    pub(crate) fn log_lines(&self) -> u64 {
        let counts = |line: &&str| !line.contains("not enough witnesses");
        std::fs::read_to_string(&self.log).map_or(0, |log| log.lines().filter(counts).count() as u64)
    }

    /// Ends it; it must still be there, and end well.
    pub(crate) async fn end(mut self) -> Result<(), StageError> {
        drop(self.child.stdin.take());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            other => Err(StageError(format!("the relay ended badly: {other:?}, see {}", self.log.display()))),
        }
    }
}

/// A prefix's share of handshakes: the product's rate, and a burst that a short flood uses up.
pub(crate) fn share_of_prefix() -> Rate {
    Rate { burst: 128, ..Limits::default().per_prefix }
}

/// The product's relay with some defences left out; with none it is the product's but for that burst.
#[derive(Debug)]
struct Weakened(Vec<Defence>);

impl Conduct for Weakened {
    fn defences(&self) -> Defences {
        Defences {
            quotas: !self.0.contains(&Defence::Quotas),
            precedence: !self.0.contains(&Defence::Precedence),
            turns: !self.0.contains(&Defence::Turns),
        }
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits { per_prefix: share_of_prefix(), ..Limits::default() };
        for defence in &self.0 {
            match defence {
                Defence::Retry => {
                    limits.half_open_retry = usize::MAX;
                    limits.half_open_max = usize::MAX;
                    limits.initials_retry = u32::MAX;
                }
                Defence::Prefixes => {
                    let all = Rate { per_second: u32::MAX, burst: u32::MAX };
                    (limits.per_prefix, limits.all_strangers) = (all, all);
                }
                Defence::Windows => {
                    (limits.streams, limits.stream_window, limits.receive_window) = (1024, 1 << 30, 1 << 30);
                    (limits.head, limits.payload) = (Duration::from_secs(600), Duration::from_secs(600));
                }
                Defence::CryptoBuffer => limits.crypto_buffer = 1 << 30,
                Defence::NoMigration => limits.migration = true,
                // Behind the door.
                Defence::Quotas | Defence::Precedence | Defence::Turns => {}
            }
        }
        limits
    }
}

/// The relay's process: serves until standard input ends.
pub(crate) fn serve(dir: &str, address: &str, without: &[&str]) -> ExitCode {
    let defences: Option<Vec<Defence>> = without.iter().map(|name| Defence::of(name)).collect();
    let Some(defences) = defences else {
        eprintln!("no such defence");
        return ExitCode::FAILURE;
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match runtime.block_on(run(Path::new(dir), address, defences)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(dir: &Path, address: &str, defences: Vec<Defence>) -> Result<(), pouch_relay::RelayError> {
    for folder in ["data", "keys", "publish"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    let config = format!(
        "name = \"relay-1\"\ncharter = {:?}\nlisten = {address:?}\ndata = {:?}\nkeys = {:?}\npublish = {:?}\n",
        dir.join("charter.pouch"),
        dir.join("data"),
        dir.join("keys"),
        dir.join("publish"),
    );
    let relay = Relay {
        config: toml::from_str(&config).unwrap(),
        keys: ground::relay_keys(),
        charter: Ground::read(&dir.join("charter.pouch")).charter,
        clock: now,
        conduct: Arc::new(Weakened(defences)),
    };
    let shutdown = CancellationToken::new();
    let over = shutdown.clone();
    std::thread::spawn(move || {
        // Whoever started it closes this end, or is gone.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        over.cancel();
    });
    pouch_relay::run(relay, || println!("ready"), shutdown).await
}
