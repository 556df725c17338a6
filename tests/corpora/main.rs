//! Every input that fuzzing kept, replayed without a fuzzer: seeds, what was discovered from them, and
//! what once broke a property.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "../../fuzz/properties/mod.rs"]
mod properties;
mod seeds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use properties::{ALL, Property};

/// Most bytes of a target's corpus.
const CORPUS_BYTES_MAX: usize = 256 * 1024;

fn fuzz() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "fuzz"].iter().collect()
}

/// The inputs of a folder by name; none when it is not there.
fn inputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

/// Names of the inputs of a target with which its property does not hold.
fn broken_by(target: &str, property: Property) -> Vec<String> {
    let corpus = inputs(&fuzz().join("corpus").join(target));
    assert!(!corpus.is_empty(), "fuzz/corpus/{target} is missing or empty");
    let regressions = inputs(&fuzz().join("regressions").join(target));
    let broken = corpus.into_iter().chain(regressions).filter(|(_, bytes)| {
        std::panic::catch_unwind(|| property(bytes)).is_err() // The panic itself was printed.
    });
    broken.map(|(name, _)| format!("{target}/{name}")).collect()
}

#[test]
fn every_kept_input_holds_the_property_of_its_target() {
    let broken: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> =
            ALL.iter().map(|(target, property)| scope.spawn(|| broken_by(target, *property))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_target_has_a_property_a_program_and_a_corpus() {
    let properties: BTreeSet<String> = ALL.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(properties.len(), ALL.len());
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap();
    let bins: BTreeSet<String> = bins.iter().map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    let programs = inputs(&fuzz().join("fuzz_targets"));
    let folders = std::fs::read_dir(fuzz().join("corpus")).unwrap();
    let folders: BTreeSet<String> = folders.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(bins, properties);
    let stems = programs.keys().map(|file| file.trim_end_matches(".rs").to_owned());
    assert_eq!(stems.collect::<BTreeSet<_>>(), bins);
    assert_eq!(folders, bins);
    for (file, text) in programs {
        assert!(text.split(|b| *b == b'\n').count() <= 20, "{file} states a property in 20 lines");
    }
}

#[test]
fn every_seed_is_on_file() {
    for (target, seeds) in seeds::all() {
        let folder = fuzz().join("corpus").join(target);
        if std::env::var_os("POUCH_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in &seeds {
                std::fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
            }
        }
        let kept = inputs(&folder);
        // Copies of vectors are held to their bytes where the vectors are.
        let vector = |name: &String| name.starts_with("accept.") || name.starts_with("refuse.");
        for (name, bytes) in seeds.into_iter().filter(|(name, _)| !vector(name)) {
            let same = kept.get(&format!("seed-{name}")) == Some(&bytes);
            assert!(same, "{target}/seed-{name} differs; POUCH_BLESS=1 writes it anew");
        }
    }
}

#[test]
fn every_corpus_stays_small() {
    for (target, _) in ALL {
        let bytes: usize = inputs(&fuzz().join("corpus").join(target)).values().map(Vec::len).sum();
        assert!(bytes <= CORPUS_BYTES_MAX, "fuzz/corpus/{target}: {bytes} bytes");
    }
}
