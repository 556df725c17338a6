//! Asks the verifier in this folder, which is Python, written from the specifications, and shares no
//! code with what it judges.
//!
//! It gets an environment of its own under the build's folder, with the one library that it needs.
//! Nothing here may help it to a verdict: it is handed files and says what it thinks.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use pouch_testkit::stage::StageError;
use serde_json::Value;

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/outsider");

/// The verifier, ready to be asked.
#[derive(Debug)]
pub struct Outsider {
    python: PathBuf,
}

impl Outsider {
    /// Gives the verifier an environment under a folder, or finds it there. Processes that ask at the
    /// same time wait for the one that makes it.
    ///
    /// # Errors
    /// When Python is missing or its library cannot be had.
    pub fn install(target: &Path) -> Result<Self, StageError> {
        let home = target.join("outsider");
        let wanted = Path::new(SCRIPTS).join("requirements.txt");
        let done = home.join("installed.txt");
        let python = home.join("bin/python");
        // Beside the environment, which is emptied before it is made anew.
        let lock = target.join("outsider.lock");
        let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let _locked = locked.map_err(|error| at(&lock, &error))?;
        let requirements = fs::read(&wanted).map_err(|error| at(&wanted, &error))?;
        if fs::read(&done).is_ok_and(|installed| installed == requirements) {
            return Ok(Self { python });
        }
        ended_well(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        ended_well(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
                .arg(&wanted),
        )?;
        fs::write(&done, requirements).map_err(|error| at(&done, &error))?;
        Ok(Self { python })
    }

    /// `verify.py`: its exit code, 0 or 1, and what it said.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn verify(&self, options: &[&str], log: &Path, policy: &Path) -> Result<Output, StageError> {
        let mut command = self.script("verify.py");
        command.args(options).arg(log).arg(policy);
        command.output().map_err(|error| StageError(error.to_string()))
    }

    /// `flip.py` over a demonstration's folder: what it found, whether or not it held.
    ///
    /// # Errors
    /// When it cannot be started, or could not do its work.
    pub fn flip(&self, demo: &Path, options: &[impl AsRef<OsStr>]) -> Result<Value, StageError> {
        let mut command = self.script("flip.py");
        let output = command.args(options).arg(demo).output();
        let output = output.map_err(|error| StageError(error.to_string()))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| StageError(format!("flip.py: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// `ask.py`: puts a witness through the protocol, and says what it answered wrongly.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ask(&self, arguments: &[String]) -> Result<Output, StageError> {
        let mut command = self.script("ask.py");
        command.args(arguments).output().map_err(|error| StageError(error.to_string()))
    }

    /// New keys for `witness.py` in a folder; its verifier keys.
    ///
    /// # Errors
    /// When it does not make them.
    pub fn witness_keys(&self, folder: &Path, name: &str) -> Result<Vec<String>, StageError> {
        let output = self.script("witness.py").arg("keys").arg(folder).arg(name).output();
        let output = output.map_err(|error| StageError(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// Starts `witness.py`; it listens on the port that is given with it.
    ///
    /// # Errors
    /// When it does not begin to serve.
    pub fn serve(&self, folder: &Path, options: &[String]) -> Result<Serving, StageError> {
        let mut command = self.script("witness.py");
        let started = command.arg("serve").arg(folder).args(options).stdout(Stdio::piped()).spawn();
        let mut process = started.map_err(|error| StageError(error.to_string()))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            let mut output = BufReader::new(output);
            output.read_line(&mut line).map_err(|error| StageError(error.to_string()))?;
            // What it says later is not read, but must have somewhere to go.
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        }
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        let serving = Serving { process, port: port.unwrap_or_default() };
        if port.is_some() { Ok(serving) } else { Err(StageError(format!("witness.py: {line}"))) }
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        // Compiled files would lie in the source tree.
        command.arg("-B").arg(Path::new(SCRIPTS).join(name));
        command
    }
}

/// A `witness.py` that serves; it is ended when this is dropped.
#[derive(Debug)]
pub struct Serving {
    process: Child,
    /// Where it listens, on the loopback.
    pub port: u16,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Runs the demonstration once and keeps what it leaves in a folder.
///
/// # Errors
/// When it does not end well; what it said is in the error.
pub fn demonstrate(pouch: &Path, dir: &Path) -> Result<(), StageError> {
    ended_well(Command::new(pouch).args(["demo", "--once", "--dir"]).arg(dir))
}

fn ended_well(command: &mut Command) -> Result<(), StageError> {
    let output = command.output().map_err(|error| StageError(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(StageError(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&said))))
}

fn at(path: &Path, error: &std::io::Error) -> StageError {
    StageError(format!("{}: {error}", path.display()))
}
