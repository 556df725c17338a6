//! `send`, `draft`, `reply`, `correct`, `cancel`, `approve`, `release`: writing a notice and letting it
//! go. The agent drafts, numbers, signs and seals; an officer's key never leaves the officer's file.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use pouch_control::{
    Answer, AttachmentFile, Bytes, Call, Client, ClientError, Compose, DirectoryView, DraftView, EventKind,
    ExerciseView, OutboxRow, Rung,
};
use pouch_crypto::{Context, Domain};
use pouch_wire::{ContactPoint, Member, NoticeType, Precedence, limits};

use crate::args;
use crate::commands::exercise;
use crate::exit::Exit;
use crate::files;
use crate::keyring::KeyRing;
use crate::output::{Output, confirm};
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::render;

/// Longest TOML with a notice's fields.
const FIELDS_BYTES_MAX: usize = limits::NOTICE_BYTES;

/// Prints a type's template. It needs no node: a notice may be prepared anywhere.
pub(crate) fn template(kind: Option<NoticeType>, out: &Output) {
    out.line(pouch_notice::template(kind.unwrap_or(NoticeType::IncidentNotice)).trim_end());
}

pub(crate) async fn send(command: args::Send, client: &Client, out: &Output) -> Result<u8, Problem> {
    flash_confirmed(&command.compose)?;
    let compose = gather(command.compose, None, client).await?;
    dispatch(compose, command.wait, client, out).await
}

/// Which reply it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    Reply,
    Correct,
    Cancel,
}

pub(crate) async fn reply(
    kind: ReplyKind,
    mut command: args::Reply,
    client: &Client,
    out: &Output,
) -> Result<u8, Problem> {
    let fallback = match kind {
        ReplyKind::Reply => NoticeType::Response,
        ReplyKind::Correct => NoticeType::Correction,
        ReplyKind::Cancel => NoticeType::Cancellation,
    };
    command.compose.notice_type.get_or_insert(fallback);
    let id = wanted(&command.id);
    if command.compose.precedence.is_none() && concerns_own_flash(&id, client).await? {
        command.compose.precedence = Some(Precedence::Flash);
    }
    flash_confirmed(&command.compose)?;
    let compose = gather(command.compose, Some(id), client).await?;
    dispatch(compose, command.wait, client, out).await
}

async fn dispatch(compose: Compose, wait: args::Wait, client: &Client, out: &Output) -> Result<u8, Problem> {
    let first = client.watch(None).await?;
    match client.call(&Call::Send(Box::new(compose))).await? {
        Answer::Sent(row) => report_sent(*row, wait, first, client, out).await,
        _ => Err(ClientError::Unexpected.into()),
    }
}

async fn report_sent(
    row: OutboxRow,
    wait: args::Wait,
    events: pouch_control::Events,
    client: &Client,
    out: &Output,
) -> Result<u8, Problem> {
    let row = match wait.wait {
        None => row,
        Some(rung) => wait_for(row, rung, wait.wait_seconds, events, client).await?,
    };
    out.result("sent", &row, &render::outbox_row(&row))?;
    out.next(&format!("see who has it: pouch outbox; read it again: pouch show '{}'", row.number));
    queued_or_done(&row, client, out).await
}

/// Says so when the notice stays here for now, because no relay of some recipient can be reached.
pub(crate) async fn queued_or_done(row: &OutboxRow, client: &Client, out: &Output) -> Result<u8, Problem> {
    let waits: Vec<_> = row.ladder.iter().filter(|recipient| !recipient.waits_for.is_empty()).collect();
    if waits.is_empty() {
        return Ok(Exit::Done.code());
    }
    let Answer::Status(status) = client.call(&Call::Status).await? else {
        return Err(ClientError::Unexpected.into());
    };
    if status.relays.iter().any(|(_, connected, _)| *connected) {
        for recipient in waits {
            out.say(&format!(
                "No relay of {} can be reached ({}): it is kept here, and leaves by itself when one is back.",
                recipient.recipient,
                recipient.waits_for.join(", ")
            ));
        }
    } else {
        out.say("No relay can be reached: it is kept here, and leaves by itself when one is back.");
        out.next(&format!(
            "where that takes too long: pouch courier export {} --output FILE",
            row.envelope.short()
        ));
    }
    Ok(Exit::Queued.code())
}

