//! What a stranger's verifier makes of the logs that the demonstration leaves: it is convinced by
//! them as they are, and by nothing that is nearly them.
//!
//! The verifier is Python and shares no code with ours. `cargo xtask prove outsider` flips every bit;
//! here stand a few, and what a flipped bit cannot be: files too many, too few or exchanged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod grown;
mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pouch_tests::outsider::{Outsider, demonstrate};
use serde_json::Value;
use tempfile::TempDir;

/// The folder that the build fills, and the program in it; `cargo xtask test` builds it first.
fn target() -> (PathBuf, PathBuf) {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap();
    (built.parent().unwrap().to_owned(), built.join("pouch"))
}

fn outsider() -> Outsider {
    Outsider::install(&target().0).unwrap()
}

/// What the demonstration left: the same for all tests here, and each works on a copy.
fn demo() -> TempDir {
    static LEFT: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    let left = LEFT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        demonstrate(&target().1, dir.path()).unwrap();
        let mut files = Vec::new();
        for name in ["relay/log", "policy-directory.txt", "policy-messages.txt"] {
            read(dir.path(), Path::new(name), &mut files);
        }
        files
    });
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in left {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn read(root: &Path, name: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let path = root.join(name);
    if path.is_file() {
        files.push((name.to_owned(), fs::read(path).unwrap()));
        return;
    }
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        read(root, &name.join(entry.file_name()), files);
    }
}

/// What the verifier says of a log under a policy.
fn says(dir: &TempDir, options: &[&str], log: &str, policy: &str) -> Result<String, String> {
    let (log, policy) = (dir.path().join("relay/log").join(log), dir.path().join(policy));
    let output = outsider().verify(options, &log, &policy).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        Some(1) => Err(text(output.stderr)),
        other => panic!("verify.py ended with {other:?}: {}", text(output.stderr)),
    }
}

#[test]
fn a_stranger_accepts_both_logs_of_the_demonstration() {
    let dir = demo();
    for (log, origin) in
        [("directory", "demo.pouch.invalid/directory"), ("messages", "demo.pouch.invalid/relay-1/messages")]
    {
        let policy = format!("policy-{log}.txt");
        // The strict one wants no line by anybody unknown: the published checkpoint has no surplus.
        for options in [&[][..], &["--strict"]] {
            let said = says(&dir, options, log, &policy).unwrap();
            assert!(said.starts_with(&format!("accepted: {origin} size ")), "{said}");
            // Two witnesses are the quorum, and each counts with both kinds of key only.
            for kind in ["/ed25519", "/ml-dsa-44"] {
                let witnesses = said.matches(kind).count() - said.matches(&format!("{origin}{kind}")).count();
                assert_eq!(witnesses, 2, "{said}");
            }
        }
    }
}

#[test]
fn a_stranger_refuses_a_log_under_the_policy_of_another() {
    let dir = demo();
    let said = says(&dir, &[], "messages", "policy-directory.txt").unwrap_err();
    assert_eq!(said, "refused: no log of the policy signed this\n");
}

#[test]
fn a_stranger_refuses_a_log_with_a_file_too_many_or_too_few() {
    let dir = demo();
    let judged = || says(&dir, &[], "directory", "policy-directory.txt");
    let log = dir.path().join("relay/log/directory");
    fs::write(log.join("notes.txt"), "").unwrap();
    assert_eq!(judged().unwrap_err(), "refused: notes.txt: no file of a log of this size\n");
    fs::remove_file(log.join("notes.txt")).unwrap();
    let tiles = log.join("tile/0/000.p");
    let width = fs::read_dir(&tiles).unwrap().next().unwrap().unwrap().file_name();
    let tile = fs::read(tiles.join(&width)).unwrap();
    // A partial tile of an earlier size is part of any log, if it is true; one beyond the size is not.
    fs::write(tiles.join("3"), &tile[..96]).unwrap();
    judged().unwrap();
    fs::write(tiles.join("3"), &tile[32..128]).unwrap();
    let other_past = "refused: tile/0/000.p/3: not a beginning of the tile of today\n";
    assert_eq!(judged().unwrap_err(), other_past);
    fs::remove_file(tiles.join("3")).unwrap();
    fs::write(tiles.join("200"), vec![0; 6400]).unwrap();
    assert_eq!(judged().unwrap_err(), "refused: tile/0/000.p/200: wider than the tree\n");
    fs::remove_file(tiles.join("200")).unwrap();
    fs::remove_file(tiles.join(&width)).unwrap();
    let missing = format!("refused: tile/0/000.p/{}: missing\n", width.to_str().unwrap());
    assert_eq!(judged().unwrap_err(), missing);
}

#[test]
fn a_stranger_misses_each_line_of_the_checkpoint() {
    let dir = demo();
    let path = dir.path().join("relay/log/messages/checkpoint");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 10, "three lines of text, an empty one, two of the log, four of witnesses");
    for left_out in 0..lines.len() {
        let others = lines.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, line)| *line);
        fs::write(&path, others.collect::<String>()).unwrap();
        let said = says(&dir, &[], "messages", "policy-messages.txt");
        assert!(said.clone().is_err_and(|said| said.starts_with("refused: ")), "{left_out}: {said:?}");
    }
}

#[test]
fn a_stranger_notices_any_flipped_bit_and_each_of_its_defences_is_needed() {
    let dir = demo();
    let found = outsider().flip(dir.path(), &["--few", "40"]).unwrap();
    assert_eq!(found["survivors"], Value::Array(Vec::new()));
    assert_eq!(found["files"], 8);
    assert_eq!(found["flipped"], 8 * 40);
    assert_eq!(found["held"], true, "{found}");
}
