//! `pouch demo`: everything that Pouch exists for, on this machine, with real keys and real QUIC.
//!
//! The demo is a person at several keyboards: it starts the real `pouch` services as processes and
//! types the real commands. It narrates what happens, and leaves logs and evidence that others' tools
//! can check.

mod sabotage;
mod story;
mod summary;

use std::path::PathBuf;

use crate::args::Demo;
use crate::exit::Exit;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;
use pouch_testkit::stage::{Program, Stage, StageError};
use summary::Summary;

/// Why the demo could not go on.
#[derive(Debug)]
pub(crate) struct DemoError(String);

impl DemoError {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl core::fmt::Display for DemoError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StageError> for DemoError {
    fn from(error: StageError) -> Self {
        Self(error.0)
    }
}

impl From<Problem> for DemoError {
    fn from(problem: Problem) -> Self {
        Self(problem.to_string())
    }
}

/// Plays the demo.
pub(crate) async fn demo(command: Demo, out: &Output) -> Result<(), Problem> {
    let (dir, temporary) = folder(command.dir)?;
    let program =
        Program::current().map_err(|error| Problem::new(Exit::Internal, "POUCH-CLI-20", error.0))?;
    let stage = Stage::new(program, &dir, story::parties(), 2);
    let mut summary = Summary::new(out.clone());
    let interrupted = tokio::signal::ctrl_c();
    let told = tokio::select! {
        told = story::tell(&stage, &mut summary) => told,
        _ = interrupted => Err(DemoError::new("interrupted")),
    };
    let running = match told {
        Ok(running) => running,
        Err(error) => {
            summary.failed(&error);
            summary.write(stage.dir())?;
            if let Some(temporary) = temporary {
                // Kept, so that the logs can be read.
                out.say(&format!("Everything is kept in {}.", temporary.keep().display()));
            }
            return Err(Problem::new(Exit::Failed, "POUCH-CLI-20", "a step of the demo did not hold"));
        }
    };
    summary.write(stage.dir())?;
    summary.close();
    if !command.once {
        out.line(&story::go_on(&stage));
        drop(tokio::signal::ctrl_c().await);
        out.say("Ending the demo.");
    }
    running.stop().await.map_err(|error| Problem::new(Exit::Failed, "POUCH-CLI-20", error.to_string()))
}

fn folder(dir: Option<PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>), Problem> {
    let Some(dir) = dir else {
        let temporary = tempfile::Builder::new()
            .prefix("pouch-demo-")
            .tempdir()
            .map_err(|error| Problem::file(&std::env::temp_dir(), &error))?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    files::make_folder(&dir)?;
    let mut entries = std::fs::read_dir(&dir).map_err(|error| Problem::file(&dir, &error))?;
    if entries.next().is_some() {
        return Err(Problem::usage(format!("{}: is not empty", dir.display()))
            .why("the demo never touches files that it did not make")
            .next("give a new folder"));
    }
    let dir = std::path::absolute(&dir).map_err(|error| Problem::file(&dir, &error))?;
    Ok((dir, None))
}