/// Waits until every recipient reached a rung, by events, with a deadline.
async fn wait_for(
    mut row: OutboxRow,
    rung: args::WaitFor,
    seconds: u64,
    mut events: pouch_control::Events,
    client: &Client,
) -> Result<OutboxRow, Problem> {
    let wanted = match rung {
        args::WaitFor::Accepted => Rung::Accepted,
        args::WaitFor::Verified => Rung::Verified,
        args::WaitFor::Acknowledged => Rung::Acknowledged,
    };
    let late = |row: &OutboxRow| {
        let missing: Vec<String> =
            row.ladder.iter().filter(|r| r.rung < wanted).map(|r| r.recipient.to_string()).collect();
        Problem::new(
            Exit::NotInTime,
            "POUCH-CLI-08",
            format!("not {} in {seconds} s by {}", render::rung(wanted), missing.join(", ")),
        )
        .why("the notice is kept and will be delivered; silence is not a confirmation")
        .next("use the telephone, or look again: pouch outbox")
    };
    let now = tokio::time::Instant::now();
    let deadline = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
    loop {
        row = current(&row, client).await?;
        if let Some(refused) = row.ladder.iter().find(|r| r.rung == Rung::Refused) {
            let detail = refused.detail.clone().unwrap_or_default();
            return Err(Problem::new(
                Exit::RefusedByPolicy,
                &detail,
                format!("{} refused it", refused.recipient),
            )
            .next(format!("pouch explain {detail}")));
        }
        if row.ladder.iter().all(|r| r.rung >= wanted) {
            return Ok(row);
        }
        loop {
            match tokio::time::timeout_at(deadline, events.next()).await {
                Err(_) => return Err(late(&row)),
                Ok(Ok(Some(event))) if event.kind == EventKind::Progress => break,
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Err(ClientError::HungUp.into()),
                Ok(Err(error)) => return Err(error.into()),
            }
        }
    }
}

async fn current(row: &OutboxRow, client: &Client) -> Result<OutboxRow, Problem> {
    let rows = outbox_rows(client).await?;
    Ok(rows.into_iter().find(|r| r.envelope == row.envelope).unwrap_or_else(|| row.clone()))
}

