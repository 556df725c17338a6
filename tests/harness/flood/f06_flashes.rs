//! F6: a hostile member marks everything flash, a thousand a second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use pouch_wire::Precedence;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, READERS, office};
use crate::letters::Pen;
use crate::line::Line;
use crate::relay::Target;
use crate::shovel::{Answers, bring};

/// Its offices, and what each brings in a second.
const OFFICES: usize = 8;
const EACH: u64 = 125;
const BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Flashes;

impl Flood for Flashes {
    fn name(&self) -> &'static str {
        "F6"
    }

    fn words(&self) -> &'static str {
        "a hostile member that marks a thousand messages a second flash"
    }

    fn bounds(&self) -> Bounds {
        Bounds { flash_p99: Some(Duration::from_millis(500)), log_lines_per_s: Some(2), ..Bounds::default() }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::Quotas]
    }

    fn attack<'a>(&'a self, ground: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(marks_everything(ground, target, end))
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        // Twice an office's burst and twice its ten a minute.
        let most = 40 + 20 * (blow.ran.as_secs() + 1) / 60 + 1;
        let (as_flash, told) = (blow.count("carried as flash"), blow.count("carried lower, signed"));
        if as_flash > most {
            return Err(format!("{as_flash} were carried as flash, {most} are the member's"));
        }
        if told + blow.count("put off") == 0 || blow.count("neither answered nor put off") > 0 {
            return Err("what is too much was not told to its sender".to_owned());
        }
        Ok(())
    }
}

async fn marks_everything(
    ground: &Ground,
    target: &Target,
    end: CancellationToken,
) -> Result<Blow, StageError> {
    let begun = Instant::now();
    let (answers, ground) = (Arc::new(Answers::default()), Arc::new(ground.clone()));
    let mut all = JoinSet::new();
    for n in 1..=OFFICES {
        let (answers, end, ground, target) = (answers.clone(), end.clone(), ground.clone(), *target);
        all.spawn(async move {
            let failed = |error: &dyn core::fmt::Display| StageError(format!("hostile member: {error}"));
            let line = Line::dial(&office(HOSTILE, n), &target).await.map_err(|error| failed(&error))?;
            let (line, pen) = (Arc::new(line), Pen::of(&office(HOSTILE, n)));
            let (begun, mut sent, mut under_way) = (Instant::now(), 0, JoinSet::new());
            while !end.is_cancelled() {
                let due = begun.elapsed().as_millis() as u64 * EACH / 1000;
                while sent < due {
                    sent += 1;
                    let parcel = pen.parcel(&ground, &[office(READERS, 1)], Precedence::Flash, BYTES);
                    let (line, answers) = (line.clone(), answers.clone());
                    under_way.spawn(async move {
                        bring(&line.session, &parcel, &answers).await;
                    });
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                while under_way.try_join_next().is_some() {}
            }
            // What is under way is answered, as everything is.
            under_way.join_all().await;
            Ok::<u64, StageError>(sent)
        });
    }
    let mut sent = 0;
    for office in all.join_all().await {
        sent += office?;
    }
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let (accepted, demoted) = (count(&answers.accepted), count(&answers.demoted));
    Ok(Blow {
        ran: begun.elapsed(),
        counts: vec![
            ("marked flash", sent),
            ("carried as flash", accepted - demoted),
            ("carried lower, signed", demoted),
            ("put off", count(&answers.put_off)),
            ("neither answered nor put off", count(&answers.lost)),
        ],
    })
}
