//! Relays, witnesses, quorum and thresholds, changed by the members together.

use pouch_directory::{
    Act, LogKeys, NetworkChange, Relay, StatementRefused as Refused, Thresholds, TransportOwner, Witness,
};
use pouch_wire::{List, Set, limits};

use crate::acts::{admit, authorise, change_network, no_change, reinstate, revoke, suspend};
use crate::world::{THRESHOLDS, World, charter_of, id, key, log, relay, set, text, witness, witnesses};

/// The network of the charter, changed; whatever the network is now.
fn change(
    world: &World,
    edit: impl FnOnce(&mut Vec<Relay>, &mut Vec<Witness>, &mut u8, &mut Thresholds),
) -> Act {
    let (mut relays, mut all) = (vec![relay("relay-1"), relay("relay-2")], witnesses());
    let (mut quorum, mut thresholds) = (2, THRESHOLDS);
    edit(&mut relays, &mut all, &mut quorum, &mut thresholds);
    let view = world.directory.now_view();
    changing(NetworkChange::to(&view, &relays, &all, quorum, thresholds).unwrap())
}

fn changing(change: NetworkChange) -> Act {
    Act::ChangeNetwork(Box::new(change))
}

const ENOUGH: [&str; 2] = ["MD root", "NL root"];

#[test]
fn a_change_of_the_network_holds_from_its_entry_on() {
    let mut world = World::new();
    let index = world.does(change_network(), &ENOUGH);
    let names = |size: u64| -> Vec<String> {
        world.directory.as_of(size).relays().iter().map(|relay| relay.name.to_string()).collect()
    };
    assert_eq!(names(index), ["relay-1", "relay-2"]);
    assert_eq!(names(index + 1), ["relay-2"]);
    let view = world.directory.now_view();
    assert_eq!((view.quorum(), world.directory.as_of(index).quorum()), (1, 2));
    assert_eq!(view.who_has_transport(&key("relay-1 transport").public()), None);
    let then = world.directory.as_of(index);
    assert_eq!(
        then.who_has_transport(&key("relay-1 transport").public()),
        Some(TransportOwner::Relay("relay-1".into()))
    );
    assert_ne!(view.directory_policy(), then.directory_policy());
    // One that is no longer named may still read so.
    let transport = |name: &str| key(&format!("{name} transport")).public();
    assert_eq!(view.former_relay(&transport("relay-1")), Some("relay-1"));
    assert_eq!(then.former_relay(&transport("relay-1")), None, "it is named");
    assert_eq!(view.former_relay(&transport("relay-2")), None);
    assert_eq!(view.former_relay(&transport("NL/technical")), None);
}

#[test]
fn new_thresholds_hold_for_what_comes_after() {
    let mut world = World::founded();
    world.does(change(&world, |_, _, _, thresholds| thresholds.admission = 1), &ENOUGH);
    world.does(admit("FR"), &["NL root", "FR root"]);
    assert_eq!(world.directory.now_view().thresholds().admission, 1);
}

#[test]
fn too_few_members_change_nothing() {
    let mut world = World::new();
    assert_eq!(world.refuses(change_network(), &["NL root"]), Refused::NotEnough(1, 2));
    let keys = ["NL root", "relay-1 receipts", "MD/technical"];
    assert_eq!(world.refuses(change_network(), &keys), Refused::NotEnough(1, 2));
}

#[test]
fn every_threshold_and_the_quorum_leave_one_to_spare() {
    let mut world = World::founded();
    for quorum in [0, 3] {
        let refused = world.refuses(change(&world, |_, _, q, _| *q = quorum), &ENOUGH);
        assert_eq!(refused, Refused::Thresholds("the witnesses"));
    }
    for (edit, of) in [
        ((|t| t.admission = 3) as fn(&mut Thresholds), "admission"),
        (|t| t.network = 0, "changes of the network"),
        (|t| t.recovery = 2, "recovery"),
        (|t| t.recovery_after_veto = 1, "recovery after a veto"),
    ] {
        assert_eq!(world.refuses(change(&world, |_, _, _, t| edit(t)), &ENOUGH), Refused::Thresholds(of));
    }
}

