//! Programs that the tasks run: cargo, git and what they need.
//!
//! What a program says goes to the terminal as it comes; a failure names the command.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::trouble::Trouble;

/// The cargo that runs this task.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // WHY: cargo sets these for what it runs; handed on to another cargo they make it build anew.
    for inherited in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
        command.env_remove(inherited);
    }
    command.current_dir(root);
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Trouble> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(ended(command, &status)) }
}

/// Runs a command to its end, showing each line that it says and handing it to `each` as well.
pub(crate) fn run_reading(command: &mut Command, mut each: impl FnMut(&str) + Send) -> Result<(), Trouble> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let (lines, arriving) = std::sync::mpsc::channel();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let other = lines.clone();
        scope.spawn(move || forward(out, &lines));
        scope.spawn(move || forward(err, &other));
        for line in arriving {
            eprintln!("{line}");
            each(&line);
        }
    });
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(ended(command, &status)) }
}

fn forward(from: Option<impl Read>, to: &std::sync::mpsc::Sender<String>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if to.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Trouble> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() { Ok(output.stdout) } else { Err(ended(command, &output.status)) }
}

/// Whether a program can be started and succeeds with these arguments.
pub(crate) fn answers(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What `cargo metadata` says of the workspace, with the dependencies of this kind of machine.
pub(crate) fn cargo_metadata(root: &Path) -> Result<Value, Trouble> {
    let mut command = cargo(root);
    command.args(["metadata", "--format-version", "1", "--locked"]);
    let bytes = output(&mut command)?;
    serde_json::from_slice(&bytes).map_err(|error| Trouble::failed(format!("cargo metadata: {error}")))
}

/// The files that git knows, and those that it would take next.
pub(crate) fn git_files(root: &Path) -> Result<Vec<String>, Trouble> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let text = String::from_utf8_lossy(&output(&mut command)?).into_owned();
    Ok(text.split_terminator('\0').map(str::to_owned).collect())
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(OsStr::to_string_lossy);
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Trouble {
    Trouble::failed(format!("{}: {error}", shown(command)))
}

fn ended(command: &Command, status: &std::process::ExitStatus) -> Trouble {
    Trouble::failed(format!("{}: {status}", shown(command)))
}
