//! Lines that lose, delay, double and reorder packets, with QUIC over them.

use std::time::Duration;

use pouch_testkit::stage::{Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field, PATIENCE};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

/// 600 ms there and back.
const FAR: Profile = Profile { delay: Duration::from_millis(300), ..GOOD };
const LOSES_30: Profile = Profile { lost: 30, ..FAR };
const LOSES_50: Profile = Profile { lost: 50, ..FAR };
const WILD: Profile = Profile { lost: 10, twice: 20, jitter: Duration::from_millis(200), ..FAR };
/// The line's TCP loses nothing, as no TCP does that a program sees: it would be no measure of loss.
const PINNED: &str = "transport = \"quic\"";

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    let seed = plan.seed.wrapping_add(3);
    let mut field = Field::behind_a_line(program, seed, PINNED).await?;
    for (what, profile, bound, times) in [
        ("flash at 30 % loss and 600 ms round trip", LOSES_30, 10, plan.times(6, 50)),
        // To begin sessions there takes minutes; the quick form leaves it out.
        ("flash at 50 % loss and 600 ms round trip", LOSES_50, 30, plan.times(0, 20)),
        ("flash, doubled, reordered, 10 % lost", WILD, 10, plan.times(2, 20)),
    ] {
        if times == 0 {
            continue;
        }
        // Sessions that were made on a good line would first have to learn what it has become.
        field.line().become_like(profile);
        let (again, _) = field.restart(PINNED, "quic", PATIENCE).await?;
        field = again;
        let took = field.both_ways(times, FLASH).await;
        figures.times(what, &took, Duration::from_secs(bound));
    }
    field.line().become_like(GOOD);
    figures.judged("lossy lines", &field.judge().await?);
    Ok(figures)
}
