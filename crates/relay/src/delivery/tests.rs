//! Whose turn it is, and what waits.

use super::*;
use pouch_wire::{Digest, Timestamp};

/// An office of a member of its own.
fn member(n: usize) -> ContactPoint {
    let letters: Vec<char> = ('A'..='Z').collect();
    let letter = |n: usize| letters[n.rem_euclid(26)];
    format!("{}{}/office", letter(n.div_euclid(26)), letter(n)).parse().unwrap()
}

fn pending(n: u8, precedence: Precedence) -> Pending {
    Pending {
        envelope: id(n),
        // Each of another member.
        sender: member(usize::from(n)),
        precedence,
        index: u64::from(n),
        payload_len: 0,
        not_after: Timestamp(0),
    }
}

fn id(n: u8) -> EnvelopeId {
    EnvelopeId(Digest::new([n; 32]))
}

fn numbers(chosen: &[Pending]) -> Vec<u64> {
    chosen.iter().map(|message| message.index).collect()
}

#[test]
fn a_flash_does_not_wait_for_a_place_and_many_do() {
    let mut turns = Turns::default();
    let now = Instant::now();
    let routine: Vec<_> = (10..16).map(|n| pending(n, Precedence::Routine)).collect();
    assert_eq!(numbers(&turns.choose(routine.clone(), now)), [10, 11, 12, 13]);
    let flash: Vec<_> = (1..7).map(|n| pending(n, Precedence::Flash)).collect();
    let waiting = || [flash.clone(), routine.clone()].concat();
    assert_eq!(numbers(&turns.choose(waiting(), now)), [1, 2, 3, 4]);
    assert_eq!(numbers(&turns.choose(waiting(), now)), [0_u64; 0]);
    turns.taken(id(12));
    turns.taken(id(2));
    assert_eq!(numbers(&turns.choose(vec![flash[4].clone(), routine[4].clone()], now)), [5, 14]);
}

/// In how many steps ten short messages are taken that come after a hundred longer ones of five other
/// senders; in a step each message under way moves on by as much, as on one link.
fn steps(mut turns: Turns) -> usize {
    let now = Instant::now();
    let long = |n: u8| Pending {
        sender: member(usize::from(n.rem_euclid(5))),
        payload_len: 64 * 1024,
        ..pending(n, Precedence::Routine)
    };
    let short = |n| Pending {
        sender: "ZZ/policy".parse().unwrap(),
        payload_len: 16 * 1024,
        ..pending(n, Precedence::Routine)
    };
    let mut waiting: Vec<Pending> = (0..100).map(long).chain((100..110).map(short)).collect();
    let mut under_way: Vec<(Pending, u64)> = Vec::new();
    let mut step = 0;
    while waiting.iter().any(|message| message.payload_len == 16 * 1024) {
        step = usize::saturating_add(step, 1);
        assert!(step < 10_000, "messages wait for ever");
        for message in turns.choose(waiting.clone(), now) {
            waiting.retain(|other| other.envelope != message.envelope);
            under_way.push((message.clone(), message.payload_len));
        }
        for (message, left) in &mut under_way {
            *left = left.saturating_sub(4 * 1024);
            if *left == 0 {
                turns.taken(message.envelope);
            }
        }
        under_way.retain(|(_, left)| *left > 0);
    }
    step
}

#[test]
fn who_sends_little_does_not_wait_for_the_full_mailboxes_of_others() {
    let fair = steps(Turns::default());
    assert!(fair < 200, "ten short messages needed {fair} steps");
    let unfair = steps(Turns { oldest_first: true, ..Turns::default() });
    assert!(unfair > 380, "without turns {unfair}");
}

#[test]
fn an_immediate_one_does_not_wait_for_routine_ones_to_be_taken() {
    let mut turns = Turns::default();
    let now = Instant::now();
    let routine: Vec<_> = (10..16).map(|n| pending(n, Precedence::Routine)).collect();
    assert_eq!(turns.choose(routine, now).len(), 4);
    let urgent: Vec<_> = (1..4).map(|n| pending(n, Precedence::Immediate)).collect();
    assert_eq!(numbers(&turns.choose(urgent, now)), [1, 2]);
}

