//! A relay whose clock is wrong while messages wait at it, and while it starts; and witnesses that agree on
//! a wrong time.

use pouch_testkit::stage::StageError;
use tokio::time::Instant;

use crate::clocks::{WRONG, Wrong};
use crate::field::{Field, LONG, READER};
use crate::figures::Figures;

/// How a command ends that finds no relay.
const NO_RELAY: i32 = 20;
/// In these cases the relay ends and starts again while its clock is wrong, by 31 days and more.
const RESTARTS: [usize; 4] = [10, 14, 18, 20];
const YEAR: i64 = 365 * 24 * 3600;

/// Each way of being wrong, at a relay that holds messages for a reader who is away.
pub(crate) async fn wrong(field: &mut Field, figures: &mut Figures) -> Result<(), StageError> {
    let Some(reader) = field.reader.take() else { return Err(StageError::new("nobody reads")) };
    reader.stop().await?;
    for (place, case) in WRONG.into_iter().enumerate() {
        let sent = field.sends(1).await?;
        figures.taken(sent.is_some());
        if let Some(sent) = sent {
            field.writers[1].progress(&sent, READER.1, "accepted").await?;
        }
        field.set("relay", case.1)?;
        figures.case_of("relay");
        // What comes while it is wrong is taken later, or now; it is not lost.
        figures.taken(field.sends(0).await?.is_some());
        // It looks for what expired when it ends, and once a minute; and it starts with a clock that is wrong.
        if RESTARTS.contains(&place) {
            restart(field).await?;
        }
        field.set("relay", Wrong::By(0))?;
    }
    field.set("relay", Wrong::By(10 * YEAR))?;
    restart(field).await?;
    field.reader = Some(field.stage.start_node(READER.0).await?);
    let looked = field.until("a relay's wrong clock", |looked| looked.clock.starts_with("differs")).await?;
    figures.case("reader of a relay ten years ahead", ("ten years ahead", Wrong::By(10 * YEAR)), &looked);
    field.set("relay", Wrong::By(0))?;
    let looked = field.green().await?;
    figures.right_again("relay", ("ten years ahead", Wrong::By(10 * YEAR)), &looked);
    Ok(())
}

async fn restart(field: &mut Field) -> Result<(), StageError> {
    if let Some(relay) = field.relay.take() {
        relay.stop().await?;
    }
    field.relay = Some(field.stage.start_relay().await?);
    // What it is given meanwhile waits at the senders.
    let config = field.stage.path("relay/relay.toml");
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let status = field.stage.program.run(&["relay", "status", "--json", "--config", &config]).await?;
        if ["differs: ", "agrees with"].iter().any(|word| status.stdout.contains(word)) {
            return Ok(());
        }
    }
    Err(StageError::new("the relay did not hear its witnesses"))
}

/// All witnesses are an hour ahead of relay and offices: then nobody knows the time, and the one who reads is
/// told so. One of them that is right would be part of a quorum that says the right time.
pub(crate) async fn witnesses_ahead(field: &mut Field, figures: &mut Figures) -> Result<(), StageError> {
    let hour = Wrong::By(3600);
    for witness in ["witness-1", "witness-2", "witness-3"] {
        field.set(witness, hour)?;
    }
    grow(field).await?;
    let looked = field.until("a doubt", |looked| looked.colour != "green").await?;
    figures.case("reader of witnesses an hour ahead", ("an hour ahead", hour), &looked);
    for witness in ["witness-1", "witness-2", "witness-3"] {
        field.set(witness, Wrong::By(0))?;
    }
    grow(field).await?;
    let looked = field.green().await?;
    figures.right_again("witnesses", ("an hour ahead", hour), &looked);
    Ok(())
}

/// The directory grows by a statement: an office takes a new signing key.
async fn grow(field: &Field) -> Result<(), StageError> {
    let root = "nl-root";
    let (dir, passphrase) = (field.stage.path(root), field.stage.passphrase(root));
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    let begun = Instant::now();
    loop {
        let rotated = field.writers[0].run(&rotate).await?;
        // Its node may not have found back to the relay yet.
        if rotated.exit != NO_RELAY || begun.elapsed() > LONG {
            return if rotated.exit == 0 { Ok(()) } else { Err(StageError(rotated.stderr)) };
        }
    }
}
