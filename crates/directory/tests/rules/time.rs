//! The log's time: no date that few put into it breaks it, and what was endorsed long ago is not used late.

use pouch_directory::{Act, Charter, NotInRole, StatementRefused as Refused, Thresholds};
use pouch_wire::{Environment, Timestamp};

use crate::acts::{authorise, day_key, prekeys, recover, reinstate, rotate, suspend, veto};
use crate::world::{DAY, HOUR, SECOND, THRESHOLDS, World, charter_of, id, member, point};

const LIVE: Environment = Environment::Live;
const END_OF_TIME: Timestamp = Timestamp(u64::MAX);
const OTHERS: [&str; 2] = ["BA root", "MD root"];

/// The office publishes a key for the day that ends then, in a statement dated so.
fn says_at(world: &mut World, code: &str, at: Timestamp) {
    let until = at.0.saturating_add(SECOND);
    // What is published is of use when it is.
    let now = std::mem::replace(&mut world.now, Timestamp(at.0.min(until - 1)));
    let office = format!("{code}/technical");
    let key = day_key(&format!("{office} at {}", world.directory.size()), Timestamp(until - DAY));
    world.does(prekeys(&office, LIVE, vec![key]), &[&office]);
    world.now = now;
}

fn says(world: &mut World, code: &str) {
    says_at(world, code, world.now);
}

/// What an entry of MD's that is dated back is taken to be as old as.
fn log_time(world: &mut World) -> Timestamp {
    let mut world = world.clone();
    world.now = crate::world::FOUNDED;
    let index = world.does(authorise("MD/policy", "MD/policy"), &["MD root"]);
    world.directory.now_view().logged_from(index).unwrap()
}

#[test]
fn one_office_dated_to_the_end_of_time_breaks_no_time() {
    // A sequencer and one office key made every later recovery, suspension and replaced key begin then.
    let mut world = World::new();
    let founding = world.now;
    says_at(&mut world, "BA", END_OF_TIME);
    assert_eq!(log_time(&mut world), Timestamp(founding.0 + DAY));
    world.wait(2 * DAY);
    says(&mut world, "MD");
    says(&mut world, "NL");
    // Again and again: no further than a day beyond two others.
    says_at(&mut world, "BA", END_OF_TIME);
    assert_eq!(log_time(&mut world), Timestamp(world.now.0 + DAY));
    world.wait(2 * DAY);
    world.does(authorise("NL/technical", "two"), &["NL root"]);
    let superseded = world.directory.as_of(world.directory.size() - 1);
    let superseded =
        superseded.may_sign(&point("NL/technical"), LIVE, id("NL/technical")).unwrap().superseded;
    assert_eq!(superseded, Some(world.now));
    world.does(suspend("BA"), &["MD root", "NL root"]);
    assert_eq!(world.directory.now_view().suspended_since(&member("BA")), Some(world.now));
    world.does(reinstate("BA"), &["MD root", "NL root"]);
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    let until = world.directory.recovery_waits_until(&member("NL"));
    assert_eq!(until, Some(Timestamp(world.now.0 + 7 * DAY)));
}

#[test]
fn enough_members_move_the_log_on_and_nobody_moves_it_back() {
    let mut world = World::new();
    world.wait(20 * DAY);
    says(&mut world, "BA");
    says(&mut world, "NL");
    assert_eq!(log_time(&mut world), world.now);
    let now = world.now;
    world.now = Timestamp(now.0 - 10 * DAY);
    let index = world.does(authorise("NL/policy", "NL/policy"), &["NL root"]);
    assert_eq!(world.directory.now_view().logged_from(index), Some(now));
}

#[test]
fn a_small_network_with_a_silent_member_goes_by_the_dates_of_those_who_speak() {
    let mut charter = charter_of(&["MD", "NL"]);
    charter.thresholds = Thresholds { admission: 1, network: 1, recovery_after_veto: 1, ..THRESHOLDS };
    let mut world = World::of(&charter);
    world.does(authorise("NL/technical", "one"), &["NL root"]);
    world.wait(40 * DAY);
    let index = world.does(authorise("NL/technical", "two"), &["NL root"]);
    let view = world.directory.as_of(index).may_sign(&point("NL/technical"), LIVE, id("one")).unwrap();
    assert_eq!(view.superseded, Some(world.now));
}

#[test]
fn a_recovery_dated_far_ahead_of_the_log_is_refused() {
    // It would wait for ever, and nobody could begin another.
    let mut world = World::new();
    let now = world.now;
    for ahead in [u64::MAX, now.0 + 30 * DAY + 1] {
        world.now = Timestamp(ahead);
        let refused = world.refuses(recover("new root", "new next"), &["MD root", "new root"]);
        assert_eq!(refused, Refused::FarAhead);
    }
    world.now = Timestamp(now.0 + 30 * DAY);
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
}

fn recovering() -> World {
    let mut world = World::new();
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    world
}

