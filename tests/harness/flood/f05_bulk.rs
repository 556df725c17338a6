//! F5: large routine messages as fast as they go, by a hostile member, and by everybody at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use pouch_wire::{ContactPoint, Precedence};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, READERS, SENDING, office, sender};
use crate::letters::Pen;
use crate::line::Line;
use crate::relay::Target;
use crate::shovel::{Answers, Taker, bring};

const MIB: u64 = 1024 * 1024;
/// What the shared recipient takes in a second: less than is brought, so that there is something to share.
const TAKES: u64 = 3 * MIB;
/// When a hostile sender comes again, whatever the relay asks: some two thousand times a second in all.
const IMPATIENT: Duration = Duration::from_millis(20);
/// Members that want to send to it: the hostile one, and honest ones.
const HONEST: usize = 4;
/// Of all bytes the hostile member may have its share, and a tenth of all more.
const SHARE_PERCENT: u64 = 100 / (HONEST as u64 + 1) + 10;

/// Whose bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// A hostile member's, on a session of each of its eight offices.
    Hostile,
    /// The honest offices' own, to the very recipient of their flashes.
    Everybodys,
}

impl Flood for Bulk {
    fn name(&self) -> &'static str {
        match self {
            Self::Hostile => "F5",
            Self::Everybodys => "F5b",
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Hostile => "a hostile member's routine messages of 1 MiB, flat out on eight sessions",
            Self::Everybodys => "every honest office's own routine messages, to the recipient of its flashes",
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds { flash_p99: Some(Duration::from_millis(500)), ..Bounds::default() }
    }

    fn without(&self) -> &'static [Defence] {
        match self {
            Self::Hostile => &[Defence::Quotas, Defence::Precedence, Defence::Turns],
            Self::Everybodys => &[Defence::Precedence],
        }
    }

    fn attack<'a>(&'a self, ground: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        match self {
            Self::Hostile => Box::pin(hostile(ground, target, end)),
            Self::Everybodys => Box::pin(everybodys(ground, target, end)),
        }
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        if *self == Self::Everybodys {
            return Ok(());
        }
        // Twice an office's burst, and twice its rate.
        let most = 32 + 2 * (blow.ran.as_secs() + 1) + 1;
        let (accepted, share) = (blow.count("hostile MiB accepted"), blow.count("hostile percent taken"));
        if accepted > most {
            return Err(format!("{accepted} MiB of the hostile member accepted, {most} are its rate"));
        }
        if share > SHARE_PERCENT {
            return Err(format!("{share} % of what the shared recipient took is the hostile member's"));
        }
        if blow.count("hostile put off") == 0 {
            return Err("the hostile member was never put off".to_owned());
        }
        Ok(())
    }
}

/// Brings messages of one size from an office until the end, whatever the relay answers; `waits` as it asks.
async fn shovels(
    from: ContactPoint,
    to: Vec<ContactPoint>,
    (bytes, waits): (usize, bool),
    (ground, target): (&Ground, &Target),
    answers: &Answers,
    end: &CancellationToken,
) -> Result<(), StageError> {
    let failed = |error: &dyn core::fmt::Display| StageError(format!("who brings: {error}"));
    let line = Line::dial(&from, target).await.map_err(|error| failed(&error))?;
    let pen = Pen::of(&from);
    let one = async |n: usize| {
        let mut n = n;
        while !end.is_cancelled() {
            let parcel = pen.parcel(ground, &to[n % to.len()..=n % to.len()], Precedence::Routine, bytes);
            n += 1;
            // The same again until it is taken: making another would cost this side more than the relay.
            while let Some(wait) = bring(&line.session, &parcel, answers).await {
                tokio::select! {
                    () = end.cancelled() => return,
                    () = tokio::time::sleep(if waits { wait } else { IMPATIENT }) => {}
                }
            }
        }
    };
    let all = async { tokio::join!(one(0), one(1), one(2), one(3), one(4), one(5)) };
    // What is under way at the end is not waited for.
    tokio::select! {
        _ = all => {}
        () = async { end.cancelled().await; tokio::time::sleep(Duration::from_millis(200)).await } => {}
    }
    Ok(())
}

async fn hostile(ground: &Ground, target: &Target, end: CancellationToken) -> Result<Blow, StageError> {
    let begun = Instant::now();
    let shared = office(READERS, 2);
    let taker = Taker::at(&shared, TAKES, ground, target, end.clone()).await?;
    let (bad, good) = (Arc::new(Answers::default()), Arc::new(Answers::default()));
    // A third to whoever collects the flashes, a third where there is something to share, a third to one that
    // does not collect.
    let to = vec![office(READERS, 1), shared.clone(), office(READERS, 3)];
    let mut all = JoinSet::new();
    let (ground, target) = (Arc::new(ground.clone()), *target);
    for n in 1..=8 {
        let (to, bad, end, ground) = (to.clone(), bad.clone(), end.clone(), ground.clone());
        all.spawn(async move {
            let how = (MIB as usize, false);
            shovels(office(HOSTILE, n), to, how, (&ground, &target), &bad, &end).await
        });
    }
    for n in 0..HONEST {
        let (to, good, end, ground) = (vec![shared.clone()], good.clone(), end.clone(), ground.clone());
        all.spawn(async move {
            shovels(sender(n), to, (128 * 1024, true), (&ground, &target), &good, &end).await
        });
    }
    for ended in all.join_all().await {
        ended?;
    }
    let (hostiles, total) = taker.of(HOSTILE);
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    Ok(Blow {
        ran: begun.elapsed(),
        counts: vec![
            ("hostile MiB accepted", count(&bad.accepted_bytes) / MIB),
            ("hostile put off", count(&bad.put_off)),
            ("honest MiB accepted", count(&good.accepted_bytes) / MIB),
            ("MiB taken", total / MIB),
            ("hostile percent taken", hostiles * 100 / total.max(1)),
        ],
    })
}

async fn everybodys(ground: &Ground, target: &Target, end: CancellationToken) -> Result<Blow, StageError> {
    let begun = Instant::now();
    let answers = Arc::new(Answers::default());
    let (ground, target) = (Arc::new(ground.clone()), *target);
    let mut all = JoinSet::new();
    for n in 0..SENDING {
        let (answers, end, ground) = (answers.clone(), end.clone(), ground.clone());
        all.spawn(async move {
            let to = vec![office(READERS, 1)];
            shovels(sender(n), to, (64 * 1024, true), (&ground, &target), &answers, &end).await
        });
    }
    for ended in all.join_all().await {
        ended?;
    }
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    Ok(Blow {
        ran: begun.elapsed(),
        counts: vec![
            ("MiB accepted", count(&answers.accepted_bytes) / MIB),
            ("put off", count(&answers.put_off)),
            ("lost", count(&answers.lost)),
        ],
    })
}
