//! Senders and relays that are gone, and come back.

use std::time::Duration;

use super::stage::{Held, Silence, seen, told};

/// Two intervals between beacons of ten seconds, half a minute, and what processes take.
const LOST_WITHIN: Duration = Duration::from_secs(50 + 20);
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_gone_is_shown_and_so_is_its_return() {
    let mut silence = Silence::start().await;
    silence.nl.take().unwrap().stop().await.unwrap();
    let lost = silence.told("POUCH-BCN-30", LOST_WITHIN).await;
    assert_eq!(lost["kind"], "contact", "it is told without ringing");
    let seen = silence.seen().await;
    assert_eq!((&seen["contact_lost"], &seen["withheld"]), (&true.into(), &false.into()));
    assert!(!seen["heard_at"].is_null(), "{seen}");
    silence.nl = Some(silence.stage.start_node("nl").await.unwrap());
    silence.told("POUCH-BCN-31", SOON).await;
    assert_eq!(silence.seen().await["contact_lost"], false);
    silence.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_keeps_a_sender_s_beacons_back_makes_it_look_gone() {
    let mut silence = Silence::start().await;
    silence.holds.beacons("NL/technical", true);
    silence.told("POUCH-BCN-30", LOST_WITHIN).await;
    let nl = silence.nl.as_ref().unwrap();
    assert_eq!(seen(nl, "MD/policy").await["contact_lost"], false, "the other way is open");
    silence.holds.beacons("NL/technical", false);
    silence.told("POUCH-BCN-31", SOON).await;
    silence.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_relay_that_is_said_and_not_that_others_are_gone() {
    let mut silence = Silence::start().await;
    silence.relay.take().unwrap().stop().await;
    let alone = silence.told("POUCH-BCN-32", LOST_WITHIN).await;
    assert_eq!(alone["kind"], "contact");
    let status = silence.md().json(&["status"]).await.unwrap();
    assert!(!status["no_relay_since"].is_null(), "{status}");
    assert_eq!(silence.seen().await["contact_lost"], false, "of others nothing is known");
    silence.relay = Some(Held::start(&silence.stage, silence.holds.clone()).await);
    silence.told("POUCH-BCN-33", SOON).await;
    let mut nl = silence.nl.take().unwrap();
    told(&mut nl, "POUCH-BCN-33", SOON).await;
    silence.nl = Some(nl);
    let status = silence.md().json(&["status"]).await.unwrap();
    assert!(status["no_relay_since"].is_null(), "{status}");
    silence.stop().await;
}
