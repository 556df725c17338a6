//! Lines that lose, delay, double and reorder packets, with QUIC over them.

use std::time::Duration;

use pouch_testkit::stage::{Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

const RTT_600: Duration = Duration::from_millis(300);

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    // The line's TCP loses nothing, as no TCP does that a program sees: it would be no measure of loss.
    let seed = plan.seed.wrapping_add(3);
    let mut field = Field::behind_a_line(program, seed, "transport = \"quic\"").await?;
    lossy(plan, &mut field, &mut figures).await;
    figures.judged("lossy lines", &field.judge().await?);
    Ok(figures)
}

/// Packets that are lost, late, doubled and out of order.
async fn lossy(plan: Plan, field: &mut Field, figures: &mut Figures) {
    let line = field.line().clone();
    let bad = Profile { lost: 30, delay: RTT_600, ..GOOD };
    line.become_like(bad);
    let took = field.both_ways(plan.times(6, 50), FLASH).await;
    figures.times("flash at 30 % loss and 600 ms round trip", &took, Duration::from_secs(10));
    line.become_like(Profile { lost: 50, ..bad });
    let took = field.both_ways(plan.times(3, 20), FLASH).await;
    figures.times("flash at 50 % loss and 600 ms round trip", &took, Duration::from_secs(30));
    let wild = Profile { lost: 10, twice: 20, delay: RTT_600, jitter: Duration::from_millis(200), ..GOOD };
    line.become_like(wild);
    let took = field.both_ways(plan.times(2, 20), FLASH).await;
    figures.times("flash, doubled, reordered, 10 % lost", &took, Duration::from_secs(10));
    line.become_like(GOOD);
}
