//! What a seed keeps of what was not safe when the power was cut.

use std::collections::BTreeMap;

use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;

use super::{Change, Fate, File, Folder, Mood, Node, SECTOR, apply, apply_names, put};

/// Two sources, so that names and bytes do not take turns at one.
pub(super) struct Sources {
    pub(super) names: ChaCha8Rng,
    pub(super) bytes: ChaCha8Rng,
}

impl Sources {
    pub(super) fn of(rng: &mut ChaCha8Rng) -> Self {
        use rand::SeedableRng as _;
        Self {
            names: ChaCha8Rng::seed_from_u64(rng.next_u64()),
            bytes: ChaCha8Rng::seed_from_u64(rng.next_u64()),
        }
    }
}

/// A folder's names, of those that wait for no sync what the seed keeps.
pub(super) fn names_after(
    folder: &Folder,
    mood: Mood,
    rng: &mut ChaCha8Rng,
    fate: &mut Fate,
) -> BTreeMap<String, Node> {
    let mut names = folder.safe.clone();
    let up_to = rng.random_range(0..=folder.since.len());
    for (number, (_, change)) in folder.since.iter().enumerate() {
        if keeps(mood, number < up_to, rng) {
            apply_names(&mut names, change);
            fate.kept += 1;
        } else {
            fate.dropped += 1;
        }
    }
    names
}

fn keeps(mood: Mood, before: bool, rng: &mut ChaCha8Rng) -> bool {
    match mood {
        Mood::Nothing => false,
        Mood::Everything => true,
        Mood::UpTo => before,
        Mood::Any => rng.random_bool(0.5),
    }
}

/// A file's bytes, of those that wait for no sync what the seed keeps, whole or in part.
pub(super) fn bytes_after(
    file: &File,
    mood: Mood,
    sector: usize,
    rng: &mut ChaCha8Rng,
    fate: &mut Fate,
) -> Vec<u8> {
    let mut bytes = file.safe.clone();
    let up_to = rng.random_range(0..=file.since.len());
    for (number, (_, change)) in file.since.iter().enumerate() {
        let tears = match mood {
            Mood::UpTo => number == up_to,
            Mood::Any => rng.random_ratio(1, 3),
            Mood::Nothing | Mood::Everything => false,
        };
        match change {
            Change::Write { at, data } if tears && data.len() > sector => {
                tear(&mut bytes, *at, data, sector, rng);
                fate.torn += 1;
            }
            change if keeps(mood, number < up_to, rng) => {
                apply(&mut bytes, change);
                fate.kept += 1;
            }
            _ => fate.dropped += 1,
        }
    }
    bytes
}

/// A beginning of it, an end of it, or sectors here and there. Where the file grew and nothing was written,
/// there may be zeros, or whatever lay on the disk before.
fn tear(bytes: &mut Vec<u8>, at: usize, data: &[u8], sector: usize, rng: &mut ChaCha8Rng) {
    let old = bytes.len();
    let cut = rng.random_range(1..data.len().div_ceil(sector)) * sector;
    match rng.random_range(0..3) {
        0 => put(bytes, at, &data[..cut]),
        1 => put(bytes, at + cut, &data[cut..]),
        _ => {
            for (number, part) in data.chunks(SECTOR.max(sector)).enumerate() {
                if rng.random_bool(0.5) {
                    put(bytes, at + number * SECTOR.max(sector), part);
                }
            }
        }
    }
    if rng.random_ratio(1, 4) && at >= old && cut < data.len() {
        let end = (at + data.len()).max(bytes.len());
        bytes.resize(end, 0);
        rng.fill_bytes(&mut bytes[at + cut..at + data.len()]);
    }
}
