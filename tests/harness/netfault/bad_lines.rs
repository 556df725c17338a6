//! Lines that break, with QUIC over them.

use std::time::{Duration, Instant};

use pouch_testkit::stage::{Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field, MD, PATIENCE, came, until_carried_by};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    // TCP would carry on where QUIC is to be measured.
    let mut field = Field::behind_a_line(program, plan.seed, "transport = \"quic\"").await?;
    parted(plan, &mut field, &mut figures).await;
    if !plan.quick {
        flapping(&mut field, &mut figures).await;
        moved(&mut field, &mut figures).await;
    }
    figures.judged("bad lines", &field.judge().await?);
    Ok(figures)
}

/// Nothing passes for a while, both ways or one way; then everything does.
async fn parted(plan: Plan, field: &mut Field, figures: &mut Figures) {
    let line = field.line().clone();
    let mut took = Vec::new();
    let cuts = [(false, false), (false, true), (true, false)];
    for (there, back) in cuts.iter().cycle().take(plan.times(3, 15)) {
        line.become_like(Profile { there: *there, back: *back, ..GOOD });
        // How long it lasts is what is tried.
        tokio::time::sleep(Duration::from_secs(3)).await;
        took.push(heal(field, Duration::from_secs(4)).await);
    }
    figures.times("flash after a partition of 7 s heals", &took, Duration::from_secs(5));
    if plan.quick {
        return;
    }
    let mut took = Vec::new();
    for _ in 0..4 {
        // Longer than sessions live without a sign of the other end.
        line.become_like(Profile { there: false, back: false, ..GOOD });
        tokio::time::sleep(Duration::from_secs(90)).await;
        took.push(heal(field, Duration::from_secs(1)).await);
    }
    figures.times("flash after a partition of 90 s heals", &took, Duration::from_secs(5));
}

/// Sends a flash into the partition; how long it takes from its end.
async fn heal(field: &mut Field, before: Duration) -> Option<Duration> {
    let line = field.line().clone();
    let (config, program) = (field.nl.config.clone(), field.stage.program.clone());
    let sending = tokio::spawn(async move { hand_over(&program, &config).await });
    // The flash waits in the partition for so long.
    tokio::time::sleep(before).await;
    line.become_like(GOOD);
    let healed = Instant::now();
    let envelope = sending.await.unwrap()?;
    came(&mut field.md, &envelope).await.then(|| healed.elapsed())
}

/// Hands a flash to NL's node, which may have to keep it; its envelope.
async fn hand_over(program: &Program, config: &str) -> Option<String> {
    let words =
        ["send", "--yes", "--to", MD.1, "--precedence", "flash", "--subject", "parted", "--text", "x"];
    let sent = program.run(&[&words[..], &["--json", "--config", config]].concat()).await.ok()?;
    let sent: serde_json::Value = serde_json::from_str(&sent.stdout).ok()?;
    Some(sent.pointer("/value/envelope")?.as_str()?.to_owned())
}

/// The line comes and goes every second.
async fn flapping(field: &mut Field, figures: &mut Figures) {
    let line = field.line().clone();
    let flaps = tokio::spawn(async move {
        for at in 0..40 {
            let up = at % 2 == 1;
            line.become_like(Profile { there: up, back: up, ..GOOD });
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        line.become_like(GOOD);
    });
    let took = field.both_ways(8, FLASH).await;
    flaps.await.unwrap();
    figures.times("flash on a line that flaps every second", &took, Duration::from_secs(10));
}

/// The nodes come from another address, as behind a NAT that was restarted.
async fn moved(field: &mut Field, figures: &mut Figures) {
    let mut took = Vec::new();
    for _ in 0..2 {
        field.line().change_address();
        let envelope = hand_over(&field.stage.program, &field.nl.config).await;
        let begun = Instant::now();
        took.push(match envelope {
            Some(envelope) => came(&mut field.md, &envelope).await.then(|| begun.elapsed()),
            None => None,
        });
        until_carried_by(&mut field.nl, "quic", PATIENCE).await;
    }
    figures.times("flash after a change of address that nobody told", &took, Duration::from_secs(60));
}