#[test]
fn who_is_silent_holds_a_recovery_up_for_twice_its_delay() {
    // One hostile member that neither endorsed nor spoke again kept NL from its root for ever.
    let mut world = recovering();
    world.wait(14 * DAY - 1);
    says(&mut world, "NL");
    says(&mut world, "MD");
    assert!(world.root_is("NL", "NL root"));
    world.wait(1);
    says(&mut world, "NL");
    assert!(world.root_is("NL", "NL root"));
    says(&mut world, "MD");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn endorsers_alone_never_say_that_twice_the_delay_is_over() {
    let codes = ["BA", "FR", "LU", "MD", "NL"];
    let mut world = World::of(&charter_of(&codes));
    for code in codes {
        let office = format!("{code}/technical");
        world.does(authorise(&office, &office), &[&format!("{code} root")]);
    }
    world.does(recover("new root", "new next"), &["BA root", "FR root", "LU root", "new root"]);
    world.wait(30 * DAY);
    for code in ["BA", "FR", "LU"] {
        says(&mut world, code);
    }
    assert!(world.root_is("NL", "NL root"));
    says(&mut world, "NL");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn a_date_of_before_the_recovery_ends_no_delay() {
    let mut world = World::new();
    world.wait(20 * DAY);
    says(&mut world, "BA");
    let now = world.now;
    says_at(&mut world, "NL", END_OF_TIME);
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    says(&mut world, "MD");
    says(&mut world, "NL");
    says(&mut world, "BA");
    assert!(world.root_is("NL", "NL root"));
    // One liar makes it a day longer.
    world.now = Timestamp(now.0 + 8 * DAY);
    says(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn a_suspension_endorsed_before_the_last_one_is_not_used_after_it() {
    // Of two that waited in a drawer, the second was used when the first had been made good.
    let mut world = World::new();
    let first = world.entry(suspend("NL"), &OTHERS);
    world.wait(SECOND);
    world.does(suspend("NL"), &OTHERS);
    let early = world.entry(reinstate("NL"), &OTHERS);
    world.wait(HOUR);
    world.does(reinstate("NL"), &OTHERS);
    assert_eq!(world.refuses_entry(first), Refused::Outdated(member("NL")));
    world.wait(HOUR);
    world.does(suspend("NL"), &OTHERS);
    assert_eq!(world.refuses_entry(early), Refused::Outdated(member("NL")));
    world.does(reinstate("NL"), &OTHERS);
}

#[test]
fn a_recovery_endorsed_before_the_last_change_of_the_root_is_not_used_after_it() {
    let endorsed = ["BA root", "MD root", "newer root"];
    let changes: [(Act, &str, bool); 2] = [
        (rotate("NL", "NL next root", "third"), "NL next root", false),
        (veto("NL next root"), "NL next root", true),
    ];
    for (change, signer, waits) in changes {
        let mut world = World::new();
        let held = world.entry(recover("newer root", "newer next"), &endorsed);
        world.wait(SECOND);
        if waits {
            world.does(recover("new root", "new next"), &["MD root", "new root"]);
        }
        world.does(change, &[signer]);
        assert_eq!(world.refuses_entry(held), Refused::Outdated(member("NL")));
        world.does(recover("newer root", "newer next"), &endorsed);
    }
    let mut world = recovering();
    let held = world.entry(recover("newer root", "newer next"), &endorsed);
    world.wait(7 * DAY);
    says(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
    assert_eq!(world.refuses_entry(held), Refused::Outdated(member("NL")));
    world.does(recover("newer root", "newer next"), &endorsed);
}

#[test]
fn a_veto_dated_to_the_end_of_time_does_not_end_recoveries() {
    let mut world = recovering();
    let now = std::mem::replace(&mut world.now, END_OF_TIME);
    world.does(veto("NL next root"), &["NL next root"]);
    world.now = Timestamp(now.0 + DAY);
    world.does(recover("newer root", "newer next"), &["BA root", "MD root", "newer root"]);
}

fn of(codes: &[&str], edit: impl FnOnce(&mut Thresholds)) -> World {
    let mut charter: Charter = charter_of(codes);
    edit(&mut charter.thresholds);
    World::of(&charter)
}

#[test]
fn a_suspension_leaves_as_many_active_as_must_agree() {
    let mut world = of(&["BA", "FR", "MD", "NL"], |t| t.network = 3);
    world.does(suspend("FR"), &OTHERS);
    assert_eq!(world.refuses(suspend("NL"), &OTHERS), Refused::TooFewLeft(3));
    world.does(reinstate("FR"), &OTHERS);
    world.does(suspend("NL"), &OTHERS);
    let view = world.directory.now_view();
    assert_eq!(view.active().count(), 3);
    let gone = view.may_sign(&point("NL/technical"), LIVE, id("NL/technical"));
    assert_eq!(gone, Err(NotInRole::Suspended(member("NL"))));
}
