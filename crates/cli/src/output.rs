//! Everything that a command prints: results on standard output, talk on standard error, colour only
//! on a terminal.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use crate::problem::Problem;

/// How a command talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Data as JSON.
    pub(crate) json: bool,
    /// Results only.
    pub(crate) quiet: bool,
}

impl Output {
    /// A result, as JSON or as text.
    pub(crate) fn result<T: Serialize>(&self, schema: &str, value: &T, text: &str) -> Result<(), Problem> {
        if self.json {
            let value = serde_json::json!({ "schema": format!("pouch.{schema}/1"), "value": value });
            self.line(&value.to_string());
        } else {
            self.line(text.trim_end_matches('\n'));
        }
        Ok(())
    }

    /// A line of the result. A reader that went away (`| head`) is no error.
    pub(crate) fn line(&self, text: &str) {
        drop(writeln!(anstream::stdout(), "{text}"));
    }

    /// Talk: what was done.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.show(text);
        }
    }

    /// What a question is about: shown however quiet the command is.
    pub(crate) fn show(&self, text: &str) {
        drop(writeln!(anstream::stderr(), "{text}"));
    }

    /// Talk: what to do next.
    pub(crate) fn next(&self, text: &str) {
        self.say(&format!("next: {text}"));
    }

    /// Talk: what went wrong.
    pub(crate) fn problem(&self, problem: &Problem) {
        if self.json {
            let value = serde_json::json!({ "schema": "pouch.problem/1", "code": problem.code, "what": problem.what,
                "why": problem.why, "next": problem.next, "exit": problem.exit });
            drop(writeln!(anstream::stderr(), "{value}"));
        } else {
            drop(writeln!(anstream::stderr(), "{problem}"));
        }
    }
}

/// Asks a question on the terminal; without a terminal the answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    drop(write!(anstream::stderr(), "{question} Type yes: "));
    drop(anstream::stderr().flush());
    let mut line = String::new();
    matches!(std::io::stdin().read_line(&mut line), Ok(n) if n > 0) && line.trim() == "yes"
}
