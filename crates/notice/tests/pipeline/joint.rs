//! Joint statements: what counts as a member's signature, what does not, and when a statement is in force.

use pouch_notice::{
    Body, JointFile, JointState, Notice, NoticeNumber, Reference, Uncounted, Verified, body_from_toml,
};
use pouch_wire::{Canonical as _, Environment, NoticeType, Timestamp};
use proptest::prelude::*;

use crate::logs::{Logged, QUORUM, directory_note};
use crate::post::{ACCEPTED, BA, Letter, MD, NL, Posted, facts, letter};
use crate::stage;
use crate::world::{DAY, HOUR, World, earlier, later, mandate, office};

fn statement(text: &str, threshold: u8, invited: &str) -> Body {
    let fields = format!("text = \"{text}\"\nthreshold = {threshold}\ninvited = [{invited}]\n");
    body_from_toml(NoticeType::JointStatement, &fields).unwrap()
}

/// Two of three must sign.
fn words() -> Body {
    statement("We call for restraint.", 2, "\"BA\", \"MD\", \"NL\"")
}

/// MD's office proposes.
fn proposal(world: &World, body: Body) -> Letter {
    letter(world, Environment::Live, MD, &[NL, BA], &[]).saying(|n| n.body = body)
}

fn reference(proposal: &Letter) -> Reference {
    let Notice { sender, number, .. } = proposal.notice.clone();
    Reference { sender, number, id: Notice::id_of(&proposal.notice.to_bytes().unwrap()) }
}

/// An office says something about a proposal, to everybody else.
fn about(world: &World, proposal: &Letter, from: &str, n: u32, body: Body) -> Letter {
    let others: Vec<&str> = [BA, MD, NL].into_iter().filter(|office| *office != from).collect();
    letter(world, Environment::Live, from, &others, &[]).saying(|notice| {
        notice.body = body;
        notice.concerns = Some(reference(proposal));
        notice.number = NoticeNumber { year: 2026, n };
    })
}

fn signature(world: &World, proposal: &Letter, from: &str) -> Letter {
    about(world, proposal, from, 20, proposal.notice.body.clone())
}

fn accepted(world: &World, letter: &Letter, at: Timestamp) -> Verified<Notice> {
    let to = letter.notice.to.first().unwrap().to_string();
    letter.posted().received_at(world, &to, at).unwrap()
}

fn verified(world: &World, letter: &Letter) -> Verified<Notice> {
    accepted(world, letter, ACCEPTED)
}

fn signers(state: &JointState) -> Vec<String> {
    state.signed.iter().map(|signature| signature.by.member.to_string()).collect()
}

fn why(state: &JointState) -> Vec<&Uncounted> {
    state.left_out.iter().map(|left| &left.why).collect()
}

#[test]
fn a_statement_is_in_force_with_the_signature_that_reaches_its_threshold_and_not_before() {
    let world = World::new();
    let letter = proposal(&world, words());
    let statement = verified(&world, &letter);
    let alone = JointState::gather(&statement, &[]).unwrap();
    assert_eq!((signers(&alone), alone.missing(), alone.in_force_since()), (vec!["MD".into()], 1, None));
    assert_eq!(alone.words(), "signed by MD (1 of 3 invited; not in force: 1 more needed)");
    let second = Timestamp(ACCEPTED.0 + 5_000);
    let nl = accepted(&world, &signature(&world, &letter, NL), second);
    let ba = accepted(&world, &signature(&world, &letter, BA), Timestamp(ACCEPTED.0 + 9_000));
    let both = JointState::gather(&statement, &[&ba, &nl]).unwrap();
    assert_eq!(signers(&both), ["MD", "NL", "BA"], "in the order in which relays accepted them");
    assert_eq!((both.in_force_since(), both.missing()), (Some(second), 0));
    assert!(
        both.words().starts_with("signed by MD, NL, BA (3 of 3 invited; in force since "),
        "{}",
        both.words()
    );
    let all_three = verified(&world, &proposal(&world, statement_of_all()));
    assert_eq!(JointState::gather(&all_three, &[]).unwrap().missing(), 2);
}

fn statement_of_all() -> Body {
    statement("All or none.", 3, "\"BA\", \"MD\", \"NL\"")
}

#[test]
fn what_is_no_proposal_is_no_statement() {
    let world = World::new();
    let letter = proposal(&world, words());
    let signs = verified(&world, &signature(&world, &letter, NL));
    assert_eq!(JointState::gather(&signs, &[]), None, "a signature proposes nothing");
    let text = verified(&world, &proposal(&world, stage::text("We call for restraint.")));
    assert_eq!(JointState::gather(&text, &[&signs]), None);
}

