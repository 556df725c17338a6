//! The story that the demo tells: a crisis among three states, with a hostile relay operator, an
//! impostor and an auditor.

use std::time::Duration;

use pouch_testkit::stage::{Node, Officer, PATIENCE, Party, Service, Stage, is, word};
use pouch_wire::Timestamp;

use super::DemoError;
use super::sabotage;
use super::summary::Summary;
use crate::clock;
use crate::files;
use serde_json::Value;

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
        self.relay.stop().await?;
        for witness in self.witnesses {
            witness.stop().await?;
        }
        Ok(())
    }
}

/// How soon a missing message must be noticed once the next one is there.
const GAP_BOUND: Duration = Duration::from_secs(10);

pub(super) async fn tell(stage: &Stage, summary: &mut Summary) -> Result<Running, DemoError> {
    summary.tell("Pouch demonstration. Three states, one relay that nobody has to trust, three witnesses.");
    summary.tell(
        "Everything is real: the keys, the encryption, the network, the logs. Only the crisis is invented.",
    );
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

/// The three states.
pub(super) fn parties() -> Vec<Party> {
    let party = |folder: &str, member: &str, name: &str, office: &str, title: &str, telephone: &str| Party {
        folder: folder.into(),
        member: member.into(),
        name: name.into(),
        office: office.into(),
        title: title.into(),
        telephone: telephone.into(),
        ..Party::simple(office)
    };
    let officer = |folder: &str, title: &str| Officer { folder: folder.into(), title: title.into() };
    let netherlands = Party {
        officers: vec![
            officer("nl-officer-1", "Head of the NCSC duty desk"),
            officer("nl-officer-2", "Liaison officer, foreign ministry"),
        ],
        witnesses: true,
        ..party("nl", "NL", "Netherlands", "NL/technical", "NCSC duty desk", "+31 70 555 0100")
    };
    vec![
        netherlands,
        party("md", "MD", "Moldova", "MD/policy", "Ministry of Foreign Affairs", "+373 22 555 0101"),
        party("ba", "BA", "Bosnia and Herzegovina", "BA/technical", "CERT duty desk", "+387 33 555 0102"),
    ]
}

async fn found(stage: &Stage, summary: &mut Summary) -> Result<(), DemoError> {
    summary.step("Three states found a network");
    let charter = stage.found().await?;
    summary.quote(&charter);
    summary.held("The charter is signed by the root keys of NL, MD and BA, and carried to each by hand.");
    Ok(())
}

async fn start(stage: &Stage, summary: &mut Summary) -> Result<(Service, Vec<Service>, Cast), DemoError> {
    summary.step("The relay, the witnesses and the national nodes start");
    let relay = stage.start_relay().await?;
    let witnesses = stage.start_witnesses().await?;
    let mut cast = Cast {
        nl: stage.start_node("nl").await?,
        md: stage.start_node("md").await?,
        ba: stage.start_node("ba").await?,
    };
    for node in [&mut cast.nl, &mut cast.md, &mut cast.ba] {
        node.everyone_can_be_sealed_to().await?;
    }
    let status = cast.nl.ok(&["status"]).await?;
    summary.quote(&status);
    summary.held("Every node published its sealing keys; the directory log is witnessed by 2 of 3.");
    Ok((relay, witnesses, cast))
}

/// The notice that the story is about.
struct Flash {
    number: String,
    envelope: String,
}

const MINUTE_MS: u64 = 60_000;

/// The fields of a notice about something that began half an hour ago.
fn incident() -> String {
    let ago = |minutes: u64| {
        clock::utc(Timestamp(clock::now().0.saturating_sub(minutes.saturating_mul(MINUTE_MS))))
    };
    format!("started = \"{}\"\ndetected = \"{}\"\n{INCIDENT}", ago(30), ago(19))
}

const INCIDENT: &str = "\
what_happened = \"Destructive malware is active in the control systems of three regional electricity operators. Two substations are switched off; hospitals run on emergency power.\"
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
    summary
        .step("In the night, the Netherlands sends a flash notice to Moldova and Bosnia, with an attachment");
    let notice = stage.path("notice.toml");
    files::write_new(notice.as_ref(), incident().as_bytes())?;
    let attachment = stage.path("indicators.csv");
    files::write_new(attachment.as_ref(), indicators().as_bytes())?;
    let compose = [
        "--to",
        "MD/policy,BA/technical",
        "--type",
        "incident-notice",
        "--precedence",
        "flash",
        "--yes",
        "--tlp",
        "amber",
        "--subject",
        "Destructive malware in electricity control systems",
        "--file",
        &notice,
        "--attach",
        &attachment,
    ];
    let alone = cast.nl.run(&[&["send"], compose.as_slice()].concat()).await?;
    if alone.exit != 24 {
        return Err(DemoError::new(format!(
            "a flash left without a second officer (exit {})\n{}",
            alone.exit, alone.stderr
        )));
    }
    summary.quote(&alone.stderr);
    summary.tell(
        "   The Netherlands demands two officers for this. One drafts, two approve, the node releases:",
    );
    let draft = cast.nl.json(&[&["draft"], compose.as_slice()].concat()).await?;
    let id = word(&draft, "id");
    for officer in ["nl-officer-1", "nl-officer-2"] {
        let key = stage.path(&format!("{officer}/officer.pem"));
        let passphrase = stage.passphrase(officer);
        cast.nl.ok(&["approve", id, "--key", &key, "--passphrase-file", &passphrase, "--yes"]).await?;
    }
    let sent = cast.nl.json(&["release", id]).await?;
    let flash = Flash { number: word(&sent, "number").into(), envelope: word(&sent, "envelope").into() };
    for node in [&mut cast.md, &mut cast.ba] {
        node.received(&flash.envelope).await?;
    }
    cast.nl.progress(&flash.envelope, "MD/policy", "verified").await?;
    cast.nl.progress(&flash.envelope, "BA/technical", "verified").await?;
    summary.quote(&cast.nl.ok(&["outbox", "--limit", "1"]).await?);
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

async fn read_and_acknowledge(
    summary: &mut Summary,
    cast: &mut Cast,
    flash: &Flash,
) -> Result<(), DemoError> {
    summary.step("Moldova's duty officer reads it, and acknowledges");
    summary.quote(&cast.md.ok(&["show", &flash.number, "--why"]).await?);
    let officer = "Duty officer, Ministry of Foreign Affairs";
    let acknowledged = cast.md.ok(&["ack", &flash.number, "--officer", officer, "--answer-in", "2"]).await?;
    summary.quote(&acknowledged);
    cast.nl.progress(&flash.envelope, "MD/policy", "acknowledged").await?;
    summary.held("The Netherlands knows who read it, and that reading is not agreeing.");
    Ok(())
}

async fn question(summary: &mut Summary, cast: &mut Cast, flash: &Flash) -> Result<(), DemoError> {
    summary.step("Bosnia asks a question");
    let text = "Do the operators use remote maintenance from the region?";
    let question = cast
        .ba
        .json(&[
            "reply",
            &flash.number,
            "--type",
            "inquiry",
            "--precedence",
            "priority",
            "--subject",
            "Which operators?",
            "--text",
            text,
        ])
        .await?;
    cast.nl.received(word(&question, "envelope")).await?;
    summary.quote(&cast.nl.ok(&["inbox"]).await?);
    summary.held("The question is numbered, signed and tied to the notice that it is about.");
    Ok(())
}

async fn rotate(stage: &Stage, summary: &mut Summary, cast: &mut Cast) -> Result<(), DemoError> {
    summary.step("The Netherlands changes its signing key while messages are under way");
    let root = stage.path("nl-root");
    let passphrase = stage.passphrase("nl-root");
    let before = tell_bosnia(&cast.nl, "Update before the key change").await?;
    let rotated = cast
        .nl
        .ok(&[
            "keys",
            "rotate",
            "--member-dir",
            &root,
            "--throw-away",
            "--yes",
            "--passphrase-file",
            &passphrase,
        ])
        .await?;
    summary.quote(&rotated);
    let in_use = |event: &Value| is(event, "kind", "key") && is(event, "code", "POUCH-KEY-60");
    cast.nl.watcher.wait_for("the new key in use", PATIENCE, in_use).await?;
    let after = tell_bosnia(&cast.nl, "Update after the key change").await?;
    for envelope in [before, after] {
        cast.ba.received(&envelope).await?;
    }
    summary
        .held("Both messages arrived and were verified, each with the key of its moment. Nothing was lost.");
    Ok(())
}

/// Sends a line to Bosnia; the envelope's id.
async fn tell_bosnia(node: &Node, subject: &str) -> Result<String, DemoError> {
    let sent = node
        .send(&[
            "send",
            "--to",
            "BA/technical",
            "--type",
            "free-text",
            "--precedence",
            "priority",
            "--subject",
            subject,
            "--text",
            "No change in the situation.",
        ])
        .await?;
    Ok(word(&sent, "envelope").to_owned())
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
    let removed = tell_bosnia(&cast.nl, "This one is removed by the relay").await?;
    cast.nl.progress(&removed, "BA/technical", "accepted").await?;
    relay.stop().await?;
    sabotage::remove(stage, &removed, "BA/technical").await?;
    let forged = sabotage::plant_forgery(stage, "NL/technical", "BA/technical").await?;
    let relay = stage.start_relay().await?;
    cast.ba = stage.start_node("ba").await?;
    let refusal = |event: &Value| is(event, "kind", "refused-arrival") && is(event, "envelope", &forged);
    let refused = cast.ba.watcher.wait_for("the forgery's refusal", PATIENCE, refusal).await?;
    summary.quote(word(&refused, "words"));
    let shown = cast.ba.run(&["show", &forged, "--why"]).await?;
    summary.quote(&shown.stdout);
    if shown.exit == 0 || shown.stdout.contains(sabotage::FORGED_TEXT) {
        return Err(DemoError::new("the forgery was shown"));
    }
    summary.tell("   The forgery is refused, and not a word of it is shown. Now the next honest message:");
    let next = tell_bosnia(&cast.nl, AFTER).await?;
    let missing = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-ORD-01");
    let gap = cast.ba.watcher.wait_for("the missing message being noticed", GAP_BOUND, missing).await?;
    summary.quote(word(&gap, "words"));
    let shown = cast.ba.run(&["show", &next]).await?;
    if !shown.stdout.contains(AFTER) {
        return Err(DemoError::new(format!(
            "the honest message is not shown:\n{}{}",
            shown.stdout, shown.stderr
        )));
    }
    summary.held("Bosnia noticed at once that a message is missing; the relay could neither forge nor hide.");
    Ok((relay, cast))
}

const AFTER: &str = "The message after the removed one";

async fn audit(stage: &Stage, summary: &mut Summary, cast: &Cast, flash: &Flash) -> Result<(), DemoError> {
    summary.step("An auditor takes the logs and one piece of evidence away, and trusts nobody");
    let program = &stage.program;
    let charter = stage.path("charter.pouch");
    for (log, policy) in [("directory", "policy-directory.txt"), ("relay-1", "policy-messages.txt")] {
        program.ok(&["network", "policy", &charter, "--log", log, "--output", &stage.path(policy)]).await?;
    }
    files::make_folder(&stage.dir().join("evidence"))?;
    let evidence = stage.path("evidence/flash.pouch-evidence");
    cast.md.ok(&["evidence", "export", &flash.number, "--output", &evidence]).await?;
    for (log, policy) in [("directory", "policy-directory.txt"), ("messages", "policy-messages.txt")] {
        let dir = stage.path(&format!("relay/log/{log}"));
        summary.quote(&program.ok(&["audit", "log", &dir, "--policy", &stage.path(policy)]).await?);
    }
    summary.quote(&program.ok(&["audit", "evidence", &evidence, "--charter", &charter]).await?);
    summary.held("Both logs and the evidence hold, checked offline with nothing but the charter.");
    Ok(())
}

/// What to try next, while everything still runs.
pub(super) fn go_on(stage: &Stage) -> String {
    let nl = stage.config("nl");
    let md = stage.config("md");
    let year: String = clock::utc(clock::now()).chars().take(4).collect();
    let pouch = stage.program.path().display();
    format!(
        "\nEverything still runs. In another terminal, try:\n\
         \n  {pouch} inbox --config {md}\n  {pouch} show 'NL/technical {year}-0001' --why --config {md}\
         \n  {pouch} send --to NL/technical --text 'How can we help?' --subject Help --config {md}\
         \n  {pouch} directory show --config {nl}\n  {pouch} watch --config {nl}\n\
         \nCtrl-C ends the demo."
    )
}
