//! `watch`: what happens, as it happens, and a bell that goes on until somebody has read what is urgent.

use std::io::Write as _;
use std::time::Duration;

use pouch_control::{Answer, Call, Client, ClientError, Event, EventKind, Events, InboxRow, Selection};
use pouch_wire::Precedence;
use tokio::task::JoinSet;

use crate::args;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::render;

/// How often the bell rings for what nobody acknowledged.
const BELL_EVERY: Duration = Duration::from_secs(30);
/// How long to wait before an agent that stopped is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Prints events until interrupted. Who relies on the bell is not left without it when the agent restarts;
/// a program that reads the stream is told that it ended.
pub(crate) async fn watch(command: &args::Watch, client: &Client, out: &Output) -> Result<(), Problem> {
    let mut events = client.watch(command.after).await?;
    let mut last = command.after;
    out.say("Watching. End with Ctrl-C.");
    // Ends with this function.
    let mut bells = JoinSet::new();
    if command.bell {
        bells.spawn(ring_until_read(client.clone()));
    }
    loop {
        let ended = match events.next().await {
            Ok(Some(event)) => {
                last = Some(event.number);
                tell(&event, client, out).await?;
                if command.bell && rings(&event) {
                    ring();
                }
                continue;
            }
            Ok(None) => stopped(),
            Err(error) => error.into(),
        };
        if !command.bell || out.json {
            return Err(ended);
        }
        events = again(last, client, out).await;
    }
}

fn stopped() -> Problem {
    Problem::new(Exit::AgentNotRunning, "POUCH-CLI-14", "the agent stopped")
        .why("nothing is watched now")
        .next("look why, start it again, and watch again")
}

/// Tries until the agent is back, and goes on after the last event that was told.
async fn again(last: Option<u64>, client: &Client, out: &Output) -> Events {
    out.show("The agent stopped: nothing is watched now. Trying to reach it again.");
    ring();
    loop {
        if let Ok(events) = client.watch(last).await {
            out.show("The agent is back. Watching.");
            return events;
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn tell(event: &Event, client: &Client, out: &Output) -> Result<(), Problem> {
    if out.json {
        return out.result("event", event, "");
    }
    // How far each message got is in the outbox.
    if event.kind == EventKind::Progress && !out.verbose {
        return Ok(());
    }
    out.line(&render::event(event, received(event, client).await.as_ref()));
    Ok(())
}

/// What was verified of the notice that came; an event is told without it when it cannot be had.
async fn received(event: &Event, client: &Client) -> Option<InboxRow> {
    let id = event.envelope.filter(|_| event.kind == EventKind::Received)?.to_string();
    match client.call(&Call::Show { id }).await {
        Ok(Answer::Notice(view)) => view.row,
        _ => None,
    }
}

/// Rings now and then while an urgent notice waits that no officer acknowledged.
async fn ring_until_read(client: Client) {
    let mut turns = tokio::time::interval(BELL_EVERY);
    loop {
        turns.tick().await;
        // An agent that does not answer is told of by the watch itself.
        if urgent_waits(&client).await.unwrap_or(false) {
            ring();
        }
    }
}

async fn urgent_waits(client: &Client) -> Result<bool, ClientError> {
    let selection = Selection { unacknowledged: true, limit: 10_000 };
    match client.call(&Call::Inbox(selection)).await? {
        Answer::Inbox(rows) => Ok(rows.iter().any(waits_urgently)),
        _ => Err(ClientError::Unexpected),
    }
}

fn waits_urgently(row: &InboxRow) -> bool {
    row.acknowledged_at.is_none() && row.verdict.colour != "red" && urgent(Some(row.precedence))
}

fn urgent(precedence: Option<Precedence>) -> bool {
    matches!(precedence, Some(Precedence::Flash | Precedence::Immediate))
}

fn rings(event: &Event) -> bool {
    match event.kind {
        EventKind::Alarm | EventKind::Overdue | EventKind::Key => true,
        EventKind::Received => urgent(event.precedence),
        EventKind::RefusedArrival
        | EventKind::Progress
        | EventKind::Link
        | EventKind::Directory
        | EventKind::Contact
        | EventKind::Joint => false,
    }
}

fn ring() {
    drop(std::io::stderr().write_all(b"\x07"));
}

#[cfg(test)]
mod tests {
    use pouch_control::{Server, VerdictView};
    use pouch_wire::{Digest, EnvelopeId, Timestamp};

    use super::*;

    fn row(precedence: Precedence, colour: &str, acknowledged: bool) -> InboxRow {
        let verdict = VerdictView {
            colour: colour.into(),
            sentence: String::new(),
            code: String::new(),
            next: String::new(),
            clauses: Vec::new(),
            exit: 0,
        };
        InboxRow {
            envelope: EnvelopeId(Digest::new([1; 32])),
            notice: None,
            number: None,
            sender: "MD/policy".parse().unwrap(),
            notice_type: None,
            precedence,
            tlp: None,
            subject: None,
            environment: "live".into(),
            exercise: None,
            signed_at: Timestamp(0),
            received_at: Timestamp(0),
            courier_at: None,
            acknowledged_at: acknowledged.then_some(Timestamp(1)),
            verdict,
        }
    }

    #[test]
    fn what_is_urgent_and_believed_rings_until_an_officer_has_read_it() {
        use Precedence::{Flash, Immediate, Priority};
        for (row, waits) in [
            (row(Flash, "green", false), true),
            (row(Immediate, "amber", false), true),
            (row(Priority, "green", false), false),
            (row(Flash, "red", false), false),
            (row(Flash, "green", true), false),
        ] {
            assert_eq!(waits_urgently(&row), waits, "{row:?}");
        }
    }

    #[test]
    fn alarms_keys_and_urgent_notices_ring_and_progress_does_not() {
        let event = |kind, precedence| Event {
            number: 1,
            at: Timestamp(0),
            kind,
            code: String::new(),
            words: String::new(),
            envelope: None,
            number_of_notice: None,
            precedence,
            exercise: None,
        };
        for kind in [EventKind::Alarm, EventKind::Overdue, EventKind::Key] {
            assert!(rings(&event(kind, None)), "{kind:?}");
        }
        assert!(rings(&event(EventKind::Received, Some(Precedence::Flash))));
        assert!(!rings(&event(EventKind::Received, Some(Precedence::Routine))));
        assert!(!rings(&event(EventKind::Progress, Some(Precedence::Flash))));
    }

    #[tokio::test]
    async fn the_agent_is_asked_whether_something_urgent_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        let server = Server::bind(&path).await.unwrap();
        let agent = tokio::spawn(async move {
            for acknowledged in [false, true] {
                let mut user = server.accept().await.unwrap();
                let call = user.call().await.unwrap();
                assert!(
                    matches!(call, Some(Call::Inbox(Selection { unacknowledged: true, .. }))),
                    "{call:?}"
                );
                let rows = vec![row(Precedence::Flash, "green", acknowledged)];
                user.answer(&Answer::Inbox(rows)).await.unwrap();
            }
        });
        let client = Client::new(&path);
        assert!(urgent_waits(&client).await.unwrap());
        assert!(!urgent_waits(&client).await.unwrap());
        agent.await.unwrap();
        assert!(matches!(urgent_waits(&client).await, Err(ClientError::NotRunning { .. })));
    }
}
