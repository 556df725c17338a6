//! Recovery of a root by the other members: it waits, it can be vetoed, and it cannot be hurried.

use pouch_directory::{Charter, StatementRefused as Refused, Thresholds};
use pouch_wire::{Environment, Timestamp};

use crate::acts::{
    admit, authorise, authorise_officer, day_key, office, officer, prekeys, recover, revoke, rotate, suspend,
    veto,
};
use crate::world::{DAY, FOUNDED, HOUR, THRESHOLDS, World, charter_of, id, key, member, point, text};

/// Has an effect and changes nothing that matters here.
fn says_something(world: &mut World, code: &str) {
    let office = format!("{code}/technical");
    let name = format!("{office} at {}", world.directory.size());
    let act = prekeys(&office, Environment::Live, vec![day_key(&name, world.now)]);
    world.does(act, &[&office]);
}

fn recovering() -> World {
    let mut world = World::new();
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    world
}

#[test]
fn a_recovery_takes_effect_after_its_delay_with_the_word_of_another() {
    let mut world = recovering();
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "NL root"));
    world.wait(7 * DAY - 1);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "NL root"));
    world.wait(1);
    let index = world.directory.size();
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
    let then = world.directory.as_of(index).member(&member("NL")).unwrap();
    assert_eq!(then.root, key("NL root").public());
    world.does(authorise("NL/policy", "NL/policy"), &["new root"]);
    world.does(rotate("NL", "new next", "third"), &["new next"]);
    // The lost root can be revoked now.
    world.does(revoke("NL root"), &["new next"]);
}

#[test]
fn who_endorsed_a_recovery_does_not_say_when_its_delay_is_over() {
    // One member can begin a recovery in a network of three. Dating its next statement a week ahead gave
    // it the root at once, before anybody could veto.
    let mut world = recovering();
    world.wait(14 * DAY - 1);
    says_something(&mut world, "MD");
    says_something(&mut world, "NL");
    assert!(world.root_is("NL", "NL root"));
    // By itself, whatever date it gives.
    world.wait(30 * DAY);
    says_something(&mut world, "MD");
    assert!(world.root_is("NL", "NL root"));
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn an_entry_without_effect_does_not_end_a_delay() {
    // Any bytes with a late date did.
    let mut world = recovering();
    world.now = Timestamp(u64::MAX);
    let unsigned = world.refuses(admit("FR"), &[]);
    assert_eq!(unsigned, Refused::NotEnough(0, 2));
    assert!(world.root_is("NL", "NL root"));
}

#[test]
fn a_recovery_that_is_dated_back_waits_as_long() {
    let mut world = World::new();
    world.wait(20 * DAY);
    says_something(&mut world, "BA");
    let now = world.now;
    world.now = FOUNDED;
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    world.now = Timestamp(now.0 + HOUR);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "NL root"));
    world.now = Timestamp(now.0 + 7 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn where_all_others_endorsed_any_of_them_ends_the_delay() {
    let mut world = World::new();
    world.does(recover("new root", "new next"), &["BA root", "MD root", "new root"]);
    world.wait(7 * DAY);
    says_something(&mut world, "MD");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn the_next_root_vetoes_and_the_next_recovery_needs_more() {
    let mut world = recovering();
    world.does(veto("NL next root"), &["NL next root"]);
    world.wait(8 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "NL root"));
    let again = recover("newer root", "newer next");
    let refused = world.refuses(again.clone(), &["MD root", "newer root"]);
    assert_eq!(refused, Refused::NotEnough(1, 2));
    world.does(again, &["BA root", "MD root", "newer root"]);
    world.wait(7 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "newer root"));
    // With the new root the old dispute is over.
    world.does(recover("newest root", "newest next"), &["MD root", "newest root"]);
}

