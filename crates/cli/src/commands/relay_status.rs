//! `relay status`: how far the logs are published, and which witnesses are away. It reads what the running
//! relay writes beside its database, and disturbs nothing.

use std::fmt::Write as _;

use pouch_relay::RelayStatus;
use pouch_wire::Timestamp;

use crate::args::Global;
use crate::clock;
use crate::config;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// A relay that runs writes more often than this.
const STALE_AFTER_MS: u64 = 60_000;

/// Shows it; the code to end with.
pub(crate) fn status(global: &Global, out: &Output) -> Result<u8, Problem> {
    let config = config::relay(&global.config)?;
    let now = clock::now();
    let read = RelayStatus::read(&config.data).map_err(|error| Problem::file(&config.data, &error))?;
    let fresh = read.filter(|status| now.0.saturating_sub(status.written_at.0) <= STALE_AFTER_MS);
    let status = fresh.ok_or_else(|| {
        Problem::new(
            Exit::AgentNotRunning,
            "POUCH-CLI-90",
            format!("the relay of {} does not run, or has just begun", global.config.display()),
        )
        .next(format!("pouch relay run --config {}", global.config.display()))
    })?;
    out.result("relay-status", &status, &in_words(&status, now))?;
    Ok(exit(&status).code())
}

fn exit(status: &RelayStatus) -> Exit {
    if status.is_under_quorum() {
        Exit::UnderQuorum
    } else if status.is_somebody_away() {
        Exit::WitnessAway
    } else {
        Exit::Done
    }
}

fn in_words(status: &RelayStatus, now: Timestamp) -> String {
    let mut text = String::new();
    let age = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| clock::age(at, now));
    for log in &status.logs {
        write!(
            text,
            "{:<10} {} entries published, cosigned {}",
            log.log,
            log.published,
            age(log.cosigned_at)
        )
        .ok();
        if let Some(since) = log.no_quorum_since {
            write!(text, "; too few witnesses since {}", clock::utc(since)).ok();
        }
        text.push('\n');
    }
    if !status.clock.is_empty() {
        writeln!(text, "clock      {}", status.clock).ok();
    }
    if !status.containment.is_empty() {
        writeln!(text, "contained  {}", status.containment).ok();
    }
    if !status.damaged.is_empty() {
        writeln!(text, "DAMAGED    kept and not used; the others are served:").ok();
        for record in &status.damaged {
            writeln!(text, "  {}", crate::render::safe(record)).ok();
        }
    }
    writeln!(text, "witnesses  {} of {} must cosign", status.quorum, status.witnesses.len()).ok();
    for witness in &status.witnesses {
        let state = match (witness.forgot, witness.away, witness.missing_since) {
            (true, ..) => "LOST ITS MEMORY, replace it".to_owned(),
            (_, true, Some(since)) => format!("AWAY since {}", clock::utc(since)),
            (_, _, Some(since)) => format!("missing since {}", clock::utc(since)),
            (_, _, None) => "present".to_owned(),
        };
        write!(text, "  {}  {state}, by {}, cosigned {}", witness.name, witness.by, age(witness.cosigned_at))
            .ok();
        if let Some(code) = &witness.last_code {
            write!(text, "; last: {code}").ok();
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_relay::{LogStatus, WitnessStatus};

    fn with(away: [bool; 3], told: bool) -> RelayStatus {
        let witness = |(n, away): (usize, bool)| WitnessStatus {
            name: format!("w{n}.example"),
            by: "session".into(),
            cosigned_at: Some(Timestamp(1000)),
            missing_since: away.then_some(Timestamp(2000)),
            away,
            last_code: away.then(|| "POUCH-NET-75".into()),
            forgot: false,
        };
        RelayStatus {
            relay: "relay-1".into(),
            written_at: Timestamp(3000),
            quorum: 2,
            away_after_seconds: 60,
            clock: "agrees".into(),
            containment: "files".into(),
            logs: vec![LogStatus {
                log: "messages".into(),
                published: 7,
                cosigned_at: None,
                no_quorum_since: told.then_some(Timestamp(2000)),
                told,
            }],
            witnesses: away.into_iter().enumerate().map(witness).collect(),
            epoch: 1,
            damaged: Vec::new(),
        }
    }

    #[test]
    fn scripts_see_by_the_exit_code_who_is_away_and_whether_enough_are_left() {
        assert_eq!(exit(&with([false; 3], false)), Exit::Done);
        assert_eq!(exit(&with([true, false, false], false)), Exit::WitnessAway);
        assert_eq!(exit(&with([true, true, false], false)), Exit::UnderQuorum);
        assert_eq!(exit(&with([false; 3], true)), Exit::UnderQuorum);
        let mut forgot = with([false; 3], false);
        forgot.witnesses[0].forgot = true;
        assert_eq!(exit(&forgot), Exit::WitnessAway);
    }

    #[test]
    fn people_are_told_which_records_are_damaged() {
        let whole = with([false; 3], false);
        assert!(!in_words(&whole, Timestamp(5000)).contains("DAMAGED"));
        let status = RelayStatus { damaged: vec!["message 0f3a".into(), "checkpoint".into()], ..whole };
        let text = in_words(&status, Timestamp(5000));
        assert!(
            text.contains(
                "DAMAGED    kept and not used; the others are served:\n  message 0f3a\n  checkpoint\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn people_are_told_of_every_log_and_witness() {
        let text = in_words(&with([true, false, false], true), Timestamp(5000));
        for words in [
            "messages   7 entries published, cosigned never; too few",
            "clock      agrees\ncontained  files\n",
            "2 of 3",
            "w0.example  AWAY since",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.contains("w1.example  present, by session"), "{text}");
    }
}
