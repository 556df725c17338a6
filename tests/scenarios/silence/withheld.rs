//! A relay that accepts messages and does not hand them over.

use std::time::Duration;

use super::stage::{Silence, told};
use crate::network::tell;

/// One interval between beacons, ten seconds of grace, and what processes take.
const SEEN_WITHIN: Duration = Duration::from_secs(10 + 10 + 15);

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_delivers_beacons_alone_is_found_out() {
    let mut silence = Silence::start().await;
    let first = tell(silence.nl(), "MD/policy", "one").await;
    silence.md().received(&first).await.unwrap();
    silence.holds.messages("MD/policy", true);
    let second = tell(silence.nl(), "MD/policy", "two").await;
    let alarm = silence.told("POUCH-BCN-20", SEEN_WITHIN).await;
    assert_eq!(alarm["kind"], "alarm");
    assert!(alarm["words"].as_str().unwrap().contains("NL/technical"), "{alarm}");
    let seen = silence.seen().await;
    assert_eq!((&seen["withheld"], &seen["contact_lost"]), (&true.into(), &false.into()));
    let status = silence.md().ok(&["status"]).await.unwrap();
    assert!(status.contains("WITHHELD   NL/technical"), "{status}");
    // What the relay held back comes after all: it is told, and no longer shown.
    silence.holds.messages("MD/policy", false);
    silence.md().received(&second).await.unwrap();
    silence.told("POUCH-BCN-21", SEEN_WITHIN).await;
    assert_eq!(silence.seen().await["withheld"], false);
    let status = silence.md().ok(&["status"]).await.unwrap();
    assert!(!status.contains("WITHHELD") && !status.contains("POUCH-BCN-20"), "{status}");
    silence.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_that_nobody_confirms_is_told_to_its_sender_in_a_minute() {
    let mut silence = Silence::start().await;
    silence.holds.messages("MD/policy", true);
    let flash =
        ["send", "--to", "MD/policy", "--precedence", "flash", "--yes", "--subject", "x", "--text", "y"];
    let sent = silence.nl().send(&flash).await.unwrap();
    let mut nl = silence.nl.take().unwrap();
    let overdue = told(&mut nl, "POUCH-AGT-20", Duration::from_secs(60 + 15)).await;
    assert_eq!(overdue["envelope"], sent["envelope"]);
    assert!(overdue["words"].as_str().unwrap().contains("use the telephone"), "{overdue}");
    silence.nl = Some(nl);
    silence.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_learns_again_what_is_withheld() {
    let mut silence = Silence::start().await;
    silence.holds.messages("MD/policy", true);
    tell(silence.nl(), "MD/policy", "one").await;
    silence.told("POUCH-BCN-20", SEEN_WITHIN).await;
    silence.md.take().unwrap().stop().await.unwrap();
    silence.md = Some(silence.stage.start_node("md").await.unwrap());
    let again = |event: &serde_json::Value| event["code"] == "POUCH-BCN-20";
    // The watcher begins with the first event: one alarm of before, and one of now.
    for _ in 0..2 {
        silence.md().watcher.wait_for("the alarm", SEEN_WITHIN, again).await.unwrap();
    }
    silence.stop().await;
}
