//! Admission, suspension, reinstatement.

use pouch_directory::{Act, NotInRole, StatementRefused as Refused, TransportOwner};
use pouch_wire::Environment;

use crate::acts::{admit, authorise, day_key, open_exercise, prekeys, reinstate, revoke, rotate, suspend};
use crate::world::{World, id, key, member, point, text};

#[test]
fn enough_members_admit_a_newcomer_that_shows_its_root() {
    let mut world = World::founded();
    let index = world.does(admit("FR"), &["BA root", "NL root", "FR root"]);
    let fr = member("FR");
    assert!(world.directory.as_of(index).member(&fr).is_none());
    let record = world.directory.as_of(index + 1).member(&fr).unwrap();
    assert_eq!((record.root, record.next_root), (key("FR root").public(), id("FR next root")));
    assert!(!record.suspended);
    world.does(authorise("FR/technical", "FR/technical"), &["FR root"]);
}

#[test]
fn too_few_endorsements_are_refused_and_nobody_counts_twice() {
    let mut world = World::founded();
    let one = Refused::NotEnough(1, 2);
    assert_eq!(world.refuses(admit("FR"), &["NL root", "FR root"]), one);
    // Neither the newcomer nor the committed next root nor an office endorses.
    let keys = ["NL root", "NL next root", "NL/technical", "FR root"];
    assert_eq!(world.refuses(admit("FR"), &keys), one);
    assert_eq!(world.refuses(admit("FR"), &["FR root"]), Refused::NotEnough(0, 2));
}

#[test]
fn a_newcomer_that_does_not_hold_its_root_is_refused() {
    let mut world = World::founded();
    let refused = world.refuses(admit("FR"), &["BA root", "NL root"]);
    assert_eq!(refused, Refused::NotSignedBy(id("FR root")));
}

#[test]
fn a_second_member_with_the_same_or_a_confusable_code_is_refused() {
    let mut world = World::founded();
    assert_eq!(
        world.refuses(admit("MD"), &["BA root", "NL root", "MD root"]),
        Refused::Confusable(member("MD"))
    );
    let endorsed = |root: &'static str| ["BA root", "NL root", root];
    world.does(admit("OSCIE"), &endorsed("OSCIE root"));
    let alike = Refused::Confusable(member("OSCLE"));
    assert_eq!(world.refuses(admit("OSCLE"), &endorsed("OSCLE root")), alike);
    // Suspension frees no code.
    world.does(suspend("OSCIE"), &["BA root", "NL root"]);
    assert_eq!(world.refuses(admit("OSCLE"), &endorsed("OSCLE root")), alike);
    world.does(admit("NATO"), &endorsed("NATO root"));
}

fn admit_with(root: &str, next_root: &str) -> Act {
    let Act::AdmitMember { member, name, .. } = admit("FR") else { panic!() };
    Act::AdmitMember { member, name, root: key(root).public(), next_root: id(next_root) }
}

#[test]
fn a_newcomer_with_a_key_that_is_bound_to_anyone_is_refused() {
    let mut world = World::new();
    let keys = ["BA root", "NL root", "FR root"];
    for bound in ["NL root", "NL next root", "MD/technical", "MD/technical transport", "relay-1 receipts"] {
        let taken = Refused::KeyTaken(id(bound));
        assert_eq!(world.refuses(admit_with(bound, "FR next root"), &keys), taken, "{bound}");
        assert_eq!(world.refuses(admit_with("FR root", bound), &keys), taken, "{bound}");
    }
    let same = world.refuses(admit_with("FR root", "FR root"), &keys);
    assert_eq!(same, Refused::KeyTaken(id("FR root")));
    world.does(admit_with("FR root", "FR next root"), &keys);
}

#[test]
fn a_newcomer_with_a_revoked_key_is_refused() {
    let mut world = World::new();
    world.does(revoke("NL/technical"), &["NL root"]);
    let keys = ["BA root", "MD root", "NL/technical"];
    let refused = world.refuses(admit_with("NL/technical", "FR next root"), &keys);
    assert_eq!(refused, Refused::KeyRevoked(id("NL/technical")));
}

