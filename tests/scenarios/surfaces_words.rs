//! What people type, and what they write into configurations: whatever is wrong with it, a command says
//! where, what it knows instead, and ends with the code for it.

use std::fs;

use pouch_testkit::stage::{Officer, Party};

use crate::network::{founded, pair, program, refused};

#[tokio::test]
async fn a_configuration_with_an_unknown_key_is_refused_with_line_and_suggestion() {
    let (_dir, stage) = founded(pair()).await;
    for (config, run) in [
        ("nl/agent.toml", ["agent", "run"]),
        ("relay/relay.toml", ["relay", "run"]),
        ("witness-1/witness.toml", ["witness", "run"]),
    ] {
        let path = stage.path(config);
        let good = fs::read_to_string(&path).unwrap();
        let bad = good.replace("\ndata = ", "\ndat = ");
        let line = 1 + bad.lines().position(|line| line.starts_with("dat = ")).unwrap();
        fs::write(&path, bad).unwrap();
        for command in [&run[..], &["check-config"]] {
            let outcome = stage.program.run(&[command, &["--config", &path]].concat()).await.unwrap();
            refused(&outcome, 2, "POUCH-CFG-02");
            assert!(outcome.stderr.contains(&format!("line {line}, column 1")), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("did you mean `data`?"), "{}", outcome.stderr);
        }
        fs::write(&path, good).unwrap();
        let checked = stage.program.ok(&["check-config", &path]).await.unwrap();
        assert!(checked.contains("a good configuration of a"), "{checked}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_no_configuration_is_refused_whatever_it_is() {
    let (_dir, stage) = founded(pair()).await;
    let path = stage.config("nl");
    let good = fs::read_to_string(&path).unwrap();
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "POUCH-CFG-02"),
        (b"= = =".to_vec(), "POUCH-CFG-02"),
        (good.replace("NL/technical", "nl technical").into_bytes(), "POUCH-CFG-02"),
        (good.replace("data = \"data\"", "data = 7").into_bytes(), "POUCH-CFG-02"),
        (format!("{good}\n{good}").into_bytes(), "POUCH-CFG-02"),
        (vec![0xff, 0xfe, 0x00], "POUCH-CLI-07"),
        (vec![b'#'; 100_000], "POUCH-CLI-06"),
    ];
    for (content, code) in cases {
        fs::write(&path, &content).unwrap();
        for command in [&["agent", "run"][..], &["inbox"], &["check-config"]] {
            let outcome = stage.program.run(&[command, &["--config", &path]].concat()).await.unwrap();
            refused(&outcome, 2, code);
        }
    }
    let missing = stage.path("nl/other.toml");
    refused(&stage.program.run(&["inbox", "--config", &missing]).await.unwrap(), 2, "POUCH-CLI-02");
    fs::write(&path, good).unwrap();
    stage.program.ok(&["check-config", "--config", &path]).await.unwrap();
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_refused_with_what_would() {
    let program = program();
    let cases: [(&[&str], &str); 9] = [
        (&["snd"], "'send'"),
        (&["send", "--precedens", "flash"], "'--precedence'"),
        (&["send", "--precedence", "urgent"], "flash"),
        (&["send", "--tlp", "white-ish"], "--tlp"),
        (&["send", "--type", "incident"], "incident-notice, inquiry"),
        (&["init", "member", "--member", "nl", "--name", "N", "--dir", "d"], "--member"),
        (&["init", "node", "--contact-point", "NL"], "--contact-point"),
        (&["inbox", "--limit", "-1"], "'-1'"),
        (&["show"], "<ID>"),
    ];
    for (line, hint) in cases {
        let outcome = program.run(line).await.unwrap();
        refused(&outcome, 2, hint);
        assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
    }
    refused(&program.run(&["explain", "POUCH-XYZ-99"]).await.unwrap(), 4, "POUCH-CLI-19");
    let explained = program.ok(&["explain", "pouch-ver-31"]).await.unwrap();
    assert!(explained.starts_with("POUCH-VER-31"), "{explained}");
    assert!(program.ok(&["--version"]).await.unwrap().starts_with("pouch "));
}

#[tokio::test]
async fn a_release_rule_that_nobody_could_meet_is_not_signed_and_one_without_a_spare_is_warned_of() {
    let officer = Officer { folder: "officer-1".into(), title: "Head of desk".into() };
    let nl = Party { officers: vec![officer], ..Party::simple("NL/technical") };
    let (_dir, stage) = founded(vec![nl, Party::simple("MD/policy")]).await;
    let (draft, dir, passphrase) =
        (stage.path("charter-draft.pouch"), stage.path("nl-root"), stage.passphrase("nl-root"));
    let requests = ["nl/contact-point.toml", "officer-1/officer.toml"].map(|name| stage.path(name));
    let output = stage.path("again.signature");
    let sign = ["network", "sign", &draft, "--member-dir", &dir, "--passphrase-file", &passphrase];
    let more = ["--request", &requests[0], "--request", &requests[1], "--output", &output, "--officers"];
    let two = stage.program.run(&[&sign[..], &more, &["2"]].concat()).await.unwrap();
    refused(&two, 23, "POUCH-CLI-22");
    assert!(!std::path::Path::new(&output).exists());
    let one = stage.program.run(&[&sign[..], &more, &["1"]].concat()).await.unwrap();
    assert_eq!(one.exit, 0, "{}", one.stderr);
    for words in ["exactly as many officers", "Head of desk of NL/technical: key", "notices need 1 officer"] {
        assert!(one.stderr.contains(words), "{words}: {}", one.stderr);
    }
}

#[tokio::test]
async fn the_help_of_every_command_is_there_and_says_what_it_does() {
    let program = program();
    let top = program.ok(&["--help"]).await.unwrap();
    let commands: Vec<&str> = top
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A line that goes on where the last one ended is indented further.
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "help")
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let help = program.ok(&[command, "--help"]).await.unwrap();
        assert!(help.contains("Usage: pouch"), "{command}: {help}");
    }
    assert!(top.contains("Exit codes:") && top.contains("Examples:"), "{top}");
}
