//! Reading a courier file: the directory first, then each message for this office, as if a relay had brought
//! it without a promise.
//!
//! Importing a file again changes nothing. What cannot be judged yet is not kept: the file is what keeps it.

use std::sync::Arc;
use std::time::Duration;

use pouch_control::{
    Answer, CourierArrival, CourierDirectoryTaken, CourierImported, CourierOutcome, Refusal,
};
use pouch_envelope::{Arrived, Header, Malformed};
use pouch_notice::{CourierFile, CourierRefused, Excerpt, SealedOut, Verdict, fails_by_its_time, visible};
use pouch_store::Inbox as _;
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::inbox::{self, Judged, wait_for_directory};
use crate::mirror::{Offer, Offered};
use crate::refusals::{Failed, refusal};
use crate::views;

/// How long the mirror may be busy with what a relay gives.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// Takes what a courier brought.
pub(crate) async fn import(bytes: Vec<u8>, desk: &Arc<Desk>) -> Result<Answer, Failed> {
    let file = CourierFile::from_file(&bytes, desk.network).map_err(|refused| not_taken(&refused))?;
    drop(bytes);
    let directory = match file.directory() {
        Some(excerpt) => Some(take_directory(excerpt.clone(), desk).await?),
        None => None,
    };
    let (mut found, mut for_others, mut own) = (Vec::new(), 0_usize, false);
    for sealed in file.messages() {
        match sealed.as_delivered(&desk.me, &[]) {
            Ok(arrived) => found.push(Ok(arrived)),
            Err(Malformed::NotForUs(_)) => {
                for_others = for_others.saturating_add(1);
                own |= sender_of(sealed).is_some_and(|sender| sender == desk.me);
            }
            Err(malformed) => found.push(Err((sealed.id(), malformed))),
        }
    }
    if found.is_empty() {
        return Err(not_for_us(for_others, own, desk).into());
    }
    catch_up(found.iter().flatten(), desk).await;
    let mut messages = Vec::new();
    for one in found {
        messages.push(match one {
            Ok(arrived) => take(arrived, desk).await?,
            Err((envelope, malformed)) => spoiled(envelope, &malformed),
        });
    }
    Ok(Answer::CourierImported(Box::new(CourierImported { directory, messages, for_others })))
}

fn sender_of(sealed: &SealedOut) -> Option<ContactPoint> {
    Header::from_bytes(sealed.header_bytes()).ok().map(|header| header.sender)
}

fn not_taken(refused: &CourierRefused) -> Refusal {
    let (exit, why, next) = match refused {
        CourierRefused::OtherFile => (10, "", "look whether it is the file that was meant"),
        CourierRefused::Damaged => (
            10,
            "nothing of it was taken, and nothing here changed",
            "copy it from the carrier again; if that does not help, ask the sender for a new file",
        ),
        CourierRefused::Version(_) => (2, "", "use a program that knows this version: pouch --version"),
        CourierRefused::OtherNetwork(_) => (
            15,
            "its messages belong to others, or to another node of yours",
            "give the configuration of the node in that network: --config FILE",
        ),
        _ => (10, "whoever made it did not make it with this program", "ask the sender for a new file"),
    };
    refusal(refused.code(), exit, format!("the file cannot be taken: {refused}"), why, next)
}

fn not_for_us(for_others: usize, own: bool, desk: &Desk) -> Refusal {
    let what = format!("nothing in the file is for {}", desk.me);
    let (why, next) = if own {
        ("it was written by this node, for others", "let a courier bring it to its recipients")
    } else if for_others > 0 {
        ("its messages are sealed to other offices, which alone can open them", "bring it to them")
    } else {
        ("it holds no message", "ask its sender for a new file")
    };
    refusal("POUCH-COU-11", 4, what, why, next)
}

/// Offers the file's directory to the mirror.
async fn take_directory(excerpt: Excerpt, desk: &Desk) -> Result<CourierDirectoryTaken, AgentError> {
    let (answer, answered) = oneshot::channel();
    let offered = async {
        desk.offer_directory.send(Offer { excerpt, answer }).await.ok()?;
        answered.await.ok()
    };
    let offered = timeout(TAKEN_WITHIN, offered).await.ok().flatten();
    let (newer, code, words) = match offered {
        Some(Offered::Taken) => (true, "", "its directory is newer, and was taken".to_owned()),
        Some(Offered::NothingNew) => (false, "", "this node's directory is as new".to_owned()),
        Some(Offered::Refused(code, words)) => {
            (false, code, format!("its directory was not taken: {}", visible(&words, true)))
        }
        None => {
            (false, "POUCH-COU-25", "its directory was not taken: this node is busy with another".to_owned())
        }
    };
    let size = desk.believed.borrow().size;
    Ok(CourierDirectoryTaken { size, newer, code: code.to_owned(), words })
}