#[test]
fn only_an_invited_members_first_signature_of_these_very_words_counts() {
    let world = World::new();
    let letter = proposal(&world, statement("Two of us.", 2, "\"MD\", \"NL\""));
    let statement_now = verified(&world, &letter);
    let other = proposal(&world, words());
    let cases = [
        (signature(&world, &letter, BA), Uncounted::NotInvited),
        (signature(&world, &other, NL), Uncounted::OtherStatement),
        (about(&world, &letter, NL, 21, statement("Two of us!", 2, "\"MD\", \"NL\"")), Uncounted::OtherWords),
        (
            about(&world, &letter, NL, 22, statement("Two of us.", 2, "\"BA\", \"MD\", \"NL\"")),
            Uncounted::OtherWords,
        ),
        (signature(&world, &letter, MD), Uncounted::Twice),
        (
            signature(&world, &letter, NL).saying(|n| {
                n.concerns =
                    n.concerns.clone().map(|r| Reference { number: NoticeNumber { year: 2026, n: 99 }, ..r });
            }),
            Uncounted::Misquotes,
        ),
    ];
    for (notice, expected) in cases {
        // The proposal stands before everything else in the log.
        let notice = accepted(&world, &notice, Timestamp(ACCEPTED.0 + 1));
        let state = JointState::gather(&statement_now, &[&notice]).unwrap();
        assert_eq!((why(&state), state.in_force_since()), (vec![&expected], None));
        assert!(expected.code().starts_with("POUCH-JNT-2"));
    }
    let nl = verified(&world, &signature(&world, &letter, NL));
    let again = accepted(&world, &signature(&world, &letter, NL).saying(|n| n.number.n = 23), later(60_000));
    let state = JointState::gather(&statement_now, &[&again, &nl]).unwrap();
    assert_eq!((signers(&state).len(), why(&state)), (2, vec![&Uncounted::Twice]));
}

#[test]
fn a_signature_that_came_after_the_proposal_expired_does_not_count() {
    let world = World::new();
    let letter = proposal(&world, words()).saying(|n| n.not_after = later(HOUR));
    let statement = verified(&world, &letter);
    let signs = signature(&world, &letter, NL).saying(|n| n.not_after = later(DAY));
    let in_time = accepted(&world, &signs, later(HOUR - 1));
    assert_eq!(JointState::gather(&statement, &[&in_time]).unwrap().missing(), 0);
    let late = accepted(&world, &signs, later(HOUR));
    assert_eq!(why(&JointState::gather(&statement, &[&late]).unwrap()), [&Uncounted::Late]);
}

/// What a courier had brought to this node before a relay accepted it.
fn carried_before(world: &World, letter: &Letter, since: Timestamp, at: Timestamp) -> Verified<Notice> {
    let to = letter.notice.to.first().unwrap().to_string();
    let opened = letter.posted().opened_at(world, &to, at).unwrap().by_courier(since);
    opened.verify(&facts(world, Timestamp(at.0 + 1000))).unwrap()
}

#[test]
fn what_a_courier_had_brought_counts_when_a_relay_accepted_it_as_for_everybody_else() {
    let world = World::new();
    let letter = proposal(&world, words()).saying(|n| n.not_after = later(HOUR));
    let statement = verified(&world, &letter);
    let signs = |from| signature(&world, &letter, from).saying(|n| n.not_after = later(DAY));
    let (nl, ba) = (signs(NL), signs(BA));
    let times = [later(HOUR / 2), later(HOUR / 3)];
    let everybody = [accepted(&world, &nl, times[0]), accepted(&world, &ba, times[1])];
    // One node had NL's from a courier before everything else.
    let here = [carried_before(&world, &nl, ACCEPTED, times[0]), accepted(&world, &ba, times[1])];
    assert_eq!(here[0].came_at(), ACCEPTED);
    let [theirs, ours] =
        [&everybody, &here].map(|[nl, ba]| JointState::gather(&statement, &[nl, ba]).unwrap());
    assert_eq!(ours, theirs, "two nodes find the same");
    assert_eq!((signers(&ours).concat(), ours.in_force_since()), ("MDBANL".into(), Some(times[1])));
    let late = carried_before(&world, &nl, ACCEPTED, later(HOUR));
    assert_eq!(why(&JointState::gather(&statement, &[&late]).unwrap()), [&Uncounted::Late]);
}

