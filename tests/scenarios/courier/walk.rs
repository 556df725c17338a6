//! The page about couriers, typed as it is printed: the commands of `docs/HANDBOOK-COURIER.md`, one after the
//! other, by two nodes that have no relay. Only the year is put in.

use std::path::Path;

use pouch_testkit::stage::{Program, word};

use super::carried::without_a_relay;
use super::inbox;

const PAGE: &str = include_str!("../../../docs/HANDBOOK-COURIER.md");

/// What the page promises that a command shows, and where.
const PROMISED: [(&str, &str); 8] = [
    ("pouch send", "No relay can be reached"),
    ("pouch courier export --to MD", "FLASH  NL/technical"),
    ("pouch outbox", "handed to a courier file"),
    ("pouch courier import stick/md.courier", "Carried by courier"),
    ("pouch inbox --config md", "carried by courier, here since"),
    ("pouch show", "when it was sent is its sender's word alone"),
    ("pouch courier export --to NL", "with 1 notice and 2 receipts"),
    ("pouch courier import stick/nl.courier", "a receipt; the outbox shows what it says"),
];

fn commands() -> impl Iterator<Item = &'static str> {
    PAGE.split("```\n").skip(1).step_by(2).flat_map(str::lines)
}

#[tokio::test]
async fn the_page_about_couriers_works_as_it_is_printed() {
    let network = without_a_relay().await;
    let stage = &network.stage;
    let shell = Program::at(Path::new("bash"));
    let bin = stage.program.path().parent().unwrap().display();
    let prelude = format!("cd '{}'\nexport PATH=\"{bin}:$PATH\"\n", stage.dir().display());
    std::fs::create_dir(stage.path("stick")).unwrap();
    let (mut year, mut kept, mut last) = (String::from("2026"), 0, String::new());
    for command in commands() {
        let exit = command.split("# exit code ").nth(1).map_or(0, |code| code.trim().parse().unwrap());
        let typed = command.replace("2026-", &format!("{year}-"));
        let outcome = shell.run(&["-c", &format!("{prelude}{typed}")]).await.unwrap();
        last = outcome.stdout + &outcome.stderr;
        assert_eq!(outcome.exit, exit, "{command}\n{last}");
        for (beginning, promise) in PROMISED {
            if command.starts_with(beginning) {
                assert!(last.contains(promise), "{command}\n{last}");
                kept += 1;
            }
        }
        if command.starts_with("pouch send") {
            let sent = network.nodes[0].json(&["outbox"]).await.unwrap();
            let number = word(&sent[0], "number").split(' ').nth(1).unwrap().to_owned();
            number.split('-').next().unwrap().clone_into(&mut year);
        }
    }
    assert!(kept > PROMISED.len(), "the page has lost commands: {kept}");
    assert!(last.contains("We send engineers") || last.contains("response"), "{last}");
    let sent = network.nodes[0].json(&["outbox"]).await.unwrap();
    assert_eq!(word(&sent[0]["ladder"][0], "rung"), "answered", "{sent}");
    assert_eq!(inbox(&network.nodes[0]).await.len(), 1);
    network.stop().await;
}
