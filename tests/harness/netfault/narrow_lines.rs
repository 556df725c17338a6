//! Lines of 64 kbit a second, on which a flash must pass a large message.

use std::time::Duration;

use pouch_testkit::stage::{Node, Program, StageError};

use crate::Plan;
use crate::field::{Field, MD, PATIENCE, Sent};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

/// What a message of 2 KiB is.
const WORDS: usize = 2048;
/// The large message that a flash must pass.
const LARGE: usize = 1024 * 1024;
/// 64 kbit a second.
const NARROW: Profile = Profile { rate: Some(8_000), ..GOOD };
/// How long a flash may take.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    for (carrier, more) in [("quic", 4), ("tcp", 5)] {
        let how = format!("transport = \"{carrier}\"");
        let seed = plan.seed.wrapping_add(more);
        let mut field = Field::behind_a_line(program.clone(), seed, &how).await?;
        let mut took = Vec::new();
        for _ in 0..plan.times(1, 5) {
            // Sessions that were made on a fast line would first have to learn what it has become.
            field.line().become_like(NARROW);
            let (again, _) = field.restart(&how, carrier, PATIENCE).await?;
            field = again;
            took.push(past_a_large_one(&mut field).await);
        }
        figures.times(&format!("flash of 2 KiB past 1 MiB on 64 kbit/s, {carrier}"), &took, BOUND);
        figures.judged(&format!("a narrow line, {carrier}"), &field.judge().await?);
    }
    Ok(figures)
}

/// A flash while a large routine message is on its way over the same narrow line.
async fn past_a_large_one(field: &mut Field) -> Option<Duration> {
    let line = field.line().clone();
    let file = field.stage.path("large.bin");
    std::fs::write(&file, vec![7; LARGE]).unwrap();
    let large = Sent { precedence: "routine", text: "large", attach: Some(&file) };
    let begun = send_aside(&field.nl, &field.stage.program, large);
    // It is well under way: what goes to and fro otherwise is far less.
    line.carries(24 * 1024).await;
    let flash = "F".repeat(WORDS);
    let what = Sent { precedence: "flash", text: &flash, attach: None };
    let took = Field::takes(&field.nl, &mut field.md, MD.1, what).await;
    line.become_like(GOOD);
    begun.await.unwrap();
    took
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
