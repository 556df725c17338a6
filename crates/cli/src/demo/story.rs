//! The story that the demo tells: a crisis among three states, with a hostile relay operator, an
//! impostor and an auditor.

use std::time::Duration;

use pouch_testkit::stage::{Node, PATIENCE, Service, Stage, StageError, is, word};

use super::DemoError;
use super::sabotage;
use super::summary::Summary;
use crate::files;

/// What still runs when the story is told.
#[derive(Debug)]
pub(super) struct Running {
    relay: Service,
    witnesses: Vec<Service>,
    nodes: Vec<Node>,
}

impl Running {
    /// Ends all of it.
    pub(super) async fn stop(self) -> Result<(), DemoError> {
        for node in self.nodes {
            node.stop().await?;
        }
        for witness in self.witnesses {
            witness.stop().await?;
        }
        self.relay.stop().await
    }
}

/// How soon a missing message must be noticed once the next one is there.
const GAP_BOUND: Duration = Duration::from_secs(10);

pub(super) async fn tell(stage: &Stage, summary: &mut Summary) -> Result<Running, DemoError> {
    summary.tell("Pouch demonstration. Three states, one relay that nobody has to trust, three witnesses.");
    summary.tell("Everything is real: the keys, the encryption, the network, the logs. Only the crisis is invented.");
    found(stage, summary).await?;
    let (relay, witnesses, mut cast) = start(stage, summary).await?;
    let flash = send_flash(stage, summary, &mut cast).await?;
    read_and_acknowledge(summary, &mut cast, &flash).await?;
    question(summary, &mut cast, &flash).await?;
    rotate(stage, summary, &mut cast).await?;
    let (relay, cast) = hostile_relay(stage, summary, relay, cast).await?;
    audit(stage, summary, &cast, &flash).await?;
    Ok(Running { relay, witnesses, nodes: vec![cast.nl, cast.md, cast.ba] })
}

struct Cast {
    nl: Node,
    md: Node,
    ba: Node,
}

fn free_address() -> Result<String, DemoError> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").map_err(|e| DemoError::new(format!("loopback: {e}")))?;
    socket.local_addr().map(|a| a.to_string()).map_err(|e| DemoError::new(format!("loopback: {e}")))
}

async fn found(stage: &Stage, summary: &mut Summary) -> Result<(), DemoError> {
    summary.step("Three states found a network");
    stage.make_keys(&free_address()?).await?;
    let charter = stage.found().await?;
    summary.quote(&charter);
    summary.held("The charter is signed by the root keys of NL, MD and BA, and carried to each by hand.");
    Ok(())
}

async fn start(stage: &Stage, summary: &mut Summary) -> Result<(Service, Vec<Service>, Cast), DemoError> {
    summary.step("The relay, the witnesses and the national nodes start");
    let relay = stage.start_relay().await?;
    let witnesses = vec![stage.start_witness(1).await?, stage.start_witness(2).await?];
    let mut cast =
        Cast { nl: stage.start_node("nl").await?, md: stage.start_node("md").await?, ba: stage.start_node("ba").await? };
    for node in [&mut cast.nl, &mut cast.md, &mut cast.ba] {
        everyone_can_be_sealed_to(node).await?;
    }
    let status = ok(&["status", "--config", &cast.nl.config]).await?;
    summary.quote(&status);
    summary.held("Every node published its sealing keys; the directory log is witnessed by 2 of 3.");
    Ok((relay, witnesses, cast))
}

/// Waits until a node's directory has a usable sealing key of every office.
async fn everyone_can_be_sealed_to(node: &mut Node) -> Result<(), DemoError> {
    let config = node.config.clone();
    for _ in 0..100 {
        let view = json(&["directory", "show", "--config", &config]).await?;
        let points: Vec<&serde_json::Value> = view["members"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|m| m["contact_points"].as_array().into_iter().flatten())
            .collect();
        let ready = points.len() >= PARTIES.len() && points.iter().all(|p| p["live_prekeys"].as_u64() > Some(0));
        if ready && !view["cosigned_at"].is_null() {
            return Ok(());
        }
        node.watcher.wait_for("a newer directory", PATIENCE, |event| event["kind"] == "directory").await?;
    }
    Err(DemoError::new("the directory did not become complete"))
}