#[test]
fn large_messages_go_one_by_one_and_the_rest_waits_in_the_store() {
    let mut turns = Turns::default();
    let now = Instant::now();
    let sized = |n, precedence, payload_len| Pending { payload_len, ..pending(n, precedence) };
    let (half, whole) = (BYTES_UNDER_WAY / 2, BYTES_UNDER_WAY);
    let routine = |n, size| sized(n, Precedence::Routine, size);
    let waiting = || vec![routine(1, whole), routine(2, whole), routine(3, half), routine(4, half)];
    // The two halves are lighter, so that their turn comes first.
    assert_eq!(numbers(&turns.choose(waiting(), now)), [3, 4]);
    assert_eq!(numbers(&turns.choose(waiting()[..2].to_vec(), now)), [0_u64; 0]);
    // A flash has its own room, also when it is as large.
    let flash = |n| sized(n, Precedence::Flash, whole);
    assert_eq!(numbers(&turns.choose(vec![flash(5), flash(6)], now)), [5]);
    // What is small goes beside what is large, and takes nothing of its room.
    let small = |n| routine(n, SMALL);
    assert_eq!(numbers(&turns.choose(vec![routine(1, whole), small(30)], now)), [30]);
    turns.taken(id(3));
    assert_eq!(numbers(&turns.choose(vec![routine(1, whole), small(31)], now)), [31]);
    turns.not_taken(id(4), None, now);
    assert_eq!(numbers(&turns.choose(vec![routine(1, whole), small(32)], now)), [1, 32]);
}

#[test]
fn one_senders_messages_of_one_precedence_do_not_overtake_each_other() {
    let mut turns = Turns::default();
    let now = Instant::now();
    let nl = |n, precedence| Pending { sender: "NL/technical".parse().unwrap(), ..pending(n, precedence) };
    let waiting = || {
        let flash = Precedence::Flash;
        vec![nl(1, flash), nl(2, flash), nl(3, Precedence::Routine), nl(4, Precedence::Routine)]
    };
    assert_eq!(numbers(&turns.choose(waiting(), now)), [1, 3]);
    turns.taken(id(1));
    assert_eq!(numbers(&turns.choose(waiting()[1..].to_vec(), now)), [2]);
    // One that is not taken waits alone: the others do not wait with it.
    turns.not_taken(id(3), None, now);
    assert_eq!(numbers(&turns.choose(waiting()[2..].to_vec(), now)), [4]);
}

#[test]
fn what_was_not_taken_is_tried_again_without_other_traffic() {
    let mut turns = Turns::default();
    let now = Instant::now();
    let waiting = || vec![pending(1, Precedence::Routine)];
    turns.choose(waiting(), now);
    assert_eq!(turns.next_due(now), None, "nothing to wait for while it is under way");
    turns.not_taken(id(1), None, now);
    assert_eq!(turns.next_due(now), Some(now + AGAIN_MIN));
    assert_eq!(numbers(&turns.choose(waiting(), now)), [0_u64; 0]);
    let due = now + AGAIN_MIN;
    assert_eq!(numbers(&turns.choose(waiting(), due)), [1]);
    turns.not_taken(id(1), None, due);
    assert_eq!(turns.next_due(due), Some(due + AGAIN_MIN * 2), "ever later");
    turns.not_taken(id(1), Some(AGAIN_MIN), due);
    assert_eq!(turns.next_due(due), Some(due + AGAIN_MIN * 4), "also when it is asked for soon");
    turns.not_taken(id(1), Some(Duration::from_secs(86_400)), due);
    assert_eq!(turns.next_due(due), Some(due + AGAIN_MAX), "but not as late as somebody asks");
    let late = due + AGAIN_MAX;
    assert_eq!(
        turns.next_due(late),
        None,
        "what was due and is here no more, or finds no place, wakes nobody"
    );
    turns.taken(id(1));
    assert_eq!(turns.next_due(now), None);
}

#[test]
fn messages_that_nobody_takes_do_not_hide_the_others() {
    let mut turns = Turns::default();
    let now = Instant::now();
    for n in 0..100 {
        turns.choose(vec![pending(n, Precedence::Immediate)], now);
        turns.not_taken(id(n), None, now);
    }
    assert!(turns.each() >= 101, "{}", turns.each());
    let stuck = (0..100).map(|n| pending(n, Precedence::Immediate));
    let waiting = stuck.chain([pending(200, Precedence::Routine)]).collect();
    assert_eq!(numbers(&turns.choose(waiting, now)), [200]);
}
