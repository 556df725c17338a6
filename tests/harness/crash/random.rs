//! SIGKILL at random moments: the relay, an office, or several at once, while everybody writes.

use std::time::Duration;

use pouch_testkit::stage::StageError;
use pouch_wire::Precedence;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;
use tokio::time::Instant;

use crate::field::{Field, Whom};
use crate::figures::Figures;
use crate::writers::Writers;

/// Within which time after the writers began each victim dies, in milliseconds.
const DIES_AFTER_MS: core::ops::RangeInclusive<u64> = 5..=400;

/// Kills until so many have died; judges after each time.
pub(crate) async fn kills(
    field: &mut Field,
    writers: &Writers,
    rng: &mut ChaCha20Rng,
    until: usize,
    figures: &mut Figures,
) -> Result<(), StageError> {
    let until = figures.kills() + until;
    while figures.kills() < until {
        let victims = victims(field, rng);
        cycle(field, writers, &victims, figures).await?;
        if !figures.broken.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Who dies this time, and when: all together, the relay alone, some of the nodes.
fn victims(field: &Field, rng: &mut ChaCha20Rng) -> Vec<(Duration, Whom)> {
    let mut offices: Vec<Whom> = (0..field.offices.len()).map(Whom::Office).collect();
    offices.shuffle(rng);
    let dies: Vec<Whom> = match rng.random_range(0..6) {
        0 => vec![Whom::Relay],
        1 | 2 => {
            offices.truncate(rng.random_range(1..=offices.len()));
            offices
        }
        3 => {
            offices.truncate(rng.random_range(1..=offices.len()));
            offices.push(Whom::Relay);
            offices
        }
        _ => {
            offices.push(Whom::Relay);
            offices
        }
    };
    let mut dies: Vec<(Duration, Whom)> =
        dies.into_iter().map(|whom| (Duration::from_millis(rng.random_range(DIES_AFTER_MS)), whom)).collect();
    dies.sort_by_key(|(after, _)| *after);
    dies
}

async fn cycle(
    field: &mut Field,
    writers: &Writers,
    victims: &[(Duration, Whom)],
    figures: &mut Figures,
) -> Result<(), StageError> {
    let unanswered = writers.unanswered();
    writers.begin();
    let begun = Instant::now();
    for (after, whom) in victims {
        // Not a wait for anything: the moment itself is what is drawn.
        tokio::time::sleep_until(begun + *after).await;
        field.kill(*whom).await?;
        figures.died(if *whom == Whom::Relay { "relay_random" } else { "node_random" });
    }
    let served = field.restart().await?;
    let restarted = Instant::now();
    figures.served(served);
    let died = |whom| victims.iter().any(|(_, victim)| *victim == whom);
    if died(Whom::Relay) {
        // Whoever lives on notices that the relay was another's life when it has something to say.
        for at in (0..field.offices.len()).filter(|at| !died(Whom::Office(*at))) {
            let to = (at + 1) % field.offices.len();
            field.send(at, &[to], Precedence::Routine, "Is anybody there").await?;
        }
    }
    writers.rest();
    if writers.unanswered() != unanswered {
        field.read_outboxes(64).await?;
    }
    let came = field.book.all_told().await;
    figures.settled(restarted.elapsed(), came.is_some(), field);
    Ok(())
}
