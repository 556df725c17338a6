//! The oracle catches whatever breaks the promise, and nothing that does not.

use serde_json::json;

use super::nodes::{self, digest};
use super::{Delivery, Oracle};

fn at(id: &str, to: &str) -> Vec<Delivery> {
    vec![Delivery { id: id.to_owned(), to: to.to_owned() }]
}

/// NL wrote m to MD and BA, and was shown that it is accepted.
fn accepted() -> Oracle {
    let mut oracle = Oracle::new();
    oracle.submitted("m", "NL", &["MD", "BA"], "text");
    oracle.accepted("m");
    oracle
}

#[test]
fn what_was_accepted_and_presented_once_at_each_recipient_keeps_the_promise() {
    let mut oracle = accepted();
    oracle.presented("MD", "m", "text");
    assert_eq!(oracle.waiting().count(), 1);
    oracle.told("BA", "m");
    assert_eq!(oracle.waiting().count(), 0);
    let found = oracle.judge();
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.accepted, found.presented, found.undelivered), (2, 2, 0));
    assert_eq!(found.broken(), [""; 0]);
}

#[test]
fn what_was_accepted_and_did_not_come_is_lost() {
    let mut oracle = accepted();
    oracle.presented("MD", "m", "text");
    let found = oracle.judge();
    assert_eq!(found.lost, at("m", "BA"));
    assert!(!found.holds());
    assert_eq!(found.broken(), ["lost: m at BA"]);
}

#[test]
fn what_nobody_presented_is_lost_at_everybody() {
    let found = accepted().judge();
    assert_eq!(found.lost, [at("m", "BA"), at("m", "MD")].concat());
    assert_eq!(found.presented, 0);
}

#[test]
fn what_was_never_accepted_may_stay_away_and_may_come() {
    let mut oracle = Oracle::new();
    oracle.submitted("m", "NL", &["MD"], "text");
    assert!(oracle.judge().holds());
    assert_eq!(oracle.untold().count(), 1);
    oracle.told("MD", "m");
    let found = oracle.judge();
    assert!(found.holds());
    assert_eq!((found.accepted, found.presented), (0, 1));
}

#[test]
fn what_is_visibly_undelivered_is_not_lost_until_people_no_longer_see_it() {
    let mut oracle = accepted();
    oracle.told("MD", "m");
    oracle.undelivered("m", "BA", "expired");
    let found = oracle.judge();
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.undelivered, 1);
    oracle.no_longer_undelivered("m", "BA");
    assert_eq!(oracle.judge().lost, at("m", "BA"));
}

#[test]
fn what_a_recipient_confirmed_must_be_there_whatever_else_is_said_of_it() {
    let mut oracle = accepted();
    oracle.told("MD", "m");
    oracle.confirmed("m", "BA");
    oracle.undelivered("m", "BA", "overdue");
    assert_eq!(oracle.judge().lost, at("m", "BA"));
}

#[test]
fn what_is_told_as_new_twice_is_found() {
    let mut oracle = accepted();
    oracle.told("BA", "m");
    oracle.told("MD", "m");
    oracle.told("MD", "m");
    let found = oracle.judge();
    assert_eq!(found.twice, at("m", "MD"));
    assert!(found.lost.is_empty() && !found.holds());
}

#[test]
fn what_is_listed_twice_is_found_and_what_is_looked_at_twice_is_not() {
    let mut oracle = accepted();
    oracle.told("BA", "m");
    for _ in 0..2 {
        oracle.listed("MD", [("m", "text".to_owned())]);
    }
    assert!(oracle.judge().holds());
    oracle.listed("MD", [("m", "text".to_owned()), ("m", "text".to_owned())]);
    assert_eq!(oracle.judge().twice, at("m", "MD"));
}

#[test]
fn what_was_told_and_is_gone_from_the_list_is_lost_and_so_is_what_nobody_was_told() {
    let mut oracle = accepted();
    oracle.told("BA", "m");
    oracle.told("MD", "m");
    oracle.listed("MD", []);
    assert_eq!(oracle.judge().lost, at("m", "MD"));
    oracle.listed("MD", [("m", "text".to_owned())]);
    assert!(oracle.judge().holds());
    oracle.listed("MD", []);
    oracle.submitted("later", "NL", &["MD"], "text");
    oracle.accepted("later");
    oracle.told("MD", "later");
    assert_eq!(oracle.judge().lost, at("m", "MD"), "what came after the look is not missed in it");
    let mut silent = accepted();
    silent.told("BA", "m");
    silent.hears("MD");
    silent.listed("MD", [("m", "text".to_owned())]);
    assert_eq!(silent.judge().lost, at("m", "MD"));
}

#[test]
fn other_words_than_were_sent_are_altered() {
    let mut oracle = accepted();
    oracle.presented("BA", "m", "text");
    oracle.presented("MD", "m", "another text");
    let found = oracle.judge();
    assert_eq!(found.altered, at("m", "MD"));
    assert!(!found.holds());
}

