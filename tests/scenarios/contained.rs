//! What services give up once they run: the kernel's own view of real processes, a process that attacks
//! itself, and files that must not hold what is in memory.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use pouch_testkit::stage::word;
use serde_json::Value;

use crate::network::{Network, founded, pair, refused};

fn attack() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_attack"))
}

async fn attacked(folder: &Path, outside: &Path) -> Value {
    let output = tokio::process::Command::new(attack()).args([folder, outside]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_contained_process_does_its_work_and_can_reach_nothing_else() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("kept"), "kept").unwrap();
    let told = attacked(folder.path(), outside.path()).await;
    let attempts: BTreeMap<String, String> = serde_json::from_value(told["attempts"].clone()).unwrap();
    assert_eq!(attempts["own work"], "done", "{told:#}");
    for (what, answer) in attempts.iter().filter(|(what, _)| *what != "own work") {
        assert!(matches!(answer.as_str(), "EPERM" | "EACCES" | "EXDEV"), "{what}: {answer}");
    }
    // Each was tried by name: one that is gone from the list proves nothing.
    for what in
        ["read /etc/shadow", "write outside", "run a program", "ask to be traced", "run written memory"]
    {
        assert!(attempts.contains_key(what), "{what}");
    }
    assert!(attempts.len() >= 28, "{}", attempts.len());
    assert_eq!(told["dumpable"], false, "{told:#}");
    assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"kept");
    assert!(!outside.path().join("new").exists());
}

#[tokio::test]
async fn a_contained_process_that_aborts_leaves_no_core_file() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Whoever starts it may allow core files: the service does not.
    let ended = tokio::process::Command::new("sh")
        .args(["-c", "ulimit -S -c unlimited; exec \"$0\" \"$@\""])
        .arg(attack())
        .args([folder.path(), outside.path(), Path::new("abort")])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    assert_eq!(ended.status.signal(), Some(6), "{ended:?}");
    assert!(!ended.status.core_dumped());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What the kernel says of a process.
fn kernel_says(process: u32, file: &str, line: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn services_run_contained_and_everything_that_they_do_still_works() {
    let mut network = Network::start_with(pair(), 2).await;
    let mut services = vec![(&network.relay, "relay")];
    services.extend(network.followers.iter().map(|relay| (relay, "follower")));
    services.extend(network.witnesses.iter().map(|witness| (witness, "witness")));
    services.extend(network.nodes.iter().map(|node| (&node.service, "node")));
    for (service, what) in services {
        let process = service.id().unwrap();
        assert_eq!(kernel_says(process, "status", "NoNewPrivs:"), "1", "{what}");
        assert_eq!(kernel_says(process, "status", "Seccomp:"), "2", "{what}");
        assert_eq!(kernel_says(process, "limits", "Max core file size"), "0 0 bytes", "{what}");
        // Of root's power: a low port, and memory that is locked. It began with all of it, or with none.
        let rights = u64::from_str_radix(&kernel_says(process, "status", "CapEff:"), 16).unwrap();
        assert_eq!(rights & !(1 << 10 | 1 << 14), 0, "{what}: {rights:x}");
        for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
            let thread = thread.unwrap().file_name().into_string().unwrap();
            let says = kernel_says(process, &format!("task/{thread}/status"), "Seccomp:");
            assert_eq!(says, "2", "{what}, thread {thread}");
        }
    }
    let [nl, md] = &mut network.nodes[..] else { panic!("two nodes") };
    let status = nl.json(&["status"]).await.unwrap();
    assert!(word(&status, "containment").starts_with("files, system calls"), "{status:#}");
    let sent = nl
        .send(&["send", "--to", "MD/policy", "--type", "free-text", "--subject", "s", "--text", "kept in"])
        .await
        .unwrap();
    md.received(word(&sent, "envelope")).await.unwrap();
    let config = network.stage.path("relay/relay.toml");
    let relay = network.stage.program.json(&["relay", "status", "--config", &config]).await.unwrap();
    assert!(word(&relay, "containment").starts_with("files, system calls"), "{relay:#}");
    network.stop().await;
}

#[tokio::test]
async fn a_contained_relay_listens_on_tcp_at_an_address_of_its_own() {
    let (_dir, stage) = founded(pair()).await;
    let config = stage.path("relay/relay.toml");
    let text = fs::read_to_string(&config).unwrap();
    let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = format!("listen_tcp = \"{own}\"");
    assert!(text.contains("# listen_tcp = true"), "{text}");
    fs::write(&config, text.replace("# listen_tcp = true", &line)).unwrap();
    let relay = stage.start_relay().await.unwrap();
    tokio::net::TcpStream::connect(own).await.unwrap();
    relay.stop().await.unwrap();
}

#[tokio::test]
async fn check_config_says_what_is_held_and_required_refuses_what_is_not() {
    let (_dir, stage) = founded(pair()).await;
    for config in ["nl/agent.toml", "relay/relay.toml", "witness-1/witness.toml"] {
        let config = stage.path(config);
        let checked = stage.program.json(&["check-config", &config]).await.unwrap();
        assert!(word(&checked, "contained").starts_with("files, system calls"), "{checked:#}");
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains("# containment = \"best-effort\""), "{text}");
        fs::write(&config, text.replace("# containment = \"best-effort\"", "containment = \"off\"")).unwrap();
        refused(&stage.program.run(&["check-config", &config]).await.unwrap(), 2, "POUCH-CFG-02");
        fs::write(&config, text.replace("# containment = \"best-effort\"", "containment = \"required\""))
            .unwrap();
        stage.program.ok(&["check-config", &config]).await.unwrap();
    }
    // A machine on which memory cannot be locked: nobody may start what requires it.
    let config = stage.path("relay/relay.toml");
    let limited =
        ["-c", "ulimit -l 64; exec setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock \"$0\" \"$@\""];
    for command in [&["check-config"][..], &["relay", "run"]] {
        let ended = tokio::process::Command::new("sh")
            .args(limited)
            .arg(stage.program.path())
            .args(command)
            .args(["--config", &config])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains("POUCH-CTN-05") && said.contains("locked memory"), "{said}");
    }
}

#[tokio::test]
async fn no_file_of_a_node_holds_its_passphrase_or_what_was_written_in_clear() {
    let (_dir, stage) = founded(pair()).await;
    let relay = stage.start_relay().await.unwrap();
    let witnesses = stage.start_witnesses().await.unwrap();
    let (mut nl, mut md) = (stage.start_node("nl").await.unwrap(), stage.start_node("md").await.unwrap());
    nl.everyone_can_be_sealed_to().await.unwrap();
    md.everyone_can_be_sealed_to().await.unwrap();
    let canary = fs::read(stage.passphrase("nl")).unwrap();
    for service in [&nl.service, &relay] {
        let process = service.id().unwrap();
        for place in ["cmdline", "environ"] {
            let shown = fs::read(format!("/proc/{process}/{place}")).unwrap();
            assert!(!holds(&shown, &canary), "{place}");
        }
    }
    nl.stop().await.unwrap();
    md.stop().await.unwrap();
    relay.stop().await.unwrap();
    for witness in witnesses {
        witness.stop().await.unwrap();
    }
    let mut read = 0;
    let mut folders = vec![stage.dir().join("nl"), stage.dir().join("relay"), stage.dir().join("md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("passphrase") {
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            } else {
                assert!(!holds(&fs::read(&path).unwrap(), &canary), "{}", path.display());
                read += 1;
            }
        }
    }
    assert!(read > 20, "{read}");
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}
