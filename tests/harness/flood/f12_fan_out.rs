//! F12: one message to 57 offices, ten times a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use pouch_wire::{ContactPoint, EnvelopeId, Precedence};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HERD, SENDERS, office};
use crate::letters::Pen;
use crate::line::{Line, taken};
use crate::relay::Target;
use crate::shovel::{Answers, bring};

const RECIPIENTS: usize = 57;
const EVERY: Duration = Duration::from_millis(100);
const BYTES: usize = 4 * 1024;
/// Within so long everybody has what was accepted.
const LAST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct FanOut;

impl Flood for FanOut {
    fn name(&self) -> &'static str {
        "F12"
    }

    fn words(&self) -> &'static str {
        "one message to 57 offices ten times a second; it is work and no attack, nothing is left out"
    }

    fn bounds(&self) -> Bounds {
        Bounds { flash_p99: Some(Duration::from_millis(500)), ..Bounds::default() }
    }

    fn without(&self) -> &'static [Defence] {
        &[]
    }

    fn attack<'a>(&'a self, ground: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(to_all(ground, target, end))
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        let (accepted, came) = (blow.count("accepted"), blow.count("came"));
        if accepted == 0 || came != accepted * RECIPIENTS as u64 {
            return Err(format!("{accepted} messages accepted, {came} copies came"));
        }
        // Within one message, the last recipient does not wait for long after the first.
        let spread = blow.count("p50 ms from first to last recipient");
        if spread > 1000 {
            Err(format!("{spread} ms between the first and the last recipient"))
        } else {
            Ok(())
        }
    }
}

/// When each copy of a message came.
type Came = HashMap<EnvelopeId, Vec<Instant>>;

fn copies(came: &Came) -> u64 {
    came.values().map(Vec::len).sum::<usize>() as u64
}

async fn to_all(ground: &Ground, target: &Target, end: CancellationToken) -> Result<Blow, StageError> {
    let failed = |error: &dyn core::fmt::Display| StageError(format!("one of many: {error}"));
    let begun = Instant::now();
    let to: Vec<ContactPoint> = (1..=RECIPIENTS).map(|n| office(HERD, n)).collect();
    let came = watch::Sender::new(Came::default());
    let mut readers = JoinSet::new();
    for office in &to {
        let line = Line::dial(office, target).await.map_err(|error| failed(&error))?;
        let attached = line.attach(ground).await.map_err(|error| failed(&error))?;
        let came = came.clone();
        readers.spawn(async move {
            let _attached = attached;
            while let Ok(stream) = line.session.accept().await {
                let came = came.clone();
                tokio::spawn(async move {
                    if let Ok((id, _)) = taken(stream).await {
                        came.send_modify(|came| came.entry(id).or_default().push(Instant::now()));
                    }
                });
            }
        });
    }
    let (from, answers) = (office(SENDERS, 8), Arc::new(Answers::default()));
    let line = Arc::new(Line::dial(&from, target).await.map_err(|error| failed(&error))?);
    let (pen, mut sending) = (Pen::of(&from), JoinSet::new());
    let mut every = tokio::time::interval(EVERY);
    while !end.is_cancelled() {
        every.tick().await;
        let parcel = pen.parcel(ground, &to, Precedence::Routine, BYTES);
        let (line, answers) = (line.clone(), answers.clone());
        sending.spawn(async move { bring(&line.session, &parcel, &answers).await });
    }
    sending.join_all().await;
    let accepted = answers.accepted.load(std::sync::atomic::Ordering::Relaxed);
    let mut changes = came.subscribe();
    let all = changes.wait_for(|came| copies(came) >= accepted * RECIPIENTS as u64);
    // What has not come by then is counted as not come.
    tokio::time::timeout(LAST, all).await.ok();
    let mut spreads: Vec<Duration> = came
        .borrow()
        .values()
        .filter_map(|at| Some(at.iter().max()?.duration_since(*at.iter().min()?)))
        .collect();
    spreads.sort_unstable();
    let half = spreads.get(spreads.len() / 2).map_or(u64::MAX, |spread| spread.as_millis() as u64);
    let counts = vec![
        ("accepted", accepted),
        ("came", copies(&came.borrow())),
        ("p50 ms from first to last recipient", half),
    ];
    Ok(Blow { ran: begun.elapsed(), counts })
}