#[test]
fn a_thief_of_the_current_root_cannot_block_a_recovery() {
    let mut world = recovering();
    let refused = world.refuses(veto("NL root"), &["NL root"]);
    assert_eq!(refused, Refused::NotCommitted);
    let refused = world.refuses(veto("NL next root"), &["NL root"]);
    assert_eq!(refused, Refused::NotSignedBy(id("NL next root")));
    // Nor take or revoke the keys that wait.
    for waiting in ["new root", "new next"] {
        let taken = Refused::KeyTaken(id(waiting));
        assert_eq!(world.refuses(authorise("NL/policy", waiting), &["NL root"]), taken);
        assert_eq!(world.refuses(authorise_officer(officer(waiting)), &["NL root"]), taken);
        assert_eq!(world.refuses(revoke(waiting), &["NL root"]), Refused::NotYourKey(id(waiting)));
    }
    world.wait(7 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn a_rotation_by_the_member_ends_a_recovery() {
    let mut world = recovering();
    world.does(rotate("NL", "NL next root", "third"), &["NL next root"]);
    world.wait(8 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "NL next root"));
    assert_eq!(world.refuses(veto("third"), &["third"]), Refused::NoRecovery);
}

#[test]
fn one_recovery_waits_at_a_time() {
    let mut world = recovering();
    let refused = world.refuses(recover("newer root", "newer next"), &["BA root", "newer root"]);
    assert_eq!(refused, Refused::RecoveryWaits);
}

#[test]
fn a_veto_of_nothing_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refuses(veto("NL next root"), &["NL next root"]), Refused::NoRecovery);
}

#[test]
fn the_member_itself_does_not_count_for_its_recovery() {
    let mut world = World::new();
    let act = recover("new root", "new next");
    assert_eq!(world.refuses(act.clone(), &["NL root", "new root"]), Refused::NotEnough(0, 1));
    // Neither does a key that nobody shows.
    assert_eq!(world.refuses(act, &["MD root"]), Refused::NotSignedBy(id("new root")));
}

#[test]
fn a_recovery_to_a_key_that_is_bound_is_refused() {
    let mut world = World::new();
    for bound in ["NL root", "NL next root", "MD/technical"] {
        let taken = Refused::KeyTaken(id(bound));
        assert_eq!(world.refuses(recover(bound, "new next"), &["MD root", bound]), taken, "{bound}");
        assert_eq!(world.refuses(recover("new root", bound), &["MD root", "new root"]), taken, "{bound}");
    }
    let same = world.refuses(recover("new root", "new root"), &["MD root", "new root"]);
    assert_eq!(same, Refused::KeyTaken(id("new root")));
}

#[test]
fn a_suspended_member_can_be_recovered_and_stays_suspended() {
    let mut world = recovering();
    world.does(suspend("NL"), &["BA root", "MD root"]);
    world.wait(7 * DAY);
    says_something(&mut world, "BA");
    assert!(world.root_is("NL", "new root"));
    assert!(world.directory.now_view().member(&member("NL")).unwrap().suspended);
}

fn two() -> Charter {
    let mut charter = charter_of(&["MD", "NL"]);
    charter.thresholds = Thresholds { admission: 1, network: 1, recovery_after_veto: 1, ..THRESHOLDS };
    charter
}

#[test]
fn a_recovery_never_takes_effect_with_the_entry_that_begins_it() {
    let mut charter = two();
    charter.thresholds.recovery_delay_ms = 0;
    let mut world = World::of(&charter);
    world.does(authorise("MD/technical", "MD/technical"), &["MD root"]);
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    assert!(world.root_is("NL", "NL root"));
    says_something(&mut world, "MD");
    assert!(world.root_is("NL", "new root"));
}

#[test]
fn where_two_are_all_there_is_the_other_recovers_alone_after_the_delay() {
    let mut world = World::of(&two());
    let mut entry = office("MD/technical", "MD/technical");
    world.does(crate::acts::contact_point(entry.clone()), &["MD root"]);
    world.does(recover("new root", "new next"), &["MD root", "new root"]);
    entry.telephone = text("+373 22 555 010");
    world.does(crate::acts::contact_point(entry), &["MD root"]);
    assert!(world.root_is("NL", "NL root"));
    world.wait(7 * DAY);
    says_something(&mut world, "MD");
    assert!(world.root_is("NL", "new root"));
    assert!(world.directory.now_view().contact_point(&point("MD/technical"), Environment::Live).is_some());
}
