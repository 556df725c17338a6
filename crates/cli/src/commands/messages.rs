//! `inbox`, `show`, `ack`, `outbox`, `watch`, `status`, `evidence export`: reading what the agent
//! verified, and saying that it was read.

use std::path::Path;

use pouch_control::{Answer, Call, Client, ClientError, InboxRow, NoticeView, Selection};
use pouch_wire::{NoticeType, Timestamp};

use crate::args;
use crate::clock;
use crate::commands::compose::{spoken, wanted};
use crate::exit::Exit;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;
use crate::render;

fn selection(list: &args::List) -> Selection {
    Selection { unacknowledged: list.unacked, limit: list.limit }
}

pub(crate) async fn inbox(list: &args::List, client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::Inbox(selection(list))).await? {
        Answer::Inbox(rows) => out.result("inbox", &rows, &render::inbox(&rows, clock::now())),
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) async fn outbox(list: &args::List, client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::Outbox(selection(list))).await? {
        Answer::Outbox(rows) => out.result("outbox", &rows, &render::outbox(&rows)),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// Shows a notice; the exit code says what is to be believed.
pub(crate) async fn show(command: &args::Show, client: &Client, out: &Output) -> Result<u8, Problem> {
    let id = wanted(&command.id);
    let view = match client.call(&Call::Show { id: id.clone() }).await? {
        Answer::Notice(view) => *view,
        _ => return Err(ClientError::Unexpected.into()),
    };
    out.result("notice", &view, &render::notice(&view, command.why))?;
    if let Some(read_aloud) = &command.compare {
        compare(&view, read_aloud, out)?;
    }
    if let Some(folder) = &command.save {
        save(&view, &id, folder, client, out).await?;
    }
    let verdict = view.row.as_ref().map(|row| &row.verdict);
    if let Some(row) = view.row.as_ref().filter(|r| r.acknowledged_at.is_none() && r.verdict.colour != "red")
    {
        let number = row.number.clone().unwrap_or_default();
        out.next(&format!("acknowledge it: pouch ack '{number}' --officer 'YOUR TITLE'"));
    }
    let joint = |row: &InboxRow| row.notice_type == Some(NoticeType::JointStatement);
    if let Some(row) = view.row.as_ref().filter(|row| joint(row)) {
        out.next(&format!(
            "who signed it, and whether it is in force: pouch joint show {}",
            row.envelope.short()
        ));
    }
    Ok(verdict.map_or(Exit::Done.code(), |v| v.exit))
}

fn compare(view: &NoticeView, read_aloud: &str, out: &Output) -> Result<(), Problem> {
    let expected = spoken(&view.spoken_check);
    if !expected.is_empty() && spoken(read_aloud) == expected {
        out.say("The digits agree: this is the very notice that the sender signed.");
        return Ok(());
    }
    Err(Problem::new(Exit::NotAuthentic, "POUCH-CLI-13", "the digits differ from this notice's spoken check")
        .why("the sender is reading from another notice, or one of you mistyped")
        .next("read all thirty digits again; if they still differ, do not act on this notice"))
}

async fn save(
    view: &NoticeView,
    id: &str,
    folder: &Path,
    client: &Client,
    out: &Output,
) -> Result<(), Problem> {
    files::make_folder(folder)?;
    for (index, attachment) in view.attachments.iter().enumerate() {
        match client.call(&Call::Attachment { id: id.to_owned(), index }).await? {
            Answer::File { name, bytes, .. } => {
                let path = folder.join(&name);
                files::write_secret(&path, &bytes.0)?;
                out.say(&format!(
                    "saved {} ({} bytes, SHA-256 {})",
                    path.display(),
                    attachment.bytes,
                    attachment.sha256
                ));
            }
            _ => return Err(ClientError::Unexpected.into()),
        }
    }
    Ok(())
}

pub(crate) async fn ack(command: &args::Ack, client: &Client, out: &Output) -> Result<(), Problem> {
    let answer_by = command
        .answer_in
        .map(|hours| Timestamp(clock::now().0.saturating_add(hours.saturating_mul(3_600_000))));
    let id = wanted(&command.id);
    let before = match client.call(&Call::Show { id: id.clone() }).await? {
        Answer::Notice(view) => view.row.and_then(|row| row.acknowledged_at),
        _ => return Err(ClientError::Unexpected.into()),
    };
    let call =
        Call::Acknowledge { id, officer: command.officer.clone(), answer_by, note: command.note.clone() };
    match client.call(&call).await? {
        Answer::Acknowledged(row) => {
            let number = row.number.clone().unwrap_or_default();
            let again = before
                .map(|at| format!(" It was already acknowledged at {}; told again.", clock::utc(at)))
                .unwrap_or_default();
            let text =
                format!("{number} acknowledged by {}: receipt only, no concurrence.{again}", command.officer);
            out.result("acknowledged", &row, &text)?;
            out.next(&format!("answer it: pouch reply '{number}' --text TEXT"));
            Ok(())
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) async fn status(client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::Status).await? {
        Answer::Status(view) => out.result("status", &view, &render::status(&view, clock::now())),
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) async fn export(
    id: &[String],
    output: &Path,
    client: &Client,
    out: &Output,
) -> Result<(), Problem> {
    match client.call(&Call::Evidence { id: wanted(id) }).await? {
        Answer::File { digest, bytes, .. } => {
            files::write_new(output, &bytes.0)?;
            out.say(&format!("Evidence of one notice is in {} (SHA-256 {digest}).", output.display()));
            out.say("It discloses this notice's text, and no other's.");
            out.next(&format!(
                "anyone checks it: pouch audit evidence {} --charter charter.pouch",
                output.display()
            ));
            Ok(())
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) async fn contradictions(client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::Contradictions).await? {
        Answer::Contradictions(found) => {
            out.result("contradictions", &found, &render::contradictions(&found))
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}
