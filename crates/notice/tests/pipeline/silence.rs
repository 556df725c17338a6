//! What a node says of a sender's silence, on a clock of the test's own: true whenever somebody holds back
//! a message or a sender is gone, and never when the network is only slow.

use core::time::Duration;
use std::sync::OnceLock;

use pouch_crypto::sha256;
use pouch_envelope::{AdmittedBeacon, BeaconFacts, HeardBeacon, Place};
use pouch_notice::{
    Around, Came, GAP_AFTER, GAP_AFTER_BUSY, GAP_AFTER_POOR, GRACE, NotNewer, OpenGap, Order, SETTLED_AFTER,
    SILENT_AFTER, SenderLines, SenderWatch, TOOK_BACK_FOR, Turn, Unheard,
};
use pouch_wire::{Canonical as _, Digest, EnvelopeId, Environment, KeyId};
use proptest::prelude::*;

use crate::post::{MD, NL, NOTHING_BEFORE};
use crate::world::{NOW, World, key, later, mandate, office, point};

const KEY: KeyId = KeyId(Digest::new([1; 32]));

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

fn id(n: u64) -> EnvelopeId {
    if n == 0 { NOTHING_BEFORE } else { EnvelopeId(sha256(&n.to_be_bytes())) }
}

fn place(n: u64) -> Place {
    if n == 0 { Place::NOTHING } else { Place { epoch: 1, n, last: id(n) } }
}

/// NL's beacon for MD, so many seconds after [`NOW`].
fn beacon_in(second: u64, place: Place, every_s: u16) -> HeardBeacon {
    let at = later(second * 1000);
    let facts = BeaconFacts {
        network: world().directory.network(),
        sender: point(NL),
        at,
        every_s,
        directory_size: world().directory.size(),
        directory_root: Digest::new([7; 32]),
        nonce: sha256(&second.to_be_bytes()),
    };
    let leaves = [(point(MD), place, sha256(b"salt")), (point("BA/technical"), Place::NOTHING, sha256(b"s"))];
    let frame = facts.sign(leaves, &key(NL)).unwrap();
    let admitted = AdmittedBeacon::admit(frame, &point(NL), &world().directory, at).unwrap();
    let handed = admitted.for_peer(&point(MD)).unwrap();
    HeardBeacon::verify(&handed, &point(MD), &world().directory, at).unwrap()
}

