//! Rotation of a root to the key that was committed before.

use pouch_directory::StatementRefused as Refused;

use crate::acts::{authorise, revoke, rotate};
use crate::world::{World, id, key, member};

#[test]
fn a_root_rotates_to_the_committed_key_and_commits_to_the_next() {
    let mut world = World::founded();
    let index = world.does(rotate("NL", "NL next root", "third"), &["NL next root"]);
    assert!(world.root_is("NL", "NL next root"));
    let before = world.directory.as_of(index).member(&member("NL")).unwrap();
    assert_eq!(before.root, key("NL root").public());
    // From the next entry on the new root speaks, and the old one does not.
    let act = authorise("NL/technical", "one");
    assert_eq!(world.refuses(act.clone(), &["NL root"]), Refused::NotSignedBy(id("NL next root")));
    world.does(act, &["NL next root"]);
    world.does(rotate("NL", "third", "fourth"), &["third"]);
    assert!(world.root_is("NL", "third"));
}

#[test]
fn a_root_that_was_not_committed_is_refused() {
    let mut world = World::founded();
    for other in ["another", "MD next root", "NL root"] {
        let refused = world.refuses(rotate("NL", other, "third"), &[other, "NL root"]);
        assert_eq!(refused, Refused::NotCommitted, "{other}");
    }
}

#[test]
fn a_thief_of_the_current_root_cannot_rotate_it() {
    let mut world = World::founded();
    let refused = world.refuses(rotate("NL", "NL next root", "third"), &["NL root"]);
    assert_eq!(refused, Refused::NotSignedBy(id("NL next root")));
}

#[test]
fn a_next_root_that_is_bound_or_revoked_is_refused() {
    let mut world = World::new();
    for bound in ["NL root", "NL next root", "MD next root", "NL/technical"] {
        let refused = world.refuses(rotate("NL", "NL next root", bound), &["NL next root"]);
        assert_eq!(refused, Refused::KeyTaken(id(bound)), "{bound}");
    }
    world.does(revoke("NL/technical"), &["NL root"]);
    let refused = world.refuses(rotate("NL", "NL next root", "NL/technical"), &["NL next root"]);
    assert_eq!(refused, Refused::KeyRevoked(id("NL/technical")));
    world.does(rotate("NL", "NL next root", "third"), &["NL next root"]);
}
