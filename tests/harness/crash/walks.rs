//! The paths along which a process dies at every step: what is done with one message, and coming back.

use pouch_testkit::stage::StageError;
use pouch_tests::files;
use pouch_wire::Precedence;
use tokio::time::Instant;

use crate::book::COMES_WITHIN;
use crate::field::{Field, Whom};
use crate::figures::Figures;
use crate::noose::Noose;

/// The calls by which anything leaves a process: to its files and their folders, to the network, to its own
/// threads and its users. The first few are those of which every path has many.
pub(crate) const CALLS: [&str; 9] =
    ["pwrite64", "fsync", "sendmsg", "write", "fdatasync", "sendto", "rename", "unlink", "ftruncate"];
const CALLS_QUICK: usize = 4;

/// Further than any path goes; only a failure gets there.
const FAR: u32 = 1000;

/// Who writes and who reads in every walk, by their places.
pub(crate) const FROM: usize = 0;
pub(crate) const TO: usize = 1;

/// On the way to what a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// The relay accepts a message, hands it over, and the same with the receipt that comes back.
    Accepts,
    /// The relay publishes the log in which the message is.
    Publishes,
    /// The relay starts, while a message waits for it.
    RelayReturns,
    /// A node sends a message, and takes in its receipt.
    Sends,
    /// A node receives a message.
    Receives,
    /// A node starts, while a message waits for it at the relay.
    NodeReturns,
}

impl Walk {
    pub(crate) const ALL: [Self; 6] =
        [Self::Accepts, Self::Publishes, Self::RelayReturns, Self::Sends, Self::Receives, Self::NodeReturns];

    /// As the figures name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accepts => "relay_accepts",
            Self::Publishes => "relay_publishes",
            Self::RelayReturns => "relay_returns",
            Self::Sends => "node_sends",
            Self::Receives => "node_receives",
            Self::NodeReturns => "node_returns",
        }
    }

    const fn whom(self) -> Whom {
        match self {
            Self::Accepts | Self::Publishes | Self::RelayReturns => Whom::Relay,
            Self::Sends => Whom::Office(FROM),
            Self::Receives | Self::NodeReturns => Whom::Office(TO),
        }
    }

    /// The calls at which it dies. What publishing does beside accepting is to put files in their places.
    pub(crate) fn calls(self, quick: bool) -> &'static [&'static str] {
        match (self, quick) {
            (Self::Publishes, _) => &["rename"],
            (_, true) => &CALLS[..CALLS_QUICK],
            (_, false) => &CALLS,
        }
    }

    /// How many steps further each time, after the first few.
    pub(crate) fn stride(self, call: &str, quick: bool) -> u32 {
        match (self, call) {
            _ if !quick => 1,
            // Much of what is written at the start is the same every time.
            (Self::RelayReturns | Self::NodeReturns, "pwrite64" | "sendmsg") => 30,
            (Self::RelayReturns | Self::NodeReturns, _) => 6,
            (_, "pwrite64") => 9,
            _ => 3,
        }
    }
}

/// How one message fared.
struct Fared {
    /// Its process died at the step; it is down.
    died: bool,
    /// The node took the message and said so.
    sent: bool,
}

/// Goes along a path, `stride` calls further each time after the first few, until the process lives; judges
/// after each death.
pub(crate) async fn sweep(
    field: &mut Field,
    walk: Walk,
    call: &str,
    stride: u32,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let mut n = 1;
    while n < FAR && figures.broken.is_empty() {
        let text = format!("{} {call} {n}", walk.name());
        let fared = match walk {
            Walk::Accepts | Walk::Publishes | Walk::Sends | Walk::Receives => {
                while_it_runs(field, walk, call, n, &text, figures).await?
            }
            Walk::RelayReturns | Walk::NodeReturns => while_it_starts(field, walk, call, n, &text).await?,
        };
        if fared.died {
            figures.died(walk.name());
        }
        returns(field, walk, &fared, figures).await?;
        if !fared.died {
            figures.swept.insert(format!("{} {call}", walk.name()), n);
            return Ok(());
        }
        n += if n < 4 { 1 } else { stride };
    }
    if figures.broken.is_empty() {
        figures.broken.push(format!("{} has no end at {call}", walk.name()));
    }
    Ok(())
}

