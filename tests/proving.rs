//! The command line of a harness, and how it ends: its figures on standard output, and 0 only when they held.

use core::fmt::Display;
use core::str::FromStr;
use std::process::ExitCode;

use serde_json::Value;

/// What a harness was told.
#[derive(Debug)]
pub struct Options(Vec<String>);

impl Options {
    /// Those of this program.
    #[must_use]
    pub fn given() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether a flag is among them.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|option| option == flag)
    }

    /// What follows a flag; `None` when nothing does that can be read.
    #[must_use]
    pub fn value<T: FromStr>(&self, flag: &str) -> Option<T> {
        self.0.iter().skip_while(|option| *option != flag).nth(1)?.parse().ok()
    }

    /// Prints the figures, as JSON when that is asked for, or why there are none.
    #[allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]
    pub fn end(
        &self,
        figures: Result<Value, impl Display>,
        in_words: impl FnOnce(&Value) -> String,
    ) -> ExitCode {
        match figures {
            Ok(figures) => {
                let held = figures.get("held") == Some(&Value::Bool(true));
                println!("{}", if self.has("--json") { format!("{figures:#}") } else { in_words(&figures) });
                if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }
}
