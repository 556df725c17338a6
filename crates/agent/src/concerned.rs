//! A notice about a notice: what it takes over from the one that it answers, corrects or cancels, where
//! its writer says nothing else.

use pouch_control::{Compose, Refusal};
use pouch_notice::{Notice, Reference};
use pouch_wire::{ContactPoint, Environment, Precedence, Tlp};

use crate::desk::Desk;
use crate::exercises;
use crate::inbox::{self, Reading};
use crate::refusals::{Failed, not_found, refusal};

/// The notice that another one is about.
#[derive(Debug)]
pub(crate) struct Concerned {
    pub(crate) reference: Reference,
    /// What it says; absent of one that is known by its name only.
    notice: Option<Notice>,
}

impl Concerned {
    /// One that is not shown, and is asked about: nothing is taken over from it.
    pub(crate) const fn by_name(reference: Reference) -> Self {
        Self { reference, notice: None }
    }
}

/// What was asked, completed.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) environment: Environment,
    pub(crate) to: Vec<ContactPoint>,
    pub(crate) info: Vec<ContactPoint>,
    pub(crate) precedence: Precedence,
    pub(crate) tlp: Tlp,
}

/// Completes what was asked. What is said about a notice of ours goes to whom that went, as urgently:
/// a correction that comes later than the error, or to fewer, corrects little. Nothing becomes more
/// public, and no exercise becomes real, by being talked about.
pub(crate) fn inherit(
    asked: &Compose,
    concerned: Option<&Concerned>,
    desk: &Desk,
) -> Result<Inherited, Failed> {
    let about = concerned.and_then(|concerned| concerned.notice.as_ref());
    let environment = environment(asked, about, desk)?;
    let (mut to, mut info) = (asked.to.clone(), asked.info.clone());
    let ours = about.filter(|notice| notice.sender == desk.me);
    if to.is_empty() {
        match (ours, about) {
            (Some(notice), _) => {
                to = notice.to.iter().filter(|point| !info.contains(point)).cloned().collect();
                let more = notice.info.iter().filter(|point| !info.contains(point)).cloned();
                info.extend(more.collect::<Vec<_>>());
            }
            (None, Some(notice)) => to.push(notice.sender.clone()),
            (None, None) => {}
        }
    }
    let precedence = asked.precedence.or(ours.map(|notice| notice.precedence));
    Ok(Inherited {
        environment,
        to,
        info,
        precedence: precedence.unwrap_or(Precedence::Routine),
        tlp: label(asked, about)?,
    })
}

/// Labels sort strictest first: a greater one is more open.
fn label(asked: &Compose, about: Option<&Notice>) -> Result<Tlp, Refusal> {
    match (asked.tlp, about.map(|notice| notice.tlp)) {
        (Some(label), Some(original)) if label > original && !asked.widen => Err(refusal(
            "POUCH-AGT-47",
            23,
            format!(
                "{} is more open than {}, the label of the notice that this one concerns",
                label.label(),
                original.label()
            ),
            "an answer often repeats what it answers; the label is its sender's to widen",
            "leave --tlp away to take over the label, or give --yes when the text discloses nothing of the other",
        )),
        (Some(label), _) => Ok(label),
        (None, original) => Ok(original.unwrap_or(Tlp::Amber)),
    }
}

/// Where it belongs: where the notice belongs that it is about, or else where its writer says. What is said
/// in an exercise is about nothing live, and the reverse.
fn environment(asked: &Compose, about: Option<&Notice>, desk: &Desk) -> Result<Environment, Refusal> {
    let named = match &asked.exercise {
        Some(name) => Some(Environment::Exercise(exercises::called(name, desk)?)),
        None => None,
    };
    let environment = match (named, about.map(|notice| notice.environment)) {
        (Some(named), Some(theirs)) if named != theirs => return Err(of_another_place(theirs, desk)),
        (named, theirs) => named.or(theirs).unwrap_or(Environment::Live),
    };
    // Before anything is drafted, so that nobody writes in vain.
    exercises::may_speak(environment, desk)?;
    Ok(environment)
}

fn of_another_place(theirs: Environment, desk: &Desk) -> Refusal {
    let place =
        exercises::name_of(theirs, desk).map_or_else(|| "live".to_owned(), |n| format!("of EXERCISE {n}"));
    refusal(
        "POUCH-EXR-05",
        15,
        format!("the notice that this one concerns is {place}"),
        "what is said in an exercise is about nothing live, nor the reverse; recipients give it no effect",
        "leave --exercise away to answer where the notice belongs, or write a notice of its own",
    )
}

/// The notice that somebody answers, corrects or cancels.
pub(crate) async fn referred(wanted: &str, desk: &Desk) -> Result<Concerned, Failed> {
    if let Some(row) = crate::views::arrival(wanted, desk).await? {
        return match inbox::read(&row, desk).await {
            Reading::Verified(verified) => {
                let (notice, id) = (verified.value().clone(), verified.notice_id());
                let reference = Reference { sender: notice.sender.clone(), number: notice.number, id };
                Ok(Concerned { reference, notice: Some(notice) })
            }
            Reading::Refused(_) => Err(refusal(
                "POUCH-AGT-41",
                10,
                "that message was refused",
                "nobody answers what was never proved",
                "use the telephone",
            )
            .into()),
        };
    }
    let own = crate::views::own_notice(wanted, desk).await?.ok_or_else(|| not_found(wanted))?;
    let notice = own.notice().clone();
    let id = Notice::id_of(&own.signed().notice);
    let reference = Reference { sender: notice.sender.clone(), number: notice.number, id };
    Ok(Concerned { reference, notice: Some(notice) })
}