fn beacon(second: u64, n: u64) -> HeardBeacon {
    beacon_in(second, place(n), 60)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A node that watches NL.
#[derive(Default)]
struct Node {
    watch: SenderWatch,
    lines: SenderLines,
    refused: Vec<EnvelopeId>,
    now: Duration,
}

impl Node {
    fn compare(&mut self) -> Option<Turn> {
        self.watch.compare(Came { lines: &self.lines, refused: &self.refused }, self.now)
    }

    fn takes(&mut self, n: u64) -> Option<Turn> {
        let order = self.lines.accept(KEY, 1, n, id(n - 1), id(n));
        assert!(!matches!(order, Order::Contradiction { .. }), "{order:?}");
        self.compare()
    }

    fn hears(&mut self, beacon: HeardBeacon) -> Vec<Turn> {
        let back = self.watch.hear(beacon).unwrap();
        back.into_iter().chain(self.compare()).collect()
    }

    fn at(&mut self, now: Duration) -> Vec<Turn> {
        self.when(now, GRACE, false, true)
    }

    fn when(&mut self, now: Duration, grace: Duration, busy: bool, up: bool) -> Vec<Turn> {
        self.now = now;
        self.watch.pass(Around { now, grace, busy, up, poor: false })
    }

    fn on_a_poor_way(&mut self, now: Duration) -> Vec<Turn> {
        self.now = now;
        self.watch.pass(Around { now, grace: GRACE, busy: false, up: true, poor: true })
    }

    /// As after a restart: what is durable is what the lines and what was told.
    fn restarted(&self) -> Self {
        let lines = SenderLines::from_bytes(&self.lines.to_bytes().unwrap()).unwrap();
        let mut watch = SenderWatch::from(Duration::ZERO);
        watch.were_told(&self.watch.told(), Duration::ZERO);
        let mut node = Self { watch, lines, refused: self.refused.clone(), now: Duration::ZERO };
        assert_eq!(node.compare(), None);
        node
    }
}

#[test]
fn what_was_announced_and_does_not_come_is_withheld_ten_seconds_later() {
    let mut node = Node::default();
    node.takes(1);
    assert_eq!(node.hears(beacon(0, 1)), []);
    assert_eq!(node.at(seconds(59)), []);
    assert_eq!(node.hears(beacon(60, 2)), []);
    assert_eq!(node.at(seconds(59) + GRACE - Duration::from_millis(1)), []);
    assert_eq!(node.at(seconds(59) + GRACE), [Turn::Withheld]);
    assert!(node.watch.is_withheld());
    // Told once, however many beacons say so.
    assert_eq!(node.hears(beacon(120, 3)), []);
    assert_eq!(node.at(seconds(140)), []);
    assert_eq!(node.takes(2), None, "one of two");
    assert_eq!(node.takes(3), Some(Turn::Came));
    assert!(!node.watch.is_withheld());
    assert_eq!(node.at(seconds(170)), []);
}

#[test]
fn a_first_message_that_never_came_is_withheld_too() {
    let mut node = Node::default();
    assert_eq!(node.hears(beacon(0, 1)), []);
    assert_eq!(node.at(GRACE), [Turn::Withheld]);
    assert_eq!(node.takes(1), Some(Turn::Came));
}

#[test]
fn nothing_sent_is_nothing_withheld_and_what_is_over_is_not_withheld_for_ever() {
    let mut node = Node::default();
    assert_eq!(node.hears(beacon(0, 0)), []);
    assert_eq!(node.at(seconds(30)), []);
    node.hears(beacon(60, 1));
    assert_eq!(node.at(seconds(60)), [Turn::Withheld]);
    // It expired, and its sender no longer announces it.
    assert_eq!(node.hears(beacon(120, 0)), [Turn::Over]);
    assert!(!node.watch.is_withheld());
}

#[test]
fn a_beacon_from_before_what_came_since_accuses_nobody() {
    let mut node = Node::default();
    for n in 1..=9 {
        node.takes(n);
    }
    assert_eq!(node.hears(beacon(0, 7)), [], "its sender did not have the receipts of two yet");
    assert_eq!(node.at(seconds(60)), []);
}

#[test]
fn a_message_that_was_refused_is_not_withheld() {
    let mut node = Node::default();
    node.takes(1);
    // It could not be opened: its number is not known.
    node.refused.push(id(2));
    node.compare();
    assert_eq!(node.hears(beacon(0, 2)), []);
    assert_eq!(node.at(seconds(60)), []);
    // The next names it as the one before it: nothing is missing between.
    assert_eq!(node.takes(3), None);
    assert_eq!(node.watch.gaps(), []);
    assert_eq!(node.at(seconds(120)), []);
    let mut first = Node::default();
    first.refused.push(id(1));
    assert_eq!(first.hears(beacon(0, 1)), []);
    assert_eq!(first.at(seconds(60)), []);
    // Another message that was refused explains nothing.
    let mut other = Node::default();
    other.refused.push(id(77));
    other.hears(beacon(0, 1));
    assert_eq!(other.at(seconds(60)), [Turn::Withheld]);
}

#[test]
fn while_deliveries_are_under_way_an_announced_message_may_take_longer() {
    let mut node = Node::default();
    node.hears(beacon(0, 1));
    assert_eq!(node.when(seconds(59), seconds(60), true, true), []);
    assert_eq!(node.when(seconds(60), seconds(60), true, true), [Turn::Withheld]);
}

#[test]
fn a_sender_that_was_restored_counts_anew_and_nothing_is_withheld() {
    let mut node = Node::default();
    for n in 1..=5 {
        node.takes(n);
    }
    // From a backup of before its last two messages, before it sent anything again.
    assert_eq!(node.hears(beacon(0, 3)), []);
    let anew = Place { epoch: 9, n: 1, last: id(100) };
    node.hears(beacon_in(60, anew, 60));
    assert_eq!(node.at(seconds(5)), []);
    node.lines.accept(KEY, 9, 1, NOTHING_BEFORE, id(100));
    assert_eq!(node.compare(), None);
    assert_eq!(node.at(seconds(60)), []);
    // And with another key, which began another line.
    let other = KeyId(Digest::new([2; 32]));
    node.lines.accept(other, 9, 2, id(100), id(101));
    node.compare();
    assert_eq!(node.hears(beacon_in(120, Place { epoch: 9, n: 2, last: id(101) }, 60)), []);
    assert_eq!(node.at(seconds(120)), []);
}

#[test]
fn an_older_beacon_and_the_same_again_change_nothing() {
    let mut node = Node::default();
    node.hears(beacon(60, 1));
    assert_eq!(node.watch.hear(beacon(60, 0)), Err(NotNewer));
    assert_eq!(node.watch.hear(beacon(0, 0)), Err(NotNewer));
    assert_eq!(node.at(seconds(60)), [Turn::Withheld], "an old one does not clear it");
    assert_eq!(node.watch.heard_at(), Some(later(60_000)));
    assert_ne!(node.watch.heard_at(), Some(NOW));
}

#[test]
fn a_sender_that_is_silent_for_too_long_is_lost_and_then_back() {
    let mut node = Node::default();
    node.hears(beacon(0, 0));
    assert_eq!(node.at(SILENT_AFTER - Duration::from_millis(1)), []);
    assert_eq!(node.at(SILENT_AFTER), [Turn::Lost]);
    assert_eq!(node.at(seconds(1000)), []);
    assert!(node.watch.is_lost());
    assert_eq!(node.hears(beacon(1000, 0)), [Turn::Back]);
    assert!(!node.watch.is_lost());
    assert_eq!(node.at(seconds(1144)), []);
    assert_eq!(node.at(seconds(1145)), [Turn::Lost]);
    // Beacons that are closer are missed sooner.
    let mut often = Node::default();
    often.hears(beacon_in(0, Place::NOTHING, 10));
    assert_eq!(often.at(seconds(44)), []);
    assert_eq!(often.at(seconds(45)), [Turn::Lost]);
}

#[test]
fn whoever_was_never_heard_is_lost_after_as_long() {
    let mut node = Node { watch: SenderWatch::from(seconds(1000)), ..Node::default() };
    assert_eq!(node.at(seconds(1144)), []);
    assert_eq!(node.at(seconds(1145)), [Turn::Lost]);
}

#[test]
fn time_without_a_relay_counts_for_nobody_and_cutting_the_line_hides_no_silence() {
    let mut node = Node::default();
    node.hears(beacon(0, 0));
    assert_eq!(node.when(seconds(100_000), GRACE, false, false), []);
    assert_eq!(node.at(seconds(100_144)), []);
    // Whoever cuts the session every two minutes gains only the time without it.
    let mut cut = Node::default();
    cut.hears(beacon(0, 0));
    assert_eq!(cut.at(seconds(120)), []);
    assert_eq!(cut.when(seconds(125), GRACE, false, false), []);
    assert_eq!(cut.at(seconds(155)), [Turn::Lost]);
}

#[test]
fn sessions_that_flap_hide_no_silence() {
    let mut node = Node::default();
    node.hears(beacon(0, 0));
    // One second with a relay after each 140 without; nothing of the sender comes in any.
    let mut lost = None;
    for second in 1..600 {
        let up = second % 141 == 0;
        if node.when(seconds(second), GRACE, false, up).contains(&Turn::Lost) {
            lost = lost.or(Some(second));
        }
    }
    assert_eq!(lost, Some(283), "the second break is counted with the first");
    // What comes in such a second says that the sender is there.
    let mut honest = Node::default();
    for second in 0..600 {
        let up = second % 141 == 0;
        assert_eq!(honest.when(seconds(second), GRACE, false, up), []);
        if up {
            honest.hears(beacon(second, 0));
        }
    }
}

#[test]
fn a_short_break_counts_when_a_relay_has_been_there_for_half_a_minute() {
    let mut unheard = Unheard::default();
    unheard.pass(seconds(100), true);
    unheard.pass(seconds(40), false);
    unheard.pass(SETTLED_AFTER - Duration::from_millis(1), true);
    assert_eq!(unheard.total(), seconds(130) - Duration::from_millis(1));
    unheard.pass(Duration::from_millis(1), true);
    assert_eq!(unheard.total(), seconds(170));
    // A long one is told, and counts against nobody.
    unheard.pass(seconds(145), false);
    unheard.pass(SETTLED_AFTER, true);
    assert_eq!(unheard.total(), seconds(200));
    unheard.heard();
    assert_eq!(unheard.total(), Duration::ZERO);
}

#[test]
fn whoever_announces_and_takes_back_raises_one_alarm_an_hour() {
    let mut node = Node::default();
    node.hears(beacon(0, 1));
    assert_eq!(node.at(GRACE), [Turn::Withheld]);
    assert_eq!(node.hears(beacon(60, 0)), [Turn::Over]);
    node.at(seconds(11));
    assert!(node.watch.took_back());
    let taken_back = GRACE;
    // Again and again: it is shown, and no alarm.
    for turn in 2..60 {
        node.hears(beacon(turn * 120, turn));
        assert_eq!(node.at(taken_back + seconds(turn * 60)), [Turn::Doubtful], "{turn}");
        assert!(node.watch.is_withheld(), "it is shown");
        assert_eq!(node.hears(beacon(turn * 120 + 60, 0)), [Turn::Over]);
    }
    // What does not come for longer than the hour is an alarm all the same.
    node.hears(beacon(9000, 99));
    assert_eq!(node.at(taken_back + TOOK_BACK_FOR - Duration::from_millis(1)), [Turn::Doubtful]);
    assert_eq!(node.at(taken_back + TOOK_BACK_FOR), [Turn::Withheld]);
    assert_eq!(node.at(taken_back + TOOK_BACK_FOR + seconds(60)), []);
}

#[test]
fn a_key_that_was_replaced_hides_no_beacon_of_the_new_one() {
    let mut world = World::new();
    let by = |world: &World, name: &str, size: u64, second: u64, n: u64| {
        let facts = BeaconFacts {
            network: world.directory.network(),
            sender: point(NL),
            at: later(second * 1000),
            every_s: 60,
            directory_size: size,
            directory_root: Digest::new([7; 32]),
            nonce: sha256(&second.to_be_bytes()),
        };
        let leaves = [(point(MD), place(n), sha256(b"salt"))];
        let frame = facts.sign(leaves, &key(name)).unwrap();
        let admitted = AdmittedBeacon::admit(frame, &point(NL), &world.directory, NOW).unwrap();
        HeardBeacon::verify(&admitted.for_peer(&point(MD)).unwrap(), &point(MD), &world.directory, NOW)
            .unwrap()
    };
    let before = world.directory.size();
    world.authorise(office(NL, "NL, the next", Environment::Live, mandate()), NOW);
    let now = world.directory.size();
    let mut node = Node::default();
    node.takes(1);
    // Whoever has the old key, as far ahead of the time as it may.
    node.hears(by(&world, NL, before, 120, 1));
    let new = by(&world, "NL, the next", now, 5, 2);
    assert!(node.watch.is_news(new.beacon().at, new.beacon().sender_key));
    node.hears(new);
    assert_eq!(node.at(GRACE), [Turn::Withheld], "the new key's beacon counts");
    assert_eq!(node.watch.hear(by(&world, NL, before, 119, 0)), Err(NotNewer), "and the old one's no more");
    assert!(node.watch.is_withheld());
}

#[test]
fn a_gap_is_shown_at_once_and_an_alarm_when_it_stays() {
    let mut node = Node::default();
    node.takes(1);
    node.at(seconds(10));
    node.takes(4);
    let gap = |from, to| OpenGap { epoch: 1, from, to, last: None };
    let shown: Vec<(u64, u64)> = node.watch.gaps().iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(shown, [(2, 3)]);
    assert_eq!(node.at(seconds(10) + GAP_AFTER - Duration::from_millis(1)), []);
    assert_eq!(node.at(seconds(10) + GAP_AFTER), [Turn::Missing(gap(2, 3))]);
    assert_eq!(node.at(seconds(30)), [], "once");
    node.takes(2);
    assert_eq!(node.at(seconds(31)), [], "what is left of it was told");
    // More that is missing is told, as soon as it may be.
    node.takes(6);
    assert_eq!(node.at(seconds(33)), []);
    assert_eq!(node.at(seconds(31) + GAP_AFTER), [Turn::Missing(gap(5, 5))]);
    node.takes(3);
    node.takes(5);
    assert_eq!(node.watch.gaps(), []);
    assert_eq!(node.at(seconds(60)), []);
}

#[test]
fn on_a_poor_way_a_gap_is_told_in_time_and_an_alarm_only_when_it_stays() {
    let gap = OpenGap { epoch: 1, from: 2, to: 2, last: None };
    let gapped = || {
        let mut node = Node::default();
        node.takes(1);
        node.takes(3);
        assert_eq!(node.on_a_poor_way(GAP_AFTER - Duration::from_millis(1)), []);
        assert_eq!(node.on_a_poor_way(GAP_AFTER), [Turn::NotYet(gap)]);
        node.watch.hear(beacon(0, 0)).unwrap();
        node
    };
    let mut node = gapped();
    assert_eq!(node.on_a_poor_way(GAP_AFTER_POOR - Duration::from_millis(1)), [], "once");
    assert_eq!(node.on_a_poor_way(GAP_AFTER_POOR), [Turn::Missing(gap)]);
    // It came in time; or the way got better, and it still did not.
    let mut node = gapped();
    node.takes(2);
    assert_eq!(node.on_a_poor_way(GAP_AFTER_POOR), []);
    assert_eq!(gapped().at(seconds(20)), [Turn::Missing(gap)]);
}

#[test]
fn a_flash_that_overtakes_is_no_alarm_when_the_others_follow() {
    let mut node = Node::default();
    node.takes(1);
    node.takes(4);
    assert_eq!(node.when(GAP_AFTER, seconds(60), true, true), [], "deliveries are under way");
    node.takes(2);
    node.takes(3);
    assert_eq!(node.when(GAP_AFTER_BUSY, seconds(60), true, true), []);
    assert!(GAP_AFTER_BUSY < seconds(10), "and yet within ten seconds");
}

#[test]
fn a_gap_grows_without_a_new_alarm_for_what_was_told_nor_an_early_one_for_what_was_not() {
    let mut node = Node::default();
    node.takes(1);
    node.takes(3);
    assert_eq!(node.at(seconds(6)).len(), 1);
    // 4 and 5 join the gap of 2 as one: only 3 stands between them.
    node.takes(6);
    assert_eq!(node.at(seconds(7)), []);
    assert_eq!(node.at(seconds(12)).len(), 1);
}

#[test]
fn a_restart_tells_no_gap_twice_and_forgets_none() {
    let mut node = Node::default();
    node.takes(1);
    node.takes(3);
    node.at(seconds(6));
    node.takes(5);
    let mut again = node.restarted();
    assert_eq!(again.watch.gaps().len(), 2, "both are shown");
    let told = again.at(GAP_AFTER);
    assert_eq!(told, [Turn::Missing(OpenGap { epoch: 1, from: 4, to: 4, last: None })]);
    assert_eq!(again.restarted().at(seconds(100)), []);
}

/// A message or a beacon on its way: when it leaves, how long it takes.
#[derive(Debug, Clone)]
struct Trip {
    leaves_ms: u64,
    takes_ms: u64,
    /// How many times it is handed over.
    times: u8,
}

fn trips() -> impl Strategy<Value = Vec<Trip>> {
    let grace_ms = u64::try_from(GAP_AFTER.as_millis()).unwrap_or(0);
    let trip = (0..240_000_u64, 0..grace_ms, 1..3_u8).prop_map(|(leaves_ms, takes_ms, times)| Trip {
        leaves_ms,
        takes_ms,
        times,
    });
    proptest::collection::vec(trip, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is slow, overtaken, brought twice or met by a restart: as long as every message comes
    /// within the grace, nobody is accused.
    #[test]
    fn a_slow_network_accuses_nobody(
        mut messages in trips(),
        beacon_delays in proptest::collection::vec(0..10_000_u64, 5),
        restarts in proptest::collection::btree_set(0..250_u64, 0..3),
        receipts_ms in 0..3_000_u64,
    ) {
        messages.sort_by_key(|trip| trip.leaves_ms);
        // What happens when, in milliseconds.
        enum What { Comes(u64), Beacon(Box<HeardBeacon>), Restart }
        let mut events: Vec<(u64, What)> = Vec::new();
        for (n, trip) in (1_u64..).zip(&messages) {
            for again in 0..u64::from(trip.times) {
                events.push((trip.leaves_ms + trip.takes_ms + again * 500, What::Comes(n)));
            }
        }
        for (turn, delay) in (0_u64..).zip(&beacon_delays) {
            let made = turn * 60_000;
            // The sender announces what a relay's receipt told it; that may lag behind.
            let known = messages.iter().filter(|trip| trip.leaves_ms + receipts_ms <= made).count() as u64;
            events.push((made + delay, What::Beacon(Box::new(beacon(turn * 60, known)))));
        }
        events.extend(restarts.into_iter().map(|second| (second * 1000, What::Restart)));
        events.sort_by_key(|(at, _)| *at);

        let mut node = Node::default();
        let (mut events, mut begun) = (events.into_iter().peekable(), 0);
        for now_ms in (0..260_000_u64).step_by(250) {
            node.now = Duration::from_millis(now_ms - begun);
            while let Some((_, what)) = events.next_if(|(at, _)| *at <= now_ms) {
                match what {
                    What::Comes(n) => drop(node.takes(n)),
                    What::Beacon(beacon) => drop(node.hears(*beacon)),
                    What::Restart => {
                        node = node.restarted();
                        begun = now_ms;
                    }
                }
            }
            let told = node.at(Duration::from_millis(now_ms - begun));
            prop_assert_eq!(told, Vec::<Turn>::new(), "at {} ms", now_ms);
        }
        prop_assert_eq!(node.watch.gaps(), []);
    }

    /// Whichever message is held back, it is told within the interval and the grace of when it was sent;
    /// or within ten seconds of a later one that comes.
    #[test]
    fn whatever_is_held_back_is_told_in_time(held in 1..12_u64, sent_s in proptest::collection::vec(1..40_u64, 12)) {
        let mut times: Vec<u64> = Vec::new();
        for gap in sent_s {
            times.push(times.last().copied().unwrap_or(0) + gap);
        }
        let mut node = Node::default();
        let mut told = None;
        for second in 0..700_u64 {
            node.now = seconds(second);
            for (n, at) in (1_u64..).zip(&times) {
                if *at == second && n != held {
                    node.takes(n);
                }
            }
            if second % 60 == 0 {
                let known = times.iter().filter(|at| **at < second).count() as u64;
                node.hears(beacon(second, known));
            }
            let turns = node.at(seconds(second));
            if told.is_none() && turns.iter().any(|t| matches!(t, Turn::Withheld | Turn::Missing(_))) {
                told = Some(second);
            }
        }
        let sent = times[usize::try_from(held).unwrap() - 1];
        let told = told.expect("it is told");
        prop_assert!(told <= sent + 60 + 10, "sent at {}, told at {}", sent, told);
    }
}