/// The notice that the story is about.
struct Flash {
    number: String,
    envelope: String,
}

const INCIDENT: &str = "\
what_happened = \"Destructive malware is active in the control systems of three regional electricity operators. Two substations were switched off at 02:41 UTC; hospitals run on emergency power.\"
started = \"2026-11-24T02:30:00Z\"
detected = \"2026-11-24T02:41:00Z\"
sectors = [\"energy\", \"health\"]
critical_infrastructure = true
measures_taken = \"Remote access of the operators is cut. Emergency teams are on site.\"
asked = \"Look for the attached indicators in your own networks, and tell us what you find.\"
call_back = \"+31 70 555 0100\"

[severity]
scale = \"national\"
level = \"4 of 5\"
label = \"severe\"

[cap]
urgency = \"immediate\"
severity = \"severe\"
certainty = \"observed\"
";

async fn send_flash(stage: &Stage, summary: &mut Summary, cast: &mut Cast) -> Result<Flash, DemoError> {
    summary.step("03:00. The Netherlands sends a flash notice to Moldova and Bosnia, with an attachment");
    let notice = stage.path("notice.toml");
    files::write_new(notice.as_ref(), INCIDENT.as_bytes())?;
    let attachment = stage.path("indicators.csv");
    files::write_new(attachment.as_ref(), indicators().as_bytes())?;
    let nl = cast.nl.config.clone();
    let compose = [
        "--to", "MD/policy,BA/technical", "--type", "incident-notice", "--precedence", "flash", "--yes", "--tlp",
        "amber", "--subject", "Destructive malware in electricity control systems", "--file", &notice, "--attach",
        &attachment, "--config", &nl,
    ];
    let alone = run(&[&["send"], compose.as_slice()].concat()).await?;
    if alone.exit != 24 {
        return Err(DemoError::new(format!("a flash left without a second officer (exit {})", alone.exit)));
    }
    summary.quote(&alone.stderr);
    summary.tell("   The Netherlands demands two officers for this. One drafts, two approve, the node releases:");
    let draft = json(&[&["draft"], compose.as_slice()].concat()).await?;
    let id = word(&draft, "id");
    for officer in ["nl-officer-1", "nl-officer-2"] {
        let key = stage.path(&format!("{officer}/officer.pem"));
        let passphrase = stage.path(&format!("{officer}/passphrase"));
        ok(&["approve", &id, "--key", &key, "--passphrase-file", &passphrase, "--yes", "--config", &nl]).await?;
    }
    let sent = json(&["release", &id, "--config", &nl]).await?;
    let flash = Flash { number: word(&sent, "number"), envelope: word(&sent, "envelope") };
    for config in [&mut cast.md, &mut cast.ba] {
        received(config, &flash.envelope).await?;
    }
    progress(&mut cast.nl, &flash.envelope, "MD/policy", "verified").await?;
    progress(&mut cast.nl, &flash.envelope, "BA/technical", "verified").await?;
    summary.quote(&ok(&["outbox", "--limit", "1", "--config", &nl]).await?);
    summary.held("Both nodes verified it before anybody was shown a word of it.");
    Ok(flash)
}

/// At least 1 MiB of indicators.
fn indicators() -> String {
    let mut text = String::from("type,value\n");
    let mut n = 0_u32;
    while text.len() < 1_100_000 {
        let digest = pouch_crypto::sha256(&n.to_be_bytes());
        text.push_str(&format!("sha256,{digest}\n"));
        n = n.saturating_add(1);
    }
    text
}

fn word(value: &serde_json::Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

async fn received(node: &mut Node, envelope: &str) -> Result<(), DemoError> {
    let fits = |event: &serde_json::Value| event["kind"] == "received" && event["envelope"] == envelope;
    node.watcher.wait_for("the notice's arrival", PATIENCE, fits).await.map(drop)
}

/// Waits until a recipient reached a rung of a sent notice's ladder.
async fn progress(node: &mut Node, envelope: &str, recipient: &str, rung: &str) -> Result<(), DemoError> {
    const ORDER: [&str; 5] = ["queued", "accepted", "verified", "acknowledged", "answered"];
    let rank = |rung: &str| ORDER.iter().position(|r| *r == rung);
    let config = node.config.clone();
    for _ in 0..100 {
        let rows = json(&["outbox", "--config", &config]).await?;
        let reached = rows
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row["envelope"] == envelope)
            .flat_map(|row| row["ladder"].as_array().into_iter().flatten())
            .any(|r| r["recipient"] == recipient && rank(r["rung"].as_str().unwrap_or_default()) >= rank(rung));
        if reached {
            return Ok(());
        }
        node.watcher.wait_for(&format!("{recipient}: {rung}"), PATIENCE, |event| event["kind"] == "progress").await?;
    }
    Err(DemoError::new(format!("{recipient} did not get to {rung}")))
}

async fn read_and_acknowledge(summary: &mut Summary, cast: &mut Cast, flash: &Flash) -> Result<(), DemoError> {
    summary.step("Moldova's duty officer reads it, and acknowledges");
    let md = cast.md.config.clone();
    summary.quote(&ok(&["show", &flash.number, "--why", "--config", &md]).await?);
    let acknowledged = ok(&[
        "ack", &flash.number, "--officer", "Duty officer, Ministry of Foreign Affairs", "--answer-in", "2", "--config", &md,
    ])
    .await?;
    summary.quote(&acknowledged);
    progress(&mut cast.nl, &flash.envelope, "MD/policy", "acknowledged").await?;
    summary.held("The Netherlands knows who read it, and that reading is not agreeing.");
    Ok(())
}

async fn question(summary: &mut Summary, cast: &mut Cast, flash: &Flash) -> Result<(), DemoError> {
    summary.step("Bosnia asks a question");
    let ba = cast.ba.config.clone();
    let question = json(&[
        "reply", &flash.number, "--type", "inquiry", "--precedence", "priority", "--subject", "Which operators?",
        "--text", "Do the operators use remote maintenance from the region?", "--config", &ba,
    ])
    .await?;
    received(&mut cast.nl, &word(&question, "envelope")).await?;
    let inbox = ok(&["inbox", "--config", &cast.nl.config]).await?;
    summary.quote(&inbox);
    summary.held("The question is numbered, signed and tied to the notice that it is about.");
    Ok(())
}

async fn rotate(stage: &Stage, summary: &mut Summary, cast: &mut Cast) -> Result<(), DemoError> {
    summary.step("The Netherlands changes its signing key while messages are under way");
    let nl = cast.nl.config.clone();
    let root = stage.path("nl-root");
    let passphrase = stage.path("nl-root/passphrase");
    let before = json(&send_text(&nl, "BA/technical", "Update before the key change")).await?;
    let rotated =
        ok(&["keys", "rotate", "--member-dir", &root, "--throw-away", "--passphrase-file", &passphrase, "--config", &nl]).await?;
    summary.quote(&rotated);
    cast.nl
        .watcher
        .wait_for("the new key in use", PATIENCE, |e| e["kind"] == "key" && e["code"] == "POUCH-KEY-60")
        .await?;
    let after = json(&send_text(&nl, "BA/technical", "Update after the key change")).await?;
    for sent in [before, after] {
        received(&mut cast.ba, &word(&sent, "envelope")).await?;
    }
    summary.held("Both messages arrived and were verified, each with the key of its moment. Nothing was lost.");
    Ok(())
}

fn send_text<'a>(config: &'a str, to: &'a str, subject: &'a str) -> Vec<&'a str> {
    vec![
        "send", "--to", to, "--type", "free-text", "--precedence", "priority", "--subject", subject, "--text",
        "No change in the situation.", "--config", config,
    ]
}

