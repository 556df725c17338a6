//! The node's local socket: who may open it, and whatever is said on it, the node lives on.

use std::os::unix::fs::PermissionsExt as _;

use pouch_testkit::stage::is;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::network::{Network, founded, pair, refused, tell};

/// Says something on a node's socket and hangs up the saying half; what the node answered.
async fn say(socket: &str, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // The node may hang up before everything was said.
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_socket_is_its_owners_and_nothing_said_on_it_ends_the_node() {
    let mut network = Network::start(pair()).await;
    let socket = network.stage.path("nl/agent.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let nested = "[".repeat(100_000);
    let cases: [&[u8]; 8] = [
        b"\n",
        b"\x00\xff\xfe\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"{\"call\":\"no-such-call\"}\n",
        b"{\"call\":\"inbox\",\"unacknowledged\":true,\"limit\":-1}\n",
        b"{\"call\":\"show\",\"id\":\"x\",\"more\":1}\n",
        b"{\"call\":\"status\"",
        nested.as_bytes(),
    ];
    for bytes in cases {
        let answer = say(&socket, bytes).await;
        assert!(
            answer.contains("POUCH-AGT-42"),
            "{:?}: {answer}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
        );
    }
    assert_eq!(say(&socket, b"").await, "");
    let shown = say(&socket, b"{\"call\":\"show\",\"id\":\"' OR 1=1 --\"}\n").await;
    assert!(shown.contains("POUCH-AGT-30"), "{shown}");
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Still here").await;
    md.received(&sent).await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn a_line_without_end_is_cut_off_at_the_limit() {
    let network = Network::start(pair()).await;
    let socket = network.stage.path("nl/agent.sock");
    let answer = say(&socket, &vec![b' '; 96 * 1024 * 1024 + 1]).await;
    assert!(answer.contains("line longer than") && answer.contains("POUCH-AGT-42"), "{answer}");
    let status = network.nodes[0].json(&["status"]).await.unwrap();
    assert!(is(&status, "contact_point", "NL/technical"), "{status}");
    network.stop().await;
}

#[tokio::test]
async fn without_the_node_a_command_says_how_to_start_it_and_what_is_not_there_is_not_found() {
    let (_dir, stage) = founded(pair()).await;
    let config = stage.config("nl");
    for command in [&["inbox"][..], &["show", "x"], &["status"], &["keys", "list"], &["watch"]] {
        let outcome = stage.program.run(&[command, &["--config", &config]].concat()).await.unwrap();
        refused(&outcome, 21, "POUCH-CLI-03");
        assert!(outcome.stderr.contains("pouch agent run"), "{}", outcome.stderr);
    }
    let relay = stage.start_relay().await.unwrap();
    let node = stage.start_node("nl").await.unwrap();
    for id in ["NL/technical 2026-0001", "abcd1234", "", "%", "../../etc/passwd"] {
        for command in ["show", "reply", "correct", "cancel"] {
            let text = if command == "show" { &[][..] } else { &["--text", "T"][..] };
            refused(&node.run(&[&[command, id], text].concat()).await.unwrap(), 4, "POUCH-AGT-30");
        }
        refused(&node.run(&["ack", id, "--officer", "O"]).await.unwrap(), 4, "POUCH-AGT-30");
        refused(&node.run(&["approve", id, "--key", "k.pem"]).await.unwrap(), 4, "POUCH-AGT-34");
    }
    refused(
        &node.run(&["send", "--to", "XX", "--text", "T", "--subject", "S"]).await.unwrap(),
        4,
        "POUCH-CLI-10",
    );
    refused(
        &node.run(&["send", "--to", "XX/policy", "--text", "T", "--subject", "S"]).await.unwrap(),
        4,
        "POUCH-AGT-33",
    );
    refused(&node.run(&["send", "--text", "T", "--subject", "S"]).await.unwrap(), 2, "POUCH-CLI-01");
    refused(&node.run(&["send", "--to", "MD", "--text", "T"]).await.unwrap(), 2, "POUCH-NOT-15");
    refused(&node.run(&["keys", "fingerprint", "XX/policy"]).await.unwrap(), 4, "POUCH-CLI-17");
    assert_eq!(node.run(&["inbox"]).await.unwrap().exit, 0);
    // A second node on the same folder is refused; the first goes on.
    let second = stage.program.run(&["agent", "run", "--config", &config]).await.unwrap();
    refused(&second, 74, "POUCH-STO-03");
    let next = format!("pouch status --config {config}");
    assert!(second.stderr.contains(&next) && !second.stderr.contains("answering on"), "{}", second.stderr);
    assert_eq!(node.run(&["inbox"]).await.unwrap().exit, 0);
    node.stop().await.unwrap();
    relay.stop().await.unwrap();
    refused(&stage.program.run(&["inbox", "--config", &config]).await.unwrap(), 21, "POUCH-CLI-03");
}