async fn outbox_rows(client: &Client) -> Result<Vec<OutboxRow>, Problem> {
    let selection = pouch_control::Selection { unacknowledged: false, limit: 1000 };
    match client.call(&Call::Outbox(selection)).await? {
        Answer::Outbox(rows) => Ok(rows),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// A flash is asked about once more before it is sent; drafts are read and approved anyway.
fn flash_confirmed(arguments: &args::Compose) -> Result<(), Problem> {
    if arguments.precedence != Some(Precedence::Flash)
        || arguments.yes
        || confirm("A flash goes ahead of everything and wakes people everywhere. Send it?")
    {
        return Ok(());
    }
    Err(Problem::new(Exit::RefusedByPolicy, "POUCH-CLI-09", "a flash is not sent without a yes")
        .next("confirm on a terminal, or give --yes"))
}

/// What is said about a flash of ours goes as a flash.
async fn concerns_own_flash(id: &str, client: &Client) -> Result<bool, Problem> {
    let beginning = id.to_lowercase();
    let is_it = |row: &OutboxRow| {
        row.number == id
            || [row.envelope.to_string(), row.notice.to_string()].iter().any(|i| i.starts_with(&beginning))
    };
    let rows = outbox_rows(client).await?;
    Ok(rows.iter().any(|row| row.precedence == Precedence::Flash && is_it(row)))
}

async fn gather(
    arguments: args::Compose,
    in_reply_to: Option<String>,
    client: &Client,
) -> Result<Compose, Problem> {
    let notice_type = arguments.notice_type.unwrap_or(NoticeType::FreeText);
    let mut to = Vec::new();
    let mut info = Vec::new();
    if !(arguments.to.is_empty() && arguments.info.is_empty()) {
        let directory = directory(client).await?;
        let drill = arguments.exercise.as_deref().map(|wanted| exercise::called(&directory, wanted));
        let drill = drill.transpose()?;
        to = addressees(&arguments.to, &directory, drill)?;
        info = addressees(&arguments.info, &directory, drill)?;
        info.retain(|point| !to.contains(point));
    } else if in_reply_to.is_none() {
        return Err(Problem::usage("nobody is addressed").next("give --to MD/policy,BA"));
    }
    Ok(Compose {
        notice_type,
        to,
        info,
        precedence: arguments.precedence,
        tlp: arguments.tlp,
        widen: arguments.yes,
        subject: arguments.subject.unwrap_or_default(),
        language: arguments.language,
        fields: fields(notice_type, arguments.file.as_deref(), arguments.text.as_deref())?,
        valid_seconds: arguments.valid_hours.map(|hours| hours.saturating_mul(3600)),
        in_reply_to,
        attachments: attachments(&arguments.attachments)?,
        exercise: arguments.exercise,
        break_glass: arguments.break_glass,
    })
}

/// The directory as the node believes it.
pub(crate) async fn directory(client: &Client) -> Result<DirectoryView, Problem> {
    match client.call(&Call::Directory).await? {
        Answer::Directory(view) => Ok(*view),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// What a person calls a notice: a number needs no quotes, and its member no capitals.
pub(crate) fn wanted(words: &[String]) -> String {
    let id = words.join(" ");
    if id.contains('/') { in_capitals(&id) } else { id }
}

/// `md/policy` is `MD/policy`, and `md` is `MD`.
pub(crate) fn in_capitals(word: &str) -> String {
    match word.split_once('/') {
        Some((member, office)) => format!("{}/{office}", member.to_uppercase()),
        None => word.to_uppercase(),
    }
}

/// `MD/policy` is one office; `BA` alone is every office of BA, and in an exercise every one that joined.
pub(crate) fn addressees(
    words: &[String],
    directory: &DirectoryView,
    drill: Option<&ExerciseView>,
) -> Result<Vec<ContactPoint>, Problem> {
    let mut points = Vec::new();
    for word in words {
        if word.contains('/') {
            points.push(
                in_capitals(word)
                    .parse::<ContactPoint>()
                    .map_err(|e| Problem::usage(format!("{word:?}: {e}")))?,
            );
            continue;
        }
        let member: Member =
            in_capitals(word).parse().map_err(|e| Problem::usage(format!("{word:?}: {e}")))?;
        let found = directory.members.iter().find(|m| m.member == member).ok_or_else(|| {
            Problem::new(Exit::NotFound, "POUCH-CLI-10", format!("no member {member}"))
                .next("pouch directory show")
        })?;
        let Some(drill) = drill else {
            points.extend(found.contact_points.iter().map(|c| c.contact_point.clone()));
            continue;
        };
        let before = points.len();
        let joined = drill.joined.iter().map(|office| &office.contact_point);
        points.extend(joined.filter(|point| point.member == member).cloned());
        if points.len() == before {
            let what = format!("no office of {member} has joined EXERCISE {}", drill.name);
            return Err(Problem::new(Exit::NotFound, "POUCH-EXR-16", what).next("pouch exercise list"));
        }
    }
    points.sort();
    points.dedup();
    Ok(points)
}

fn fields(kind: NoticeType, file: Option<&Path>, text: Option<&str>) -> Result<String, Problem> {
    match (file, text) {
        (Some(path), _) if path == Path::new("-") => {
            let mut fields = String::new();
            let limit = u64::try_from(FIELDS_BYTES_MAX).unwrap_or(u64::MAX);
            std::io::stdin()
                .take(limit)
                .read_to_string(&mut fields)
                .map_err(|error| Problem::usage(format!("standard input: {error}")))?;
            Ok(fields)
        }
        (Some(path), _) => files::read_text(path, FIELDS_BYTES_MAX),
        (None, Some(text)) => pouch_notice::fields_from_text(kind, text).ok_or_else(|| {
            Problem::usage(format!("{kind} has more fields than one text"))
                .next(format!("write them into a file: pouch send --template --type {kind} > notice.toml"))
        }),
        (None, None) => Err(Problem::usage("the notice has no text")
            .next(format!("give --text TEXT, or --file notice.toml (pouch send --template --type {kind})"))),
    }
}

fn attachments(paths: &[std::path::PathBuf]) -> Result<Vec<AttachmentFile>, Problem> {
    let mut files = Vec::new();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| Problem::usage(format!("{}: has no name in UTF-8", path.display())))?;
        let bytes = files::read(path, limits::PAYLOAD_BYTES)?;
        files.push(AttachmentFile {
            name: name.into(),
            media_type: media_type(name).into(),
            bytes: Bytes(bytes),
        });
    }
    Ok(files)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
        Some("pdf") => "application/pdf",
        Some("txt" | "log" | "md") => "text/plain",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

pub(crate) async fn draft(command: args::DraftArgs, client: &Client, out: &Output) -> Result<(), Problem> {
    if command.list {
        return match client.call(&Call::Drafts).await? {
            Answer::Drafts(drafts) => out.result("drafts", &drafts, &render::drafts(&drafts)),
            _ => Err(ClientError::Unexpected.into()),
        };
    }
    let call = match command.show {
        Some(id) => Call::ShowDraft { id },
        None => {
            let concerns = (!command.concerns.is_empty()).then(|| wanted(&command.concerns));
            Call::Draft(Box::new(gather(command.compose, concerns, client).await?))
        }
    };
    let draft = ask_draft(&call, client).await?;
    show_draft(&draft, &render::draft(&draft), out)
}

async fn ask_draft(call: &Call, client: &Client) -> Result<DraftView, Problem> {
    match client.call(call).await? {
        Answer::Draft(draft) => Ok(*draft),
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) fn show_draft(draft: &DraftView, text: &str, out: &Output) -> Result<(), Problem> {
    out.result("draft", draft, text)?;
    let id = draft.id.short();
    match draft.officers_missing {
        0 => out.next(&format!("send it: pouch release {id}")),
        1 => out.next(&format!("one more officer approves it: pouch approve {id} --key officer.pem")),
        more => out.next(&format!("{more} more officers approve it: pouch approve {id} --key officer.pem")),
    }
    Ok(())
}

pub(crate) async fn approve(
    command: args::Approve,
    client: &Client,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let draft = ask_draft(&Call::ShowDraft { id: command.id }, client).await?;
    let folder = command.key.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = command.key.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let key = KeyRing::open(folder, source.existing("the officer's key")?).signing(file)?;
    let bytes = hex_bytes(&draft.notice_bytes)?;
    // What is signed is what is shown: the officer's program renders the bytes itself.
    let notice = pouch_notice::preview(&bytes)
        .map_err(|e| Problem::new(Exit::Failed, "POUCH-CLI-12", e.to_string()))?;
    if notice.text != draft.preview || notice.id != draft.id {
        return Err(Problem::new(
            Exit::NotAuthentic,
            "POUCH-CLI-12",
            "the agent showed another text than the one to sign",
        )
        .why("an approval must be for what the officer read")
        .next("do not approve; tell the node's operator"));
    }
    if command.yes {
        out.say(&notice.text);
    } else {
        // Whoever is asked to sign is shown what, however little else is said.
        out.show(&notice.text);
        if !confirm("This is what will be signed. Approve it?") {
            return Err(Problem::new(Exit::RefusedByPolicy, "POUCH-CLI-11", "not approved")
                .next("approve on a terminal, or give --yes"));
        }
    }
    let context = Context::of(notice.network, notice.environment);
    let signature = key.sign(Domain::Approval, &context, &bytes);
    let call = Call::Approve {
        id: draft.id.to_string(),
        officer: key.public().id(),
        signature: Bytes(signature.0.0.to_vec()),
    };
    let approved = ask_draft(&call, client).await?;
    show_draft(&approved, &render::draft_state(&approved), out)
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, Problem> {
    pouch_wire::decode_hex(text)
        .ok_or_else(|| Problem::new(Exit::Failed, "POUCH-CLI-05", "the agent's draft is not hexadecimal"))
}

pub(crate) async fn release(command: args::Id, client: &Client, out: &Output) -> Result<u8, Problem> {
    match client.call(&Call::Release { id: command.id }).await? {
        Answer::Sent(row) => {
            out.result("sent", &row, &render::outbox_row(&row))?;
            out.next("see who has it: pouch outbox");
            queued_or_done(&row, client, out).await
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// Digits that were read aloud, without what people put between them.
pub(crate) fn spoken(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
