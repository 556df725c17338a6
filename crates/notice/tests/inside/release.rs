//! Mandates, release rules and the sender's early check, against a directory.

use pouch_crypto::SigningKey;
use pouch_directory::{Audience, Directory, Mandate, ReleaseRule};
use pouch_notice::{
    Approval, Clause, Colour, Draft, Notice, OutOfMandate, Release, State, Verdict, within_mandate,
};
use pouch_wire::{NoticeType, Precedence, Timestamp, Tlp};

use crate::stage::{HOUR, NOW, directory, key, mandate, notice, point, set, text};

fn rule(officers: u8, break_glass: bool) -> ReleaseRule {
    ReleaseRule { types: set(NoticeType::ALL), at_or_above: Precedence::Immediate, officers, break_glass }
}

fn mandated(change: impl FnOnce(&mut Mandate)) -> Result<(), OutOfMandate> {
    let notice = notice(text("words"));
    let mut mandate = mandate();
    assert_eq!(within_mandate(&notice, &mandate), Ok(()));
    change(&mut mandate);
    within_mandate(&notice, &mandate)
}

#[test]
fn a_mandate_bounds_types() {
    assert_eq!(mandated(|m| m.types = set(&[NoticeType::FreeText])), Ok(()));
    assert_eq!(mandated(|m| m.types = set(&[NoticeType::Update])), Err(OutOfMandate::Type("free-text")));
}

#[test]
fn a_mandate_bounds_precedence_from_above() {
    assert_eq!(mandated(|m| m.highest_precedence = Precedence::Immediate), Ok(()));
    assert_eq!(
        mandated(|m| m.highest_precedence = Precedence::Priority),
        Err(OutOfMandate::Precedence { allowed: "priority", asked: "immediate" })
    );
}

#[test]
fn a_mandate_bounds_labels_on_both_sides() {
    assert_eq!(mandated(|m| (m.strictest_tlp, m.most_open_tlp) = (Tlp::Amber, Tlp::Amber)), Ok(()));
    assert_eq!(mandated(|m| m.strictest_tlp = Tlp::Green), Err(OutOfMandate::Tlp("TLP:AMBER")));
    assert_eq!(mandated(|m| m.most_open_tlp = Tlp::AmberStrict), Err(OutOfMandate::Tlp("TLP:AMBER")));
}

#[test]
fn a_mandate_bounds_the_audience_information_addressees_too() {
    let members = |codes: &[&str]| {
        let members: Vec<_> = codes.iter().map(|code| code.parse().unwrap()).collect();
        Audience::Members(set(&members))
    };
    assert_eq!(mandated(|m| m.audience = members(&["BA", "MD", "OSCE"])), Ok(()));
    let outside = mandated(|m| m.audience = members(&["BA", "MD"]));
    assert_eq!(outside, Err(OutOfMandate::Audience(point("OSCE/duty"))));
}

#[test]
fn a_mandate_begins_at_its_first_moment_and_ends_before_its_last() {
    assert_eq!(mandated(|m| m.from = NOW), Ok(()));
    assert_eq!(mandated(|m| m.from = Timestamp(NOW.0 + 1)), Err(OutOfMandate::Dates));
    assert_eq!(mandated(|m| m.until = Timestamp(NOW.0 + 1)), Ok(()));
    assert_eq!(mandated(|m| m.until = NOW), Err(OutOfMandate::Dates));
}

fn drafted(directory: &Directory, change: impl FnOnce(&mut Notice)) -> Draft {
    let mut notice = notice(text("words"));
    notice.network = directory.network();
    change(&mut notice);
    Draft::new(notice).unwrap()
}

fn approvals(draft: &Draft, names: &[&str]) -> Vec<Approval> {
    names.iter().map(|name| Approval::sign(draft.bytes(), &key(name)).unwrap()).collect()
}

fn state(verdict: &Verdict, clause: Clause) -> (State, String) {
    let found = verdict.clauses.iter().find(|c| c.clause == clause).unwrap();
    (found.state, found.code.clone())
}

fn released(directory: &Directory, draft: &Draft, names: &[&str]) -> (State, String) {
    let office: SigningKey = key("NL/technical");
    let approvals = approvals(draft, names);
    let verdict = draft.check_against(&directory.now_view(), office.public().id(), &approvals);
    assert_eq!(state(&verdict, Clause::Binding).0, State::Holds);
    state(&verdict, Clause::Release)
}

#[test]
fn two_officers_are_two_persons() {
    let directory = directory(mandate(), &mandate(), rule(2, false));
    let draft = drafted(&directory, |_| {});
    assert_eq!(released(&directory, &draft, &["director", "duty"]).0, State::Holds);
    let refused = (State::Fails, "POUCH-VER-42".to_owned());
    assert_eq!(released(&directory, &draft, &[]), refused);
    assert_eq!(released(&directory, &draft, &["director"]), refused);
    assert_eq!(released(&directory, &draft, &["director", "director"]), refused);
    assert_eq!(
        released(&directory, &draft, &["director", "director's second"]),
        refused,
        "one person, one vote"
    );
    assert_eq!(released(&directory, &draft, &["director", "a stranger"]), refused);
    assert_eq!(
        released(&directory, &draft, &["director", "NL/technical"]),
        refused,
        "the office is no officer"
    );
}