#[test]
fn what_nobody_sent_there_is_invented() {
    let mut oracle = accepted();
    oracle.told("MD", "m");
    oracle.told("BA", "m");
    oracle.told("XK", "m");
    oracle.listed("MD", [("m", "text".to_owned()), ("n", "text".to_owned())]);
    let found = oracle.judge();
    assert_eq!(found.invented, [at("m", "XK"), at("n", "MD")].concat());
    assert!(!found.holds());
}

#[test]
fn what_is_accepted_before_it_is_known_whose_it_is_counts_when_that_is_known() {
    let mut oracle = Oracle::new();
    oracle.accepted("m");
    assert!(oracle.judge().holds(), "a receipt is accepted, and nobody's to present");
    oracle.submitted("m", "NL", &["MD"], "text");
    let found = oracle.judge();
    assert_eq!(found.lost, at("m", "MD"));
    assert_eq!(oracle.sender_of("m"), Some("NL"));
}

#[test]
fn what_changes_at_the_sender_or_is_gone_there_is_found() {
    let mut oracle = accepted();
    oracle.told("MD", "m");
    oracle.told("BA", "m");
    oracle.submitted("m", "NL", &["MD", "BA"], "text");
    assert!(oracle.judge().holds(), "said again, the same");
    oracle.submitted("m", "NL", &["MD", "BA"], "another text");
    assert_eq!(oracle.judge().altered, at("m", "NL"));
    assert_eq!(oracle.gone_from("NL", &["m"].into()), [""; 0]);
    assert_eq!(oracle.gone_from("NL", &[].into()), ["m"]);
    assert_eq!(oracle.gone_from("MD", &[].into()), [""; 0]);
}

/// A row of an outbox with one recipient.
fn row(rung: &str, overdue: bool) -> serde_json::Value {
    json!({
        "envelope": "e1", "notice": "n1", "precedence": "flash", "subject": "Dam 7",
        "ladder": [{ "recipient": "MD/policy", "rung": rung, "overdue": overdue, "detail": null }],
    })
}

fn inbox_row(subject: &str) -> serde_json::Value {
    json!({
        "envelope": "e1", "notice": "n1", "sender": "NL/technical", "precedence": "flash", "subject": subject,
    })
}

#[test]
fn the_lists_of_real_nodes_say_what_was_accepted_and_what_came() {
    let mut oracle = Oracle::new();
    nodes::outbox(&mut oracle, "NL/technical", &json!([row("queued", false)]));
    assert_eq!(oracle.accepted_count(), 0);
    nodes::outbox(&mut oracle, "NL/technical", &json!([row("accepted", false)]));
    assert_eq!(oracle.judge().lost, at("e1", "MD/policy"));
    nodes::inbox(&mut oracle, "MD/policy", &json!([inbox_row("Dam 7")]));
    assert!(oracle.judge().holds());
    nodes::inbox(&mut oracle, "MD/policy", &json!([inbox_row("Dam 8")]));
    assert_eq!(oracle.judge().altered, at("e1", "MD/policy"));
    // What was refused before it could be read is not shown.
    let refused =
        json!({ "envelope": "e1", "notice": null, "sender": "NL/technical", "precedence": "flash" });
    nodes::inbox(&mut oracle, "MD/policy", &json!([refused]));
    assert_eq!(oracle.judge().lost, at("e1", "MD/policy"));
    nodes::outbox(&mut oracle, "NL/technical", &json!([row("refused", false)]));
    assert_eq!(oracle.judge().undelivered, 1);
    nodes::outbox(&mut oracle, "NL/technical", &json!([row("verified", true)]));
    assert_eq!(oracle.judge().lost, at("e1", "MD/policy"), "it was confirmed");
}

#[test]
fn the_events_of_real_nodes_say_what_was_accepted_and_what_was_told_as_new() {
    let mut oracle = Oracle::new();
    let content = digest("n1", "NL/technical", "flash", "Dam 7");
    oracle.submitted("e1", "NL/technical", &["MD/policy"], &content);
    let progress = json!({ "kind": "progress", "envelope": "e1", "words": "message e1 accepted by relay-1" });
    nodes::event(&mut oracle, "NL/technical", &progress);
    assert_eq!(oracle.waiting().count(), 1);
    let words = "message e1 verified by the node of MD/policy";
    nodes::event(
        &mut oracle,
        "NL/technical",
        &json!({ "kind": "progress", "envelope": "e1", "words": words }),
    );
    assert!(oracle.is_confirmed("e1", "MD/policy"));
    let received = json!({ "kind": "received", "envelope": "e1", "words": "FLASH from NL/technical" });
    nodes::event(&mut oracle, "MD/policy", &received);
    assert!(oracle.judge().holds());
    // The same notice in another envelope is told as that, not as new.
    let again = json!({ "kind": "progress", "envelope": "e1", "words": "it is shown once" });
    nodes::event(&mut oracle, "MD/policy", &again);
    assert!(oracle.judge().holds());
    nodes::event(&mut oracle, "MD/policy", &received);
    assert_eq!(oracle.judge().twice, at("e1", "MD/policy"));
}
