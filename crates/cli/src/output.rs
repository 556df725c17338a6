//! Everything that a command prints: results on standard output, talk on standard error, colour only
//! on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use pouch_notice::visible;
use serde::Serialize;

use crate::args::{CONFIG, Global};
use crate::problem::Problem;

/// Commands that are about one node, and so about its configuration.
const OF_A_NODE: [&str; 44] = [
    "send",
    "draft",
    "approve",
    "release",
    "inbox",
    "show",
    "ack",
    "reply",
    "correct",
    "cancel",
    "outbox",
    "watch",
    "status",
    "check-config",
    "agent run",
    "keys list",
    "keys rotate",
    "keys revoke",
    "keys fingerprint",
    "directory show",
    "directory log",
    "directory submit",
    "keys recover",
    "keys veto",
    "network propose",
    "network join",
    "evidence export",
    "joint draft",
    "joint sign",
    "joint decline",
    "joint show",
    "joint export",
    "exercise open",
    "exercise close",
    "exercise list",
    "exercise join",
    "exercise officer",
    "member show",
    "member officer",
    "member office",
    "member rules",
    "member delegate",
    "reconfirm",
    "relay run",
];

/// How a command talks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output {
    /// Data as JSON.
    pub(crate) json: bool,
    /// Results only.
    pub(crate) quiet: bool,
    /// More than results.
    pub(crate) verbose: bool,
    /// The configuration file, when it is not the usual one: hints name it too.
    config: Option<String>,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let Global { config, json, quiet, verbose, .. } = global;
        let usual = config == Path::new(CONFIG);
        let config = (!usual).then(|| config.display().to_string());
        Self { json: *json, quiet: *quiet, verbose: *verbose, config }
    }

    /// A hint that can be typed as it stands: commands of a node are given its configuration.
    fn hint(&self, text: &str) -> String {
        let Some(config) = &self.config else { return text.to_owned() };
        let file = if config.contains(' ') { format!("'{config}'") } else { config.clone() };
        let text = text.replace("--config FILE", &format!("--config {file}"));
        OF_A_NODE.iter().fold(text, |text, verb| {
            let plain = format!("pouch {verb}");
            let mut parts = text.split(plain.as_str());
            let mut hint = parts.next().unwrap_or_default().to_owned();
            for rest in parts {
                // Another word that begins so, or a file that is given already.
                let goes_on = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
                if goes_on || rest.starts_with(" --config ") {
                    hint.push_str(&plain);
                } else {
                    hint.push_str(&format!("{plain} --config {file}"));
                }
                hint.push_str(rest);
            }
            hint
        })
    }

    /// A result, as JSON or as text.
    pub(crate) fn result<T: Serialize>(&self, schema: &str, value: &T, text: &str) -> Result<(), Problem> {
        if self.json {
            let value = serde_json::json!({ "schema": format!("pouch.{schema}/1"), "value": value });
            self.line(&value.to_string());
        } else {
            self.line(&visible(text.trim_end_matches('\n'), false));
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
        // Whatever came from a file or from another state moves no cursor and hides nothing.
        drop(writeln!(anstream::stderr(), "{}", visible(text, false)));
    }

    /// Talk: what to do next.
    pub(crate) fn next(&self, text: &str) {
        self.say(&format!("next: {}", self.hint(text)));
    }

    /// Talk: what went wrong.
    pub(crate) fn problem(&self, problem: &Problem) {
        let problem = &Problem { next: self.hint(&problem.next), ..problem.clone() };
        if self.json {
            let value = serde_json::json!({ "schema": "pouch.problem/1", "code": problem.code, "what": problem.what,
                "why": problem.why, "next": problem.next, "exit": problem.exit });
            drop(writeln!(anstream::stderr(), "{value}"));
        } else {
            drop(writeln!(anstream::stderr(), "{}", visible(&problem.to_string(), false)));
        }
    }
}

/// Asks a question on the terminal; without a terminal the answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    drop(write!(anstream::stderr(), "{} Type yes: ", visible(question, true)));
    drop(anstream::stderr().flush());
    let mut line = String::new();
    matches!(std::io::stdin().read_line(&mut line), Ok(n) if n > 0) && line.trim() == "yes"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_configuration_that_was_given() {
        let out = Output { config: Some("nl/agent.toml".into()), ..Output::default() };
        for (hint, typed) in [
            ("pouch ack 'A 1' --officer T", "pouch ack --config nl/agent.toml 'A 1' --officer T"),
            (
                "pouch inbox; pouch outbox",
                "pouch inbox --config nl/agent.toml; pouch outbox --config nl/agent.toml",
            ),
            ("start it: pouch agent run --config FILE", "start it: pouch agent run --config nl/agent.toml"),
            ("see `pouch keys list`", "see `pouch keys list --config nl/agent.toml`"),
            ("pouch explain POUCH-VER-31", "pouch explain POUCH-VER-31"),
            ("pouch showing", "pouch showing"),
        ] {
            assert_eq!(out.hint(hint), typed);
        }
        assert_eq!(Output::default().hint("pouch inbox"), "pouch inbox");
    }
}