#[test]
fn a_member_may_decline_and_may_take_its_signature_back() {
    let world = World::new();
    let letter = proposal(&world, words());
    let statement = verified(&world, &letter);
    let no = "[[answers]]\nkind = \"decline\"\ntext = \"Not now.\"\n";
    let no = body_from_toml(NoticeType::Response, no).unwrap();
    let declined = verified(&world, &about(&world, &letter, BA, 24, no));
    let state = JointState::gather(&statement, &[&declined]).unwrap();
    assert_eq!(state.declined, ["BA".parse().unwrap()]);
    assert!(state.words().ends_with("; declined by BA)"), "{}", state.words());

    let signs = signature(&world, &letter, NL);
    let taken_back = about(&world, &signs, NL, 25, stage::body(NoticeType::Cancellation));
    let (nl, taken_back) = (verified(&world, &signs), verified(&world, &taken_back));
    let state = JointState::gather(&statement, &[&nl, &taken_back, &declined]).unwrap();
    assert_eq!((signers(&state), state.in_force_since()), (vec!["MD".into()], None));
    assert_eq!(why(&state), [&Uncounted::Withdrawn]);

    // Who proposed takes back its own signature; what others signed, they signed.
    let withdrawn = about(&world, &letter, MD, 26, stage::body(NoticeType::Cancellation));
    let withdrawn = verified(&world, &withdrawn);
    let ba = verified(&world, &signature(&world, &letter, BA));
    assert_eq!(JointState::gather(&statement, &[&nl, &withdrawn]).unwrap().missing(), 1);
    let state = JointState::gather(&statement, &[&nl, &ba, &withdrawn]).unwrap();
    assert_eq!((signers(&state), state.missing()), (vec!["NL".into(), "BA".into()], 0));
}

#[test]
fn a_signature_whose_key_is_revoked_counts_only_when_witnesses_saw_it_before() {
    let mut world = World::new();
    let letter = proposal(&world, words());
    let statement = verified(&world, &letter);
    let signs = signature(&world, &letter, NL).posted();
    let logged = Logged::new(&world, &signs, ACCEPTED);
    world.revoke(NL, later(HOUR), later(2 * HOUR));
    let seen = logged.received(&world, &signs, MD).unwrap();
    assert_eq!(JointState::gather(&statement, &[&seen]).unwrap().missing(), 0);
    // By the relay's word alone it is doubtful, and a doubtful signature is none.
    let by_word = signs.received(&world, MD).unwrap();
    let state = JointState::gather(&statement, &[&by_word]).unwrap();
    assert_eq!((state.missing(), state.in_force_since()), (1, None));
    assert_eq!(why(&state), [&Uncounted::Doubtful { code: "POUCH-VER-32".into() }]);
    // With effect from before, nothing of it is verified at all.
    let mut before = World::new();
    before.revoke(NL, earlier(HOUR), later(2 * HOUR));
    assert!(signs.received(&before, MD).is_err());
}

#[test]
fn a_states_own_rules_hold_for_what_it_signs() {
    let mut world = World::new();
    world.authorise_officer("duty", "duty", mandate(), earlier(2 * DAY));
    world.demand(2, true, earlier(2 * DAY));
    let letter = proposal(&world, words());
    let statement = verified(&world, &letter);
    let alone = signature(&world, &letter, NL);
    assert!(alone.posted().received(&world, MD).is_err(), "no officer approved it");
    let in_emergency = alone.clone().saying(|n| n.break_glass = true).approved(&["duty"]);
    let state = JointState::gather(&statement, &[&verified(&world, &in_emergency)]).unwrap();
    assert_eq!(why(&state), [&Uncounted::Doubtful { code: "POUCH-VER-41".into() }]);
    world.authorise_officer("second", "second", mandate(), earlier(DAY));
    let letter = proposal(&world, words());
    let both = signature(&world, &letter, NL).approved(&["duty", "second"]);
    let statement = verified(&world, &letter);
    assert_eq!(JointState::gather(&statement, &[&verified(&world, &both)]).unwrap().missing(), 0);
}

#[test]
fn another_office_of_a_member_is_no_second_member() {
    let mut world = World::new();
    let policy = office("MD/policy", "MD/policy", Environment::Live, mandate());
    world.authorise(policy, earlier(DAY));
    let letter = proposal(&world, words());
    let statement = verified(&world, &letter);
    let second = crate::post::letter(&world, Environment::Live, "MD/policy", &[NL], &[]).saying(|n| {
        n.body = words();
        n.concerns = Some(reference(&letter));
    });
    let second = accepted(&world, &second, Timestamp(ACCEPTED.0 + 1));
    let state = JointState::gather(&statement, &[&second]).unwrap();
    assert_eq!((why(&state), state.missing()), (vec![&Uncounted::Twice], 1));
}