#[test]
fn an_edit_voids_approvals() {
    let directory = directory(mandate(), &mandate(), rule(2, false));
    let read = drafted(&directory, |_| {});
    let edited = drafted(&directory, |n| n.not_after = Timestamp(n.not_after.0 - HOUR));
    let given = approvals(&read, &["director", "duty"]);
    let judge = |draft: &Draft| Release::judge(draft.notice(), draft.bytes(), &given, &directory.now_view());
    assert!(judge(&read).is_met(false));
    assert!(judge(&edited).approved_by.is_empty());
}

#[test]
fn an_officer_approves_within_an_own_mandate_only() {
    let mut narrow = mandate();
    narrow.highest_precedence = Precedence::Priority;
    let directory = directory(mandate(), &narrow, rule(1, false));
    let urgent = drafted(&directory, |_| {});
    assert_eq!(released(&directory, &urgent, &["director", "duty"]).0, State::Fails);
    let calm = drafted(&directory, |n| n.precedence = Precedence::Priority);
    let judged =
        Release::judge(calm.notice(), calm.bytes(), &approvals(&calm, &["duty"]), &directory.now_view());
    assert_eq!(judged.approved_by.len(), 1);
}

#[test]
fn a_rule_covers_its_precedence_and_more_urgent_ones() {
    let directory = directory(mandate(), &mandate(), rule(1, false));
    for (precedence, state) in [
        (Precedence::Flash, State::Fails),
        (Precedence::Immediate, State::Fails),
        (Precedence::Priority, State::Holds),
        (Precedence::Routine, State::Holds),
    ] {
        let draft = drafted(&directory, |n| n.precedence = precedence);
        assert_eq!(released(&directory, &draft, &[]).0, state, "{precedence}");
    }
}

#[test]
fn breaking_the_glass_needs_the_rule_the_mark_and_one_officer() {
    let allowed = directory(mandate(), &mandate(), rule(2, true));
    let marked = drafted(&allowed, |n| n.break_glass = true);
    let unmarked = drafted(&allowed, |_| {});
    assert_eq!(released(&allowed, &marked, &["duty"]), (State::Unsure, "POUCH-VER-41".to_owned()));
    assert_eq!(released(&allowed, &marked, &[]).0, State::Fails);
    assert_eq!(released(&allowed, &unmarked, &["duty"]).0, State::Fails);
    let forbidden = directory(mandate(), &mandate(), rule(2, false));
    let marked = drafted(&forbidden, |n| n.break_glass = true);
    assert_eq!(released(&forbidden, &marked, &["duty"]).0, State::Fails);
    // Never shown as plainly released, and never green.
    let marked = drafted(&allowed, |n| n.break_glass = true);
    let verdict = marked.check_against(
        &allowed.now_view(),
        key("NL/technical").public().id(),
        &approvals(&marked, &["duty"]),
    );
    assert_eq!(verdict.colour(), Colour::Amber);
}

#[test]
fn the_early_check_gives_the_recipients_codes() {
    let mut office = mandate();
    office.types = set(&[NoticeType::Update]);
    let narrow = directory(office, &mandate(), rule(1, false));
    let draft = drafted(&narrow, |_| {});
    let own = key("NL/technical").public().id();
    let verdict = draft.check_against(&narrow.now_view(), own, &approvals(&draft, &["duty"]));
    assert_eq!(state(&verdict, Clause::Mandate), (State::Fails, "POUCH-VER-40".to_owned()));
    assert_eq!(verdict.decisive().unwrap().exit, 11);

    let wide = directory(mandate(), &mandate(), rule(1, false));
    let draft = drafted(&wide, |_| {});
    let given = approvals(&draft, &["duty"]);
    assert_eq!(draft.check_against(&wide.now_view(), own, &given).colour(), Colour::Green);
    let stranger = draft.check_against(&wide.now_view(), key("stranger").public().id(), &given);
    assert_eq!(state(&stranger, Clause::Binding), (State::Fails, "POUCH-DIR-41".to_owned()));
    assert_eq!(stranger.decisive().unwrap().exit, 12);
}

#[test]
fn an_approval_of_another_network_does_not_count() {
    let directory = directory(mandate(), &mandate(), rule(1, false));
    let ours = drafted(&directory, |_| {});
    let theirs = drafted(&directory, |n| n.network = pouch_wire::NetworkId(pouch_wire::Digest::new([9; 32])));
    let given = approvals(&theirs, &["duty"]);
    let judged = Release::judge(ours.notice(), ours.bytes(), &given, &directory.now_view());
    assert!(judged.approved_by.is_empty());
}