/// Bosnia's node is down; the relay's operator removes one message and plants a forged one.
async fn hostile_relay(
    stage: &Stage,
    summary: &mut Summary,
    relay: Service,
    mut cast: Cast,
) -> Result<(Service, Cast), DemoError> {
    summary.step("The relay's operator turns hostile: removes one message, and plants a forged one");
    cast.ba.stop().await?;
    let nl = cast.nl.config.clone();
    let removed = json(&send_text(&nl, "BA/technical", "This one is removed by the relay")).await?;
    progress(&mut cast.nl, &word(&removed, "envelope"), "BA/technical", "accepted").await?;
    relay.stop().await?;
    sabotage::remove(stage, &word(&removed, "envelope"), "BA/technical").await?;
    let forged = sabotage::plant_forgery(stage, "BA/technical").await?;
    let relay = stage.start_relay().await?;
    cast.ba = stage.start_node("ba").await?;
    let refused = cast
        .ba
        .watcher
        .wait_for("the forgery's refusal", PATIENCE, |e| e["kind"] == "refused-arrival" && e["envelope"] == forged.as_str())
        .await?;
    summary.quote(&word(&refused, "words"));
    let shown = run(&["show", &forged, "--why", "--config", &cast.ba.config]).await?;
    summary.quote(&shown.stdout);
    if shown.exit == 0 || shown.stdout.contains(sabotage::FORGED_TEXT) {
        return Err(DemoError::new("the forgery was shown"));
    }
    summary.tell("   The forgery is refused, and not a word of it is shown. Now the next honest message:");
    let next = json(&send_text(&nl, "BA/technical", "The message after the removed one")).await?;
    let gap = cast
        .ba
        .watcher
        .wait_for("the missing message being noticed", GAP_BOUND, |e| e["kind"] == "alarm" && e["code"] == "POUCH-ORD-01")
        .await?;
    summary.quote(&word(&gap, "words"));
    received_or_shown(&cast, &word(&next, "envelope")).await?;
    summary.held("Bosnia noticed at once that a message is missing; the relay could neither forge nor hide.");
    Ok((relay, cast))
}