#[test]
fn a_name_used_twice_or_unfit_is_refused() {
    let mut world = World::founded();
    let named = |name: &str| Refused::Names(name.into());
    let twice = change(&world, |relays, _, _, _| {
        relays.extend([relay("relay-3"), Relay { name: text("relay-3"), ..relay("relay-4") }]);
    });
    assert_eq!(world.refuses(twice, &ENOUGH), named("relay-3"));
    let twice = change(&world, |_, all, _, _| {
        let name = text("fr.example/w");
        all.extend([witness("fr.example/w"), Witness { name, ..witness("lu.example/w") }]);
    });
    assert_eq!(world.refuses(twice, &ENOUGH), named("fr.example/w"));
    let nowhere = change(&world, |relays, _, _, _| relays[1].address = text("localhost"));
    assert_eq!(world.refuses(nowhere, &ENOUGH), named("relay-2"));
    let origin = change(&world, |relays, _, _, _| relays[1].message_log.origin = text("nl.example/w"));
    assert_eq!(world.refuses(origin, &ENOUGH), named("nl.example/w"));
    let unfit = change(&world, |_, all, _, _| all[0].name = text("a+b"));
    assert_eq!(world.refuses(unfit, &ENOUGH), named("a+b"));
    assert_eq!(world.refuses(change(&world, |relays, _, _, _| relays.clear()), &ENOUGH), named(""));
    assert_eq!(world.refuses(change(&world, |_, all, _, _| all.clear()), &ENOUGH), named(""));
}

#[test]
fn a_service_that_joins_binds_its_keys_like_those_of_the_charter() {
    // Only the charter's services were bound: an office could take the transport key of a relay that
    // joined later, and a relay an office's.
    let mut world = World::new();
    world.does(change(&world, |relays, _, _, _| relays.push(relay("relay-3"))), &ENOUGH);
    for service in ["relay-3 transport", "relay-3 receipts"] {
        let taken = Refused::KeyTaken(id(service));
        assert_eq!(world.refuses(authorise("NL/policy", service), &["NL root"]), taken, "{service}");
        assert_eq!(world.refuses(revoke(service), &["NL root"]), Refused::NotYourKey(id(service)));
    }
    // What left comes back with its own keys, and with no others.
    world.does(change(&world, |_, _, _, _| ()), &ENOUGH);
    let other = change(&world, |relays, _, _, _| {
        relays.push(Relay { receipts: key("relay-3 transport").public(), ..relay("relay-3") });
    });
    assert_eq!(world.refuses(other, &ENOUGH), Refused::KeyTaken(id("relay-3 transport")));
    world.does(change(&world, |relays, _, _, _| relays.push(relay("relay-3"))), &ENOUGH);
}

#[test]
fn a_service_with_a_key_that_is_bound_or_revoked_is_refused() {
    let mut world = World::new();
    for bound in ["NL root", "MD next root", "NL/technical", "NL/technical transport", "relay-1 receipts"] {
        let act = change(&world, |relays, _, _, _| relays[1].transport = key(bound).public());
        assert_eq!(world.refuses(act, &ENOUGH), Refused::KeyTaken(id(bound)), "{bound}");
        let act = change(&world, |_, all, _, _| all[0].transport = Some(key(bound).public()));
        assert_eq!(world.refuses(act, &ENOUGH), Refused::KeyTaken(id(bound)), "{bound}");
    }
    let cosigns_as_log = change(&world, |_, all, _, _| all[0].mldsa = log("relay-1.example/directory").mldsa);
    let taken = Refused::KeyTaken(log("relay-1.example/directory").mldsa.id());
    assert_eq!(world.refuses(cosigns_as_log, &ENOUGH), taken);
    let twice = change(&world, |relays, _, _, _| {
        relays[1].transport = key("new").public();
        relays[1].receipts = key("new").public();
    });
    assert_eq!(world.refuses(twice, &ENOUGH), Refused::KeyTaken(id("new")));
    world.does(revoke("NL/technical transport"), &["NL root"]);
    let act = change(&world, |relays, _, _, _| relays[1].transport = key("NL/technical transport").public());
    assert_eq!(world.refuses(act, &ENOUGH), Refused::KeyRevoked(id("NL/technical transport")));
    world.does(change(&world, |relays, _, _, _| relays[1].transport = key("new").public()), &ENOUGH);
}