/// A proposal of MD, logged with a signature of NL.
fn file() -> (World, Vec<(Posted, Logged, Verified<Notice>)>) {
    let world = World::new();
    let letter = proposal(&world, words());
    let signs = signature(&world, &letter, NL);
    let part = |letter: &Letter, to: &str, at| {
        let posted = letter.posted();
        let logged = Logged::new(&world, &posted, at);
        let verified = logged.received(&world, &posted, to).unwrap();
        (posted, logged, verified)
    };
    let parts = vec![part(&letter, BA, ACCEPTED), part(&signs, BA, Timestamp(ACCEPTED.0 + 500))];
    (world, parts)
}

fn joined(world: &World, parts: &[&(Posted, Logged, Verified<Notice>)]) -> JointFile {
    let note = directory_note(world, &QUORUM, Timestamp(ACCEPTED.0 + 3_000)).to_bytes();
    let parts: Vec<_> = parts.iter().map(|(_, logged, found)| (found, logged.proof.to_bytes())).collect();
    let file = JointFile::new(world.entries.clone(), note, &parts).unwrap();
    JointFile::from_bytes(&file.to_bytes().unwrap()).unwrap()
}

#[test]
fn one_file_proves_a_statement_with_the_charter_alone() {
    let (world, parts) = file();
    let [proposal, signature] = parts.as_slice() else { panic!("two parts") };
    let proven = joined(&world, &[proposal, signature]).verify(&world.charter).unwrap();
    assert_eq!(proven.state().in_force_since(), Some(Timestamp(ACCEPTED.0 + 500)));
    let words = proven.words();
    assert!(
        words.contains("MD, NL (2 of 3 invited; in force since") && words.contains("We call for"),
        "{words}"
    );
    // A signature that is left out is not counted, and one alone is no statement.
    let alone = joined(&world, &[proposal]).verify(&world.charter).unwrap();
    assert_eq!(alone.state().in_force_since(), None);
    let twice = joined(&world, &[proposal, signature, signature]).verify(&world.charter).unwrap();
    assert_eq!(signers(twice.state()), ["MD", "NL"]);
    for parts in [vec![], vec![signature, proposal]] {
        assert_eq!(joined(&world, &parts).verify(&world.charter).unwrap_err().code(), "POUCH-JNT-32");
    }
    // Neither another network's charter nor another part's proof holds.
    let other = World::founded("Another network").charter;
    let refused = joined(&world, &[proposal, signature]).verify(&other).unwrap_err();
    assert_eq!(refused.code(), "POUCH-JNT-33");
    let note = directory_note(&world, &QUORUM, Timestamp(ACCEPTED.0 + 3_000)).to_bytes();
    let crossed = [(&proposal.2, proposal.1.proof.to_bytes()), (&signature.2, proposal.1.proof.to_bytes())];
    let crossed = JointFile::new(world.entries.clone(), note, &crossed).unwrap();
    assert_eq!(crossed.verify(&world.charter).unwrap_err().code(), "POUCH-JNT-33");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes, in whatever order and however often: in force exactly when enough invited members
    /// signed these words, and nobody counts twice.
    #[test]
    fn no_order_and_no_repetition_makes_a_statement(picked in proptest::collection::vec(0_usize..8, 0..12)) {
        thread_local! { static PARTS: (Verified<Notice>, Vec<Verified<Notice>>) = all_kinds(); }
        PARTS.with(|(statement, kinds)| {
            let others: Vec<&Verified<Notice>> = picked.iter().filter_map(|place| kinds.get(*place)).collect();
            let state = JointState::gather(statement, &others).unwrap();
            let signed = |place: usize| picked.contains(&place);
            let expected = 1 + usize::from(signed(0) || signed(1)) + usize::from(signed(2));
            prop_assert_eq!(state.signed.len(), expected);
            prop_assert_eq!(state.in_force_since().is_some(), expected >= 3);
            prop_assert_eq!(state.missing(), 3 - expected);
            let mut members = signers(&state);
            members.dedup();
            prop_assert_eq!(members.len(), state.signed.len());
            Ok(())
        })?;
    }
}

/// All three must sign: two signatures of NL, one of BA, and what must not count.
fn all_kinds() -> (Verified<Notice>, Vec<Verified<Notice>>) {
    let world = World::new();
    let letter = proposal(&world, statement_of_all());
    let kinds = [
        signature(&world, &letter, NL),
        signature(&world, &letter, NL).saying(|n| n.number.n = 30),
        signature(&world, &letter, BA),
        about(&world, &letter, BA, 31, words()),
        signature(&world, &letter, MD),
        about(&world, &letter, BA, 32, stage::text("We agree.")),
    ];
    (verified(&world, &letter), kinds.iter().map(|kind| verified(&world, kind)).collect())
}
