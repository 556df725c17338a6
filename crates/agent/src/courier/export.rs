//! Writing a courier file: what waits for its recipients, with the directory that it rests on.
//!
//! The file is made here and written by the command that asked for it. Only when it is on the carrier's disk is
//! it remembered that the messages were handed over; a stick that was full leaves no trace.

use std::collections::BTreeSet;

use pouch_control::{
    Answer, Bytes, CourierDirectory, CourierFileView, CourierMessage, CourierSelection, CourierWritten,
    EventKind,
};
use pouch_crypto::sha256;
use pouch_envelope::Arrived;
use pouch_notice::{CourierFile, Excerpt, SealedOut};
use pouch_store::{Courier as _, Handed, Mirror as _, Outbox as _};
use pouch_wire::{Canonical as _, ContactPoint};

use super::choice::{Asked, Chosen, Message};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::refusals::{Failed, not_found, refusal};
use crate::views;

/// Makes a courier file of what was asked for.
pub(crate) async fn export(selection: CourierSelection, desk: &Desk) -> Result<Answer, Failed> {
    let asked = asked(&selection, desk).await?;
    let rows = desk.store.undelivered((desk.clock)()).await?;
    let room = u64::try_from(CourierFile::ROOM).unwrap_or(u64::MAX);
    let Chosen { messages, left_out } = asked.choose(&rows, room);
    if messages.is_empty() {
        return Err(nothing_waits(&selection).into());
    }
    let (mut sealed, mut named, mut used) = (Vec::new(), Vec::new(), 0_usize);
    for message in messages {
        let row = desk.store.outgoing(message.envelope).await?.filter(|row| !row.damaged);
        let damaged = || AgentError::Damaged(format!("sent message {}", message.envelope.short()));
        let row = row.ok_or_else(damaged)?;
        sealed.push(SealedOut::from_bytes(&row.sealed).map_err(|_| damaged())?);
        used = used.saturating_add(row.sealed.len());
        let own = if message.is_notice { views::readable(&row, desk) } else { None };
        named.push(told(message, own.map(|own| own.notice().full_number())));
    }
    let readers: BTreeSet<&ContactPoint> = named.iter().flat_map(|message| &message.recipients).collect();
    let excerpt =
        excerpt(&readers, selection.whole_directory, CourierFile::ROOM.saturating_sub(used), desk).await?;
    let directory = excerpt.as_ref().map(|(excerpt, size)| CourierDirectory {
        from: excerpt.from,
        size: *size,
        cosigned_at: desk.believed.borrow().cosigned_at,
    });
    let file = CourierFile::new(desk.network, excerpt.map(|(excerpt, _)| excerpt), sealed)?;
    let bytes = file.to_file()?;
    Ok(Answer::Courier(Box::new(CourierFileView {
        digest: sha256(&bytes),
        bytes: Bytes(bytes),
        messages: named,
        left_out,
        directory,
    })))
}

fn told(message: Message, number: Option<String>) -> CourierMessage {
    let Message { envelope, precedence, recipients, .. } = message;
    CourierMessage { envelope, number, precedence, recipients }
}

async fn asked(selection: &CourierSelection, desk: &Desk) -> Result<Asked, Failed> {
    let mut named = BTreeSet::new();
    for id in &selection.ids {
        let (row, _) = views::own(id, desk).await?.ok_or_else(|| not_found(id))?;
        named.insert(row.envelope);
    }
    Ok(Asked { named, to: selection.to.iter().cloned().collect() })
}

fn nothing_waits(selection: &CourierSelection) -> pouch_control::Refusal {
    let what = if selection.ids.is_empty() && selection.to.is_empty() {
        "nothing waits here for a relay"
    } else {
        "nothing of that waits to be confirmed by its recipients"
    };
    refusal(
        "POUCH-COU-10",
        4,
        what,
        "a courier carries what its recipients have not confirmed, and what has not expired",
        "pouch outbox shows who has what; --to OFFICE also takes what a relay has and its recipient has not confirmed",
    )
}

/// The entries that these readers may lack, with the newest checkpoint, and how many there are with them;
/// `None` before the first checkpoint, or when they have no room.
async fn excerpt(
    readers: &BTreeSet<&ContactPoint>,
    whole: bool,
    room: usize,
    desk: &Desk,
) -> Result<Option<(Excerpt, u64)>, AgentError> {
    let Some(accepted) = desk.store.accepted_checkpoint().await? else { return Ok(None) };
    let mut from = accepted.size;
    for reader in readers {
        from = from.min(if whole { 0 } else { known_to(reader, desk).await? });
    }
    let count = u32::try_from(accepted.size.saturating_sub(from)).unwrap_or(u32::MAX);
    let entries = desk.store.entries(from, count).await?;
    let bytes = entries.iter().fold(0_usize, |sum, entry| sum.saturating_add(entry.len()).saturating_add(8));
    if bytes > room {
        return Ok(None);
    }
    // More entries than such a file may hold are no reason to leave the messages here.
    Ok(Excerpt::new(from, entries, accepted.note).ok().map(|excerpt| (excerpt, accepted.size)))
}

/// How many entries an office is proved to have, as far as they are the same as ours.
async fn known_to(office: &ContactPoint, desk: &Desk) -> Result<u64, AgentError> {
    let Some(stored) = desk.store.newest_of(office).await? else { return Ok(0) };
    let Ok(arrived) = Arrived::from_bytes(&stored) else { return Ok(0) };
    let header = arrived.header();
    let same = desk.directory().root_at(header.directory_size) == Some(header.directory_root);
    Ok(if same { header.directory_size } else { 0 })
}

/// Remembers what was handed over, now that it is on the carrier's disk.
pub(crate) async fn written(written: CourierWritten, desk: &Desk) -> Result<Answer, Failed> {
    let at = (desk.clock)();
    let CourierWritten { digest, messages } = written;
    let handed = Handed { file: digest, at, messages: messages.clone() };
    desk.store.hand_over(handed).await?;
    // Its recipients stand together: the message, which may be large, is looked up once for all of them.
    for message in messages.chunk_by(|one, next| one.0 == next.0) {
        let Some((envelope, _)) = message.first() else { continue };
        let Some(row) = desk.store.outgoing(*envelope).await? else { continue };
        // Of receipts nobody asks how far they are.
        if row.notice.is_some() {
            let to: Vec<String> = message.iter().map(|(_, recipient)| recipient.to_string()).collect();
            let words =
                format!("message {} was handed to a courier file for {}", envelope.short(), to.join(", "));
            let happening = Happening::new(EventKind::Progress, "", words).of(*envelope);
            desk.tell(happening.within(row.environment, desk)).await?;
        }
    }
    Ok(Answer::CourierWritten(at))
}