/// Where there is a relay after all, it may know a newer directory than the file has.
async fn catch_up(found: impl Iterator<Item = &Arrived>, desk: &Arc<Desk>) {
    let newest = found.map(|arrived| arrived.header().directory_size).max().unwrap_or(0);
    if desk.links.all().iter().any(|line| line.session.is_some()) {
        wait_for_directory(newest, desk).await;
    }
}

async fn take(arrived: Arrived, desk: &Arc<Desk>) -> Result<CourierArrival, Failed> {
    let (envelope, claimed) = (arrived.id(), arrived.header().sender.clone());
    match inbox::carried(arrived, desk).await {
        Ok(Judged::Kept) => kept(envelope, claimed, false, desk).await,
        Ok(Judged::Known) => kept(envelope, claimed, true, desk).await,
        Ok(Judged::NotYet(verdict)) => Ok(not_yet(envelope, claimed, &verdict)),
        Err(error) => Err(error.into()),
    }
}

/// What is told of a message that is kept, as it is judged now.
async fn kept(
    envelope: EnvelopeId,
    claimed: ContactPoint,
    before: bool,
    desk: &Desk,
) -> Result<CourierArrival, Failed> {
    let row = desk.store.arrival(envelope).await?;
    let row = row.ok_or_else(|| AgentError::Damaged(format!("message {}", envelope.short())))?;
    if row.notice.is_none() && row.refused.is_none() && row.number.is_none() {
        return Ok(without_words(envelope, claimed, before));
    }
    let view = views::inbox_row(&row, desk).await;
    let outcome = match (view.verdict.colour.as_str(), before) {
        ("red", _) => CourierOutcome::Refused,
        (_, true) => CourierOutcome::HereAlready,
        (_, false) => CourierOutcome::Received,
    };
    Ok(CourierArrival {
        envelope,
        sender: Some(view.sender.clone()),
        outcome,
        code: view.verdict.code.clone(),
        words: view.verdict.sentence.clone(),
        next: view.verdict.next.clone(),
        exit: if outcome == CourierOutcome::Refused { view.verdict.exit } else { 0 },
        row: Some(view),
    })
}

/// A receipt, or a notice that is here in another envelope.
fn without_words(envelope: EnvelopeId, sender: ContactPoint, before: bool) -> CourierArrival {
    let outcome = if before { CourierOutcome::HereAlready } else { CourierOutcome::Receipt };
    CourierArrival {
        envelope,
        sender: Some(sender),
        outcome,
        row: None,
        code: String::new(),
        words: "a receipt; the outbox shows what it says".to_owned(),
        next: "pouch outbox".to_owned(),
        exit: 0,
    }
}

/// What may still hold. Of what fails by the time at which it came now, importing the file again is no help: it
/// would come later still.
fn not_yet(envelope: EnvelopeId, claimed: ContactPoint, verdict: &Verdict) -> CourierArrival {
    let late = verdict.failing().find(|clause| fails_by_its_time(&clause.code));
    let next = match late {
        Some(clause) => format!("{}; it may still come over a relay that had it before", clause.next),
        None => {
            "keep the file, and import it again when this node knows more: pouch status; or use the telephone"
                .to_owned()
        }
    };
    let decides = late.or_else(|| verdict.decisive());
    CourierArrival {
        envelope,
        sender: Some(claimed),
        outcome: CourierOutcome::NotYet,
        row: None,
        code: decides.map(|clause| clause.code.clone()).unwrap_or_default(),
        words: decides.map(|clause| clause.words.clone()).unwrap_or_default(),
        next,
        exit: decides.map_or(14, |clause| clause.exit),
    }
}

fn spoiled(envelope: EnvelopeId, malformed: &Malformed) -> CourierArrival {
    CourierArrival {
        envelope,
        sender: None,
        outcome: CourierOutcome::Malformed,
        row: None,
        code: malformed.code().to_owned(),
        words: visible(&malformed.to_string(), true),
        next: "ask the sender for a new file".to_owned(),
        exit: 10,
    }
}