/// One message, with a noose around whoever takes part.
async fn while_it_runs(
    field: &mut Field,
    walk: Walk,
    call: &str,
    n: u32,
    text: &str,
    figures: &mut Figures,
) -> Result<Fared, StageError> {
    let published = std::fs::read(field.checkpoint()).ok();
    let mut noose = Noose::around(field.process(walk.whom())?, call, n).await?;
    let Ok(id) = field.send(FROM, &[TO], Precedence::Priority, text).await else {
        // It died while it took the message: nobody was told anything.
        noose.drawn().await;
        field.is_over(walk.whom()).await?;
        return Ok(Fared { died: true, sent: false });
    };
    let (book, to) = (field.book.clone(), field.offices[TO].name);
    let there = async {
        let there = book.until(|book| book.is_confirmed(&id, to), COMES_WITHIN).await;
        if walk != Walk::Publishes {
            return there.is_some();
        }
        let newer = |now: Option<&[u8]>| now != published.as_deref();
        there.is_some() && files::until(&field.checkpoint(), COMES_WITHIN, newer).await.is_ok()
    };
    let lives = tokio::select! {
        () = noose.drawn() => None,
        there = there => Some(there),
    };
    match lives {
        None => field.is_over(walk.whom()).await?,
        Some(there) => {
            noose.loosen().await?;
            if !there {
                figures.broken.push(format!("{text}: it lives, and nothing comes"));
            }
        }
    }
    Ok(Fared { died: lives.is_none(), sent: true })
}

/// A message waits for whoever starts, and dies at a step of that, or when it takes the message.
async fn while_it_starts(
    field: &mut Field,
    walk: Walk,
    call: &str,
    n: u32,
    text: &str,
) -> Result<Fared, StageError> {
    field.kill(walk.whom()).await?;
    let id = field.send(FROM, &[TO], Precedence::Priority, text).await?;
    let (book, to) = (field.book.clone(), field.offices[TO].name);
    if walk == Walk::NodeReturns {
        let waits = book.until(|book| book.is_accepted(&id, to), COMES_WITHIN).await;
        waits.ok_or_else(|| StageError(format!("{text}: not accepted in time")))?;
    } else {
        // What the dead relay was to its nodes is not in question here: they come back to the next one.
        for at in 0..field.offices.len() {
            field.kill(Whom::Office(at)).await?;
        }
    }
    if !field.start_in_noose(walk.whom(), call, n).await? {
        return Ok(Fared { died: true, sent: true });
    }
    field.restart_offices().await?;
    let lives = tokio::select! {
        ended = field.is_over(walk.whom()) => ended.map(|()| false)?,
        _ = book.until(|book| book.is_confirmed(&id, to), COMES_WITHIN) => true,
    };
    // It is held still. What lived so far is not asked any more.
    field.kill(walk.whom()).await?;
    Ok(Fared { died: !lives, sent: true })
}

/// Starts whatever is down, without any other traffic if a node died, and judges when all is told.
async fn returns(
    field: &mut Field,
    walk: Walk,
    fared: &Fared,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let begun = Instant::now();
    // What lived may have died meanwhile, at its next step.
    let fresh = !fared.died || walk == Walk::Publishes;
    let honest = field.programs.clone();
    figures.served(if fresh { field.anew(&honest).await? } else { field.restart().await? });
    if !fared.sent {
        field.read_outboxes(16).await?;
    }
    if fared.died && walk == Walk::Accepts {
        wake(field, figures.kills()).await?;
    }
    let came = field.book.all_told().await;
    if matches!(walk, Walk::Receives | Walk::NodeReturns) {
        field.read_inbox(TO).await?;
    }
    figures.settled(begun.elapsed(), came.is_some(), field);
    Ok(())
}

/// After the relay's death: whoever lives on notices when it has something to say. Now and then nobody lives
/// on, so that nodes do not wait ever longer before they try again.
async fn wake(field: &mut Field, deaths: usize) -> Result<(), StageError> {
    if deaths.is_multiple_of(3) {
        for at in 0..field.offices.len() {
            field.kill(Whom::Office(at)).await?;
        }
        return field.restart().await.map(drop);
    }
    for (from, to) in [(TO, FROM), (FROM, TO)] {
        field.send(from, &[to], Precedence::Routine, "Is anybody there").await?;
    }
    Ok(())
}