#[test]
fn a_suspended_member_speaks_for_nobody_until_it_is_reinstated() {
    let mut world = World::new();
    let drill = Environment::Live;
    world.does(prekeys("NL/technical", drill, vec![day_key("one", world.now)]), &["NL/technical"]);
    let before = world.directory.size();
    let index = world.does(suspend("NL"), &["BA root", "MD root"]);
    let office = point("NL/technical");
    let view = world.directory.now_view();
    let refused = view.may_sign(&office, drill, id("NL/technical"));
    assert_eq!(refused, Err(NotInRole::Suspended(member("NL"))));
    assert!(view.contact_point(&office, drill).is_none());
    assert!(view.prekeys(&office, drill, world.now).is_empty());
    assert!(view.home_relays(&office).is_empty());
    assert_eq!(view.who_has_transport(&key("NL/technical transport").public()), None);
    assert_eq!(view.suspended_since(&member("NL")), Some(world.now));
    let then = world.directory.as_of(before);
    assert!(then.may_sign(&office, drill, id("NL/technical")).is_ok());
    let owner = then.who_has_transport(&key("NL/technical transport").public());
    assert_eq!(owner, Some(TransportOwner::ContactPoint(office.clone())));
    world.does(reinstate("NL"), &["BA root", "MD root"]);
    assert!(world.speaks("NL/technical"));
    assert_eq!(world.directory.now_view().suspended_since(&member("NL")), None);
    let then = world.directory.as_of(index + 1).may_sign(&office, drill, id("NL/technical"));
    assert_eq!(then, Err(NotInRole::Suspended(member("NL"))));
}

#[test]
fn what_a_suspended_member_states_is_refused() {
    let mut world = World::new();
    world.does(suspend("NL"), &["BA root", "MD root"]);
    let suspended = Refused::Suspended(member("NL"));
    let now = world.now;
    let drill = open_exercise("Blue Heron", &["MD", "NL"], now);
    let prekey = prekeys("NL/technical", Environment::Live, vec![day_key("one", now)]);
    for (act, signer) in [
        (authorise("NL/policy", "NL/policy"), "NL root"),
        (revoke("NL/technical"), "NL root"),
        (rotate("NL", "NL next root", "NL third root"), "NL next root"),
        (prekey, "NL/technical"),
        (drill, "MD root"),
    ] {
        assert_eq!(world.refuses(act, &[signer]), suspended);
    }
}

#[test]
fn a_suspended_member_does_not_endorse() {
    let mut world = World::founded();
    world.does(suspend("NL"), &["BA root", "MD root"]);
    let refused = world.refuses(admit("FR"), &["MD root", "NL root", "FR root"]);
    assert_eq!(refused, Refused::NotEnough(1, 2));
}

#[test]
fn the_member_itself_does_not_count_for_or_against_its_suspension() {
    let mut world = World::founded();
    assert_eq!(world.refuses(suspend("NL"), &["MD root", "NL root"]), Refused::NotEnough(1, 2));
    world.does(suspend("NL"), &["BA root", "MD root"]);
    assert_eq!(world.refuses(reinstate("NL"), &["MD root", "NL root"]), Refused::NotEnough(1, 2));
}

#[test]
fn a_suspension_that_changes_nothing_is_refused() {
    let mut world = World::founded();
    assert_eq!(world.refuses(reinstate("NL"), &["BA root", "MD root"]), Refused::NoChange);
    world.does(suspend("NL"), &["BA root", "MD root"]);
    let again = Act::SuspendMember { member: member("NL"), reason: text("again") };
    assert_eq!(world.refuses(again, &["BA root", "MD root"]), Refused::NoChange);
}

#[test]
fn what_names_no_member_is_refused() {
    let mut world = World::founded();
    let nobody = Refused::NoMember(member("FR"));
    assert_eq!(world.refuses(suspend("FR"), &["BA root", "MD root"]), nobody);
    assert_eq!(world.refuses(reinstate("FR"), &["BA root", "MD root"]), nobody);
    assert_eq!(world.refuses(authorise("FR/technical", "FR/technical"), &["FR root"]), nobody);
    assert_eq!(world.refuses(rotate("FR", "FR next root", "FR third root"), &["FR next root"]), nobody);
    let drill = open_exercise("Blue Heron", &["FR", "NL"], world.now);
    assert_eq!(world.refuses(drill, &["NL root"]), nobody);
}
