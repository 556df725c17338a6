//! Lines that lose, delay, double, narrow and break, with QUIC over them.

use std::time::{Duration, Instant};

use pouch_testkit::stage::{Node, Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field, MD, PATIENCE, Sent, came, until_carried_by};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

const RTT_600: Duration = Duration::from_millis(300);

/// What a message of 2 KiB is.
const WORDS: usize = 2048;
/// The large message that a flash must pass.
const LARGE: usize = 1024 * 1024;
/// 64 kbit a second.
pub(crate) const NARROW: Profile = Profile { rate: Some(8_000), ..GOOD };

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    // The line's TCP loses nothing, as no TCP does that a program sees: it would be no measure of loss.
    let mut field = Field::behind_a_line(program, plan.seed, "transport = \"quic\"").await?;
    lossy(plan, &mut field, &mut figures).await;
    parted(plan, &mut field, &mut figures).await;
    let took = narrow(&mut field, plan).await?;
    figures.long(plan, "flash of 2 KiB past 1 MiB on 64 kbit/s, QUIC", &took, Duration::from_secs(5));
    if !plan.quick {
        flapping(&mut field, &mut figures).await;
        moved(&mut field, &mut figures).await;
    }
    figures.judged("bad lines", &field.judge().await?);
    Ok(figures)
}

/// Packets that are lost, late, doubled and out of order.
async fn lossy(plan: Plan, field: &mut Field, figures: &mut Figures) {
    let line = field.line().clone();
    let bad = Profile { lost: 30, delay: RTT_600, ..GOOD };
    line.become_like(bad);
    let took = field.both_ways(plan.times(6, 50), FLASH).await;
    figures.long(plan, "flash at 30 % loss and 600 ms round trip", &took, Duration::from_secs(10));
    line.become_like(Profile { lost: 50, ..bad });
    let took = field.both_ways(plan.times(3, 20), FLASH).await;
    figures.long(plan, "flash at 50 % loss and 600 ms round trip", &took, Duration::from_secs(30));
    let wild = Profile { lost: 10, twice: 20, delay: RTT_600, jitter: Duration::from_millis(200), ..GOOD };
    line.become_like(wild);
    let took = field.both_ways(plan.times(2, 20), FLASH).await;
    figures.long(plan, "flash, doubled, reordered, 10 % lost", &took, Duration::from_secs(10));
    line.become_like(GOOD);
}

/// Nothing passes for a while, both ways or one way; then everything does.
async fn parted(plan: Plan, field: &mut Field, figures: &mut Figures) {
    let line = field.line().clone();
    let mut took = Vec::new();
    let cuts = [(false, false), (false, true), (true, false)];
    for (there, back) in cuts.iter().cycle().take(plan.times(3, 15)) {
        line.become_like(Profile { there: *there, back: *back, ..GOOD });
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

/// A flash while a large routine message is on its way over the same narrow line.
pub(crate) async fn narrow(field: &mut Field, plan: Plan) -> Result<Vec<Option<Duration>>, StageError> {
    let line = field.line().clone();
    let file = field.stage.path("large.bin");
    std::fs::write(&file, vec![7; LARGE]).unwrap();
    let flash = "F".repeat(WORDS);
    let mut took = Vec::new();
    for _ in 0..plan.times(1, 5) {
        line.become_like(NARROW);
        let large = Sent { precedence: "routine", text: "large", attach: Some(&file) };
        let begun = send_aside(&field.nl, &field.stage.program, large);
        // It is well under way: what goes to and fro otherwise is far less.
        line.carries(24 * 1024).await;
        let what = Sent { precedence: "flash", text: &flash, attach: None };
        took.push(Field::takes(&field.nl, &mut field.md, MD.1, what).await);
        line.become_like(GOOD);
        begun.await.unwrap();
    }
    Ok(took)
}

/// Sends without waiting for it.
fn send_aside(node: &Node, program: &Program, what: Sent<'_>) -> tokio::task::JoinHandle<()> {
    let (program, config) = (program.clone(), node.config.clone());
    let (precedence, text) = (what.precedence.to_owned(), what.text.to_owned());
    let file = what.attach.unwrap_or_default().to_owned();
    tokio::spawn(async move {
        let words = [
            "send",
            "--yes",
            "--to",
            MD.1,
            "--precedence",
            &precedence,
            "--subject",
            "large",
            "--text",
            &text,
            "--attach",
            &file,
            "--config",
            &config,
        ];
        // Accepted or not yet: it is in the outbox, and judged there.
        program.run(&words).await.ok();
    })
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
        until_carried_by(&field.nl, "quic", PATIENCE).await;
    }
    figures.times("flash after a change of address that nobody told", &took, Duration::from_secs(60));
}