#[test]
fn a_witness_with_a_session_key_of_its_own_is_known_by_it() {
    let mut world = World::new();
    let own = Witness { transport: Some(key("witness transport").public()), ..witness("fr.example/w") };
    world.does(change(&world, |_, all, _, _| all.push(own)), &ENOUGH);
    let view = world.directory.now_view();
    let owner = view.who_has_transport(&key("witness transport").public());
    assert_eq!(owner, Some(TransportOwner::Witness("fr.example/w".into())));
    let taken = world.refuses(authorise("NL/policy", "witness transport"), &["NL root"]);
    assert_eq!(taken, Refused::KeyTaken(id("witness transport")));
}

#[test]
fn a_change_names_the_network_that_it_changes_or_has_no_effect() {
    // Each was endorsed for the network of the charter. Folded one after the other, the second would have
    // left one witness that everybody must trust.
    let mut world = World::founded();
    let without = |name: &str| {
        let drop_witnesses = set(&[text(name)]);
        changing(NetworkChange { drop_witnesses, quorum: 1, ..no_change() })
    };
    let index = world.does(without("ba.example/w"), &ENOUGH);
    let late = world.refuses(without("md.example/w"), &ENOUGH);
    assert_eq!(late, Refused::NetworkChanged(0, index));
    assert_eq!(world.directory.now_view().witnesses().len(), 2);
    assert_eq!(world.directory.now_view().network_changes().collect::<Vec<_>>(), [index]);
}

#[test]
fn what_is_not_there_cannot_leave_or_come_first() {
    let mut world = World::founded();
    let relay = changing(NetworkChange { drop_relays: set(&[text("relay-9")]), ..no_change() });
    assert_eq!(world.refuses(relay, &ENOUGH), Refused::NoRelay("relay-9".into()));
    let first = changing(NetworkChange { first_relay: Some(text("relay-9")), ..no_change() });
    assert_eq!(world.refuses(first, &ENOUGH), Refused::NoRelay("relay-9".into()));
    let witness = changing(NetworkChange { drop_witnesses: set(&[text("x.example/w")]), ..no_change() });
    assert_eq!(world.refuses(witness, &ENOUGH), Refused::NoWitness("x.example/w".into()));
    assert_eq!(world.refuses(changing(no_change()), &ENOUGH), Refused::NoChange);
}

#[test]
fn a_relay_keeps_its_place_and_another_can_be_put_first() {
    let mut world = World::founded();
    let moved = Relay { address: text("relay.example:4433"), ..relay("relay-1") };
    world.does(changing(NetworkChange { relays: List::new(vec![moved]).unwrap(), ..no_change() }), &ENOUGH);
    let addresses = |world: &World| -> Vec<String> {
        world.directory.now_view().relays().iter().map(|r| r.address.to_string()).collect()
    };
    assert_eq!(addresses(&world), ["relay.example:4433", "localhost:4433"]);
    let since = world.directory.now_view().network_since();
    let first_relay = Some(text("relay-2"));
    world.does(changing(NetworkChange { since, first_relay, ..no_change() }), &ENOUGH);
    assert_eq!(addresses(&world), ["localhost:4433", "relay.example:4433"]);
}

#[test]
fn a_network_grows_to_the_charters_limits_in_several_changes_and_no_further() {
    let mut world = World::founded();
    let names: Vec<String> = (0..=limits::WITNESSES).map(|n| format!("w{n:02}.example/w")).collect();
    for some in names[..limits::WITNESSES - 3].chunks(8) {
        let since = world.directory.now_view().network_since();
        let witnesses = Set::new(some.iter().map(|name| witness(name))).unwrap();
        world.does(changing(NetworkChange { since, witnesses, ..no_change() }), &ENOUGH);
    }
    assert_eq!(world.directory.now_view().witnesses().len(), limits::WITNESSES);
    let since = world.directory.now_view().network_since();
    let witnesses = set(&[witness(names.last().unwrap())]);
    let more = changing(NetworkChange { since, witnesses, ..no_change() });
    assert_eq!(world.refuses(more, &ENOUGH), Refused::TooManyServices("witnesses", limits::WITNESSES));
}

