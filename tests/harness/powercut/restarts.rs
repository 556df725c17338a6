//! The real services on what a power cut left: each must say that it serves, and nobody may have to help.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use pouch_testkit::stage::{Program, StageError};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::disk::{Fate, Image};
use crate::facts::Place;
use crate::history::{HONEST, History, Machine};
use crate::promises::Promise;
use crate::record::Player;

/// What came by hand before the record began: no command of ours made it.
const BY_HAND: [&str; 2] = ["passphrase", "charter.pouch"];

/// Starts services so often; those that did not start, in words.
pub(crate) async fn all(
    history: &History,
    pouch: &Path,
    stage: &Path,
    times: usize,
    seed: u64,
) -> Result<Vec<String>, StageError> {
    let program = Program::at(pouch);
    let with: Vec<(&Machine, &Place)> =
        history.machines.iter().filter_map(|machine| Some((machine, machine.place.as_ref()?))).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let mut failed = Vec::new();
    for (machine, place) in with.iter().cycle().take(times) {
        let since: Vec<usize> = machine
            .promises
            .iter()
            .filter(|one| !matches!(one.what, Promise::File { .. } | Promise::Born))
            .map(|one| one.at + 1)
            .collect();
        let cut = since[rng.random_range(0..since.len())];
        let mut player = Player::new(&machine.record, HONEST);
        player.up_to(cut);
        let image = player.disk.cut(&mut rng, &mut Fate::default());
        put(&stage.join(&machine.name), stage, &image).map_err(|error| StageError(error.to_string()))?;
        if let Err(error) = start_and_stop(&program, machine, place, stage).await {
            failed.push(format!("{}, step {cut}: {error}", machine.name));
        }
    }
    Ok(failed)
}

async fn start_and_stop(
    program: &Program,
    machine: &Machine,
    place: &Place,
    stage: &Path,
) -> Result<(), StageError> {
    let kind =
        place.path.rsplit('/').next().and_then(|name| name.strip_suffix(".sqlite")).unwrap_or_default();
    let folder = stage.join(&machine.name);
    let config = folder.join(format!("{kind}.toml")).display().to_string();
    let log = folder.join("again.log");
    program.start(&machine.name, &[kind, "run", "--config", &config], &log).await?.stop().await
}

/// Puts an image in the place of what is in a folder.
fn put(folder: &Path, stage: &Path, image: &Image) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if !BY_HAND.iter().any(|name| path.ends_with(name)) {
            fs::remove_file(&path)?;
        }
    }
    for (path, bytes) in image {
        let path = stage.join(path.trim_start_matches('/'));
        let Some(within) = path.parent() else { continue };
        if BY_HAND.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        fs::create_dir_all(within)?;
        fs::set_permissions(within, fs::Permissions::from_mode(0o700))?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut file, bytes)?;
    }
    Ok(())
}