async fn received_or_shown(cast: &Cast, envelope: &str) -> Result<(), DemoError> {
    let shown = run(&["show", envelope, "--config", &cast.ba.config]).await?;
    if shown.stdout.contains("The message after the removed one") {
        return Ok(());
    }
    Err(DemoError::new(format!("the honest message after the forgery is not shown:\n{}{}", shown.stdout, shown.stderr)))
}

async fn audit(stage: &Stage, summary: &mut Summary, cast: &Cast, flash: &Flash) -> Result<(), DemoError> {
    summary.step("An auditor takes the logs and one piece of evidence away, and trusts nobody");
    let charter = stage.path("charter.pouch");
    for (log, policy) in [("directory", "policy-directory.txt"), ("relay-1", "policy-messages.txt")] {
        ok(&["network", "policy", &charter, "--log", log, "--output", &stage.path(policy)]).await?;
    }
    files::make_folder(&stage.dir().join("evidence"))?;
    let evidence = stage.path("evidence/flash.pouch-evidence");
    ok(&["evidence", "export", &flash.number, "--output", &evidence, "--config", &cast.md.config]).await?;
    for (log, policy) in [("directory", "policy-directory.txt"), ("messages", "policy-messages.txt")] {
        let dir = stage.path(&format!("relay/log/{log}"));
        summary.quote(&ok(&["audit", "log", &dir, "--policy", &stage.path(policy)]).await?);
    }
    summary.quote(&ok(&["audit", "evidence", &evidence, "--charter", &charter]).await?);
    summary.held("Both logs and the evidence hold, checked offline with nothing but the charter.");
    Ok(())
}

/// What to try next, while everything still runs.
pub(super) fn go_on(stage: &Stage) -> String {
    let nl = stage.config("nl");
    let md = stage.config("md");
    let year = Stage::year();
    format!(
        "\nEverything still runs. In another terminal, try:\n\
         \n  pouch inbox --config {md}\n  pouch show 'NL/technical {year}-0001' --why --config {md}\
         \n  pouch send --to NL/technical --text 'How can we help?' --subject Help --config {md}\
         \n  pouch directory show --config {nl}\n  pouch watch --config {nl}\n\
         \n(`pouch` is {}.)  Ctrl-C ends the demo.",
        std::env::current_exe().map(|p| p.display().to_string()).unwrap_or_default()
    )
}