#[test]
fn the_directory_log_gets_new_keys_under_its_old_name() {
    let mut world = World::founded();
    let old = world.directory.charter().directory_log.clone();
    let new = LogKeys { origin: old.origin.clone(), ..log("new") };
    let rotation =
        |directory_log| changing(NetworkChange { directory_log: Some(directory_log), ..no_change() });
    assert_eq!(world.refuses(rotation(log("new")), &ENOUGH), Refused::Names("new".into()));
    let reused = LogKeys { mldsa: witness("ba.example/w").mldsa, ..new.clone() };
    let taken = Refused::KeyTaken(witness("ba.example/w").mldsa.id());
    assert_eq!(world.refuses(rotation(reused), &ENOUGH), taken);
    let index = world.does(rotation(new.clone()), &ENOUGH);
    assert_eq!(world.directory.as_of(index).directory_log(), &old);
    assert_eq!(world.directory.now_view().directory_log(), &new);
    // The checkpoint that covers the change is the old keys' last one.
    assert_ne!(
        world.directory.now_view().directory_policy(),
        world.directory.as_of(index).directory_policy()
    );
    let messages = |size| {
        let view = world.directory.as_of(size);
        view.message_policy(&view.relays()[0])
    };
    assert_eq!(messages(index), messages(index + 1));
}

#[test]
fn thresholds_are_for_the_members_that_can_sign() {
    // Suspended members were counted, so that a threshold could be set that nobody was left to meet.
    let mut world = World::of(&charter_of(&["BA", "FR", "MD", "NL"]));
    world.does(suspend("FR"), &ENOUGH);
    let three = change(&world, |_, _, _, thresholds| thresholds.admission = 3);
    assert_eq!(world.refuses(three.clone(), &ENOUGH), Refused::Thresholds("admission"));
    // What stays as it is does not keep a relay from being replaced.
    world.does(change_network(), &ENOUGH);
    world.does(reinstate("FR"), &ENOUGH);
    let three = changing(NetworkChange {
        since: world.directory.size() - 2,
        thresholds: Thresholds { admission: 3, ..THRESHOLDS },
        quorum: 1,
        ..no_change()
    });
    world.does(three, &ENOUGH);
}

#[test]
fn what_a_change_means_is_told_from_what_the_directory_is_now() {
    let world = World::new();
    let view = world.directory.now_view();
    let Act::ChangeNetwork(change) = change_network() else { panic!("a change of the network") };
    assert_eq!(view.another_first(&change), Some(("relay-1".into(), "relay-2".into())));
    let told = view.consequences(&change).unwrap().join("\n");
    let log = view.directory_log();
    for part in [
        "quorum: 2 of 3 now, 1 of 3 then".to_owned(),
        "WARNING: 1 of 3 is half or less".to_owned(),
        "thresholds: as they are".to_owned(),
        "relay-1 keeps the directory log no more, and relay-2 does".to_owned(),
        format!(
            "whoever runs relay-2 must hold the present keys of the directory log when it is in effect: {} and {}",
            log.ed25519.id(),
            log.mldsa.id()
        ),
        "whoever ran relay-1 until then still has copies of those keys".to_owned(),
        "NL/technical collects at no relay that stays".to_owned(),
    ] {
        assert!(told.contains(&part), "{part}\n{told}");
    }
    // An admission by fewer is told, and what stays as it is alarms nobody.
    let fewer = Thresholds { admission: 1, ..THRESHOLDS };
    let milder = NetworkChange { thresholds: fewer, ..no_change() };
    assert_eq!(view.another_first(&milder), None);
    let told = view.consequences(&milder).unwrap();
    let admission = format!("members for an admission: {} now, 1 then", THRESHOLDS.admission);
    assert_eq!(told, ["quorum: 2 of 3, as it is".to_owned(), admission]);
    let other = NetworkChange { since: 7, ..no_change() };
    assert_eq!(view.consequences(&other), Err(Refused::NetworkChanged(7, 0)));
}

#[test]
fn no_key_of_a_change_is_shortened_for_whoever_endorses_it() {
    let own = Witness { transport: Some(key("witness transport").public()), ..witness("fr.example/w") };
    let change = NetworkChange {
        relays: List::new(vec![relay("relay-2")]).unwrap(),
        witnesses: Set::new([own.clone()]).unwrap(),
        directory_log: Some(log("directory")),
        ..no_change()
    };
    let words = change.words().join("\n");
    let (joins, keys) = (relay("relay-2"), log("directory"));
    let transport = own.transport.unwrap();
    for id in [
        joins.transport.id(),
        joins.receipts.id(),
        joins.message_log.ed25519.id(),
        joins.message_log.mldsa.id(),
        own.ed25519.id(),
        own.mldsa.id(),
        transport.id(),
        keys.ed25519.id(),
        keys.mldsa.id(),
    ] {
        assert!(words.contains(&id.to_string()), "{id}\n{words}");
    }
}
