//! The demonstration: what it says, what it leaves, and that what it leaves can be checked.

use std::path::Path;
use std::time::Duration;

use pouch_testkit::stage::word;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::network::{program, refused};

/// The whole story, with real key derivation, on a busy machine.
const DEMO_WITHIN: Duration = Duration::from_secs(300);

fn exists(dir: &Path, name: &str) {
    assert!(dir.join(name).exists(), "{name} is missing");
}

#[tokio::test]
async fn the_demonstration_holds_in_every_step_and_leaves_what_others_can_check() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let program = program();
    let demo =
        Command::new(program.path()).args(["demo", "--once", "--dir"]).arg(&dir).kill_on_drop(true).output();
    let ended = timeout(DEMO_WITHIN, demo).await.expect("the demo ends in time").unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&ended.stderr));

    let summary: Value = serde_json::from_slice(&std::fs::read(dir.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["passed"], true, "{summary}");
    let steps = summary["steps"].as_array().unwrap();
    assert!(steps.len() >= 8, "{summary}");
    for (n, step) in steps.iter().enumerate() {
        assert_eq!(step["passed"], true, "{step}");
        assert!(step["milliseconds"].is_u64(), "{step}");
        let heading = format!("\n{}. {}\n", n + 1, word(step, "name"));
        assert!(told.contains(&heading), "{heading} is not told:\n{told}");
        assert!(told.contains(word(step, "detail")), "{step}");
    }
    // What a diplomat must find in it.
    for words in [
        "LIVE - THIS IS NOT AN EXERCISE",
        "Destructive malware in electricity control systems",
        "VERIFIED: Netherlands (NL), technical contact point.",
        "receipt only, no concurrence",
        "refused",
        "missing",
        "Every step held",
    ] {
        assert!(told.contains(words), "{words:?} is not told:\n{told}");
    }
    assert!(!told.contains("panicked") && !told.contains("FAILED"), "{told}");

    for name in [
        "relay/log/directory/checkpoint",
        "relay/log/directory/tile/entries",
        "relay/log/messages/checkpoint",
        "relay/log/messages/tile/0",
        "policy-directory.txt",
        "policy-messages.txt",
        "charter.pouch",
    ] {
        exists(&dir, name);
    }
    let attachment = std::fs::metadata(dir.join("indicators.csv")).unwrap().len();
    assert!(attachment >= 1024 * 1024, "{attachment}");
    let evidence: Vec<_> =
        std::fs::read_dir(dir.join("evidence")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(!evidence.is_empty());

    let path = |name: &str| dir.join(name).display().to_string();
    for (log, policy) in [("directory", "policy-directory.txt"), ("messages", "policy-messages.txt")] {
        let log = path(&format!("relay/log/{log}"));
        let held = program.ok(&["audit", "log", &log, "--policy", &path(policy)]).await.unwrap();
        assert!(held.contains("entries hold"), "{held}");
    }
    let evidence = evidence[0].display().to_string();
    let held =
        program.ok(&["audit", "evidence", &evidence, "--charter", &path("charter.pouch")]).await.unwrap();
    assert!(held.contains("evidence holds"), "{held}");
    // Its folder is not used twice.
    refused(&program.run(&["demo", "--once", "--dir", &path("")]).await.unwrap(), 2, "POUCH-");
}
