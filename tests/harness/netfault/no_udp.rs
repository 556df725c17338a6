//! No UDP passes: TCP carries, and QUIC again when it can.

use std::time::Duration;

use pouch_testkit::stage::{Program, StageError};

use crate::Plan;
use crate::field::{FLASH, Field, PATIENCE, carrier, link_changes, until_carried_by};
use crate::figures::Figures;
use crate::proxy::{GOOD, Profile};

const NO_UDP: Profile = Profile { udp: false, ..GOOD };
/// For how long nodes that may not use TCP are watched.
const WATCHED: Duration = Duration::from_secs(10);

pub(crate) async fn run(plan: Plan, program: Program) -> Result<Figures, StageError> {
    let mut figures = Figures::default();
    let mut field = Field::behind_a_line(program, plan.seed.wrapping_add(1), "").await?;
    let mut connected = Vec::new();
    for _ in 0..plan.times(2, 20) {
        field.line().become_like(NO_UDP);
        let (again, took) = field.restart("", "tcp", PATIENCE).await?;
        field = again;
        connected.extend(took);
    }
    figures.times("UDP blocked: from the node's start to attached", &connected, Duration::from_secs(2));
    let took = field.both_ways(plan.times(3, 30), FLASH).await;
    figures.times("flash over TCP", &took, Duration::from_secs(5));
    field.line().become_like(Profile { delay: Duration::from_millis(300), ..NO_UDP });
    let took = field.both_ways(plan.times(2, 20), FLASH).await;
    figures.times("flash over TCP at 600 ms round trip", &took, Duration::from_secs(10));
    back(&mut field, &mut figures).await;
    let field = pinned(field, &mut figures).await?;
    figures.judged("without UDP", &field.judge().await?);
    Ok(figures)
}

/// UDP passes again, while there is traffic.
async fn back(field: &mut Field, figures: &mut Figures) {
    field.line().become_like(GOOD);
    let begun = std::time::Instant::now();
    let mut sent = Vec::new();
    let moved = loop {
        sent.extend(field.both_ways(1, FLASH).await);
        if carrier(&field.nl).await.as_deref() == Some("quic") {
            break Some(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            break None;
        }
        // Traffic goes on meanwhile, and not faster than its sender may.
        link_changes(&mut field.nl, Duration::from_millis(500)).await;
    };
    figures.times("UDP passes again: until QUIC carries", &[moved], Duration::from_secs(80));
    figures.times("flash meanwhile", &sent, Duration::from_secs(5));
}

/// The control: whoever may use QUIC alone is cut off.
async fn pinned(field: Field, figures: &mut Figures) -> Result<Field, StageError> {
    field.line().become_like(NO_UDP);
    let (mut field, never) = field.restart("transport = \"quic\"", "tcp", WATCHED).await?;
    let alone = carrier(&field.nl).await.is_none() && carrier(&field.md).await.is_none();
    let failed = never == [None, None] && alone;
    figures.control("pinned to QUIC without UDP: no session within 10 s", failed);
    field.line().become_like(GOOD);
    figures.claim(
        "pinned to QUIC, connected once UDP passes",
        until_carried_by(&mut field.nl, "quic", PATIENCE).await.is_some()
            && until_carried_by(&mut field.md, "quic", PATIENCE).await.is_some(),
    );
    Ok(field)
}
