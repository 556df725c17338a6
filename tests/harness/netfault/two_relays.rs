//! A relay is killed, and nobody is told: the other carries.

use std::time::Duration;

use pouch_testkit::stage::{Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field, MD, PATIENCE, came, link_changes};
use crate::figures::Figures;

/// How long a flash may take past a dead relay.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    let mut field = Field::start(program, 2, None, "").await?;
    let mut took = Vec::new();
    for _ in 0..plan.times(2, 10) {
        everywhere(&mut field).await?;
        field.relays[0].take().unwrap().kill().await?;
        took.extend(field.both_ways(1, FLASH).await);
        field.relays[0] = Some(field.stage.start_relay_number(1).await?);
    }
    figures.times("flash through the second relay, the first killed", &took, BOUND);
    control(&mut field, &mut figures).await?;
    figures.judged("two relays", &field.judge().await?);
    Ok(figures)
}

/// Waits until both nodes have a session with both relays.
async fn everywhere(field: &mut Field) -> Result<(), StageError> {
    for node in [&mut field.nl, &mut field.md] {
        loop {
            let status = node.json(&["status"]).await?;
            if status["relays"].as_array().into_iter().flatten().all(|line| line[1] == true) {
                break;
            }
            let changed = link_changes(node, PATIENCE).await;
            changed.ok_or_else(|| StageError::new("a relay that came back was not reached"))?;
        }
    }
    Ok(())
}

/// The control: without the second relay nothing passes.
async fn control(field: &mut Field, figures: &mut Figures) -> Result<(), StageError> {
    for relay in &mut field.relays {
        relay.take().unwrap().kill().await?;
    }
    let envelope = Field::send(&field.nl, MD.1, FLASH).await?;
    let passed = tokio::time::timeout(BOUND, came(&mut field.md, &envelope)).await;
    figures.control("no second relay: no flash within 5 s", passed.is_err());
    for number in [1, 2] {
        let relay = field.stage.start_relay_number(number).await?;
        field.relays[usize::from(number) - 1] = Some(relay);
    }
    Ok(())
}
