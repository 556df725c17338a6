//! What a node believes of the directory: what witnesses saw, and nothing beyond it.

use pouch_control::{Answer, Call, EventKind};
use pouch_directory::{Act, NetworkChange};
use pouch_store::Mirror as _;
use pouch_wire::Timestamp;

use crate::node::{Running, Starting, network, told};
use crate::relay::{FakeRelay, Served};
use crate::world::{NOW, WITNESSES, World, key, mandate, office, witnesses};

async fn believed(node: &Running) -> (u64, bool) {
    match node.client.call(&Call::Directory).await.unwrap() {
        Answer::Directory(view) => (view.size, view.members.iter().any(|m| m.suspended)),
        other => panic!("{other:?}"),
    }
}

fn grown(world: &World) -> World {
    let mut grown = world.clone();
    grown.demand(2, true, NOW);
    grown
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_beyond_the_checkpoint_is_not_believed() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut hidden = world.clone();
    hidden.revoke("NL/technical", NOW, NOW);
    let honest = hidden.directory.size();
    // Validly signed, and seen by no witness: the relay slips it in behind what the checkpoint covers.
    hidden.suspend("NL", NOW);
    {
        let mut served = relay.served.lock().unwrap();
        served.entries = hidden.entries.clone();
        served.size = usize::try_from(honest).unwrap();
        served.generous = true;
    }
    let mut events = node.events().await;
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MIR-01");
    assert!(alarm.words.contains("relay-1"), "{}", alarm.words);
    assert_eq!(believed(&node).await, (world.directory.size(), false));
    // The same without the surplus is believed.
    relay.served.lock().unwrap().generous = false;
    relay.say_it_grew().await;
    told(&mut events, |event| {
        event.kind == EventKind::Directory && event.words.contains(&honest.to_string())
    })
    .await;
    assert_eq!(believed(&node).await, (honest, false));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_does_not_answer_keeps_no_other_from_being_heard() {
    let (mute, other) = (FakeRelay::start("relay-1"), FakeRelay::start("relay-2"));
    let world = network(&[&mute, &other]);
    mute.served.lock().unwrap().mute = true;
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    // It is asked, and holds the question.
    mute.was_asked().await;
    let grown = grown(&world);
    other.serve(&grown);
    other.say_it_grew().await;
    let size = grown.directory.size();
    told(&mut events, |event| event.kind == EventKind::Directory && event.words.contains(&size.to_string()))
        .await;
    assert_eq!(believed(&node).await.0, size);
    // The node has not given its first question up: it went on beside it.
    let mut question = mute.served.lock().unwrap().held.remove(0);
    question.send_message(&mute.consistency()).await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_keys_that_this_node_did_not_make_raise_an_alarm() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    // Somebody has our signing key.
    let stolen = crate::world::prekey("a thief");
    let prekey = pouch_directory::Prekey {
        public: stolen.public().clone(),
        usable_from: NOW,
        usable_until: crate::world::later(crate::world::DAY),
    };
    let act = Act::PublishPrekeys {
        contact_point: crate::world::point("MD/technical"),
        environment: pouch_wire::Environment::Live,
        prekeys: pouch_wire::List::new(vec![prekey]).unwrap(),
    };
    world.log(act, NOW, &[&key("MD/technical")]);
    let world = grown(&world);
    relay.serve(&world);
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MON-02");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_faces_of_the_directory_are_kept_and_told_and_neither_is_followed() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    let one = grown(&world);
    relay.serve(&one);
    relay.say_it_grew().await;
    let size = one.directory.size();
    told(&mut events, |event| event.kind == EventKind::Directory && event.words.contains(&size.to_string()))
        .await;
    let mut other = world.clone();
    other.suspend("NL", NOW);
    relay.serve(&other);
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MIR-02");
    assert_eq!(believed(&node).await, (size, false));
    // However many more it signs: one proves that the log lied, and the disk does not fill.
    for officers in 3..6 {
        let mut another = world.clone();
        another.demand(officers, true, NOW);
        relay.serve(&another);
        relay.asked_again().await;
    }
    let kept = node.kept().await;
    assert_eq!(kept.forks().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_directory_is_never_believed_again() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    let mut revoked = world.clone();
    revoked.revoke("NL/technical", NOW, NOW);
    relay.serve(&revoked);
    relay.say_it_grew().await;
    let size = revoked.directory.size();
    told(&mut events, |event| event.kind == EventKind::Directory && event.words.contains(&size.to_string()))
        .await;
    // Rolled back: as if the key had never been revoked.
    relay.serve(&world);
    relay.say_it_grew().await;
    relay.asked_again().await;
    assert_eq!(believed(&node).await.0, size);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_believed_without_a_quorum_of_distinct_witnesses_of_both_kinds() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    let size = world.directory.size();
    relay.asked_again().await;
    let (one, two) = (WITNESSES[0], WITNESSES[1]);
    relay.serve(&grown(&world));
    type Lie = (&'static str, fn(&mut Served));
    let lies: [Lie; 4] = [
        ("of two that are needed one lies", |served| served.cosigned_by = vec![WITNESSES[2]]),
        ("one cosigns twice", |served| served.cosigned_by = vec![WITNESSES[0], WITNESSES[0]]),
        ("both with one kind of key alone", |served| served.one_kind = true),
        ("one, and every line twice", |served| {
            served.cosigned_by = vec![WITNESSES[0]];
            served.repeats_lines = true;
        }),
    ];
    for (what, lie) in lies {
        lie(&mut relay.served.lock().unwrap());
        relay.asked_again().await;
        assert_eq!(believed(&node).await, (size, false), "{what}");
        let mut served = relay.served.lock().unwrap();
        (served.cosigned_by, served.one_kind, served.repeats_lines) = (vec![one, two], false, false);
    }
    // A size that no log has, cosigned by all.
    for claims in [1 << 63, u64::MAX] {
        relay.served.lock().unwrap().claims = Some(claims);
        relay.asked_again().await;
        assert_eq!(believed(&node).await, (size, false), "{claims} entries");
    }
    // The honest twin.
    relay.served.lock().unwrap().claims = None;
    relay.say_it_grew().await;
    let grew = |event: &pouch_control::Event| event.words.contains(&format!("{} entries", size + 1));
    told(&mut events, |event| event.kind == EventKind::Directory && grew(event)).await;
    assert_eq!(believed(&node).await, (size + 1, false));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_directory_of_yesterday_no_new_key_is_taken() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    let size = world.directory.size();
    relay.asked_again().await;
    relay.serve(&grown(&world));
    relay.served.lock().unwrap().cosigned_at = Some(Timestamp(NOW.0 - crate::world::DAY - 2000));
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MIR-10");
    assert!(alarm.words.contains("relay-1"), "{}", alarm.words);
    assert_eq!(believed(&node).await, (size, false));
    // An hour less, and it is taken.
    relay.served.lock().unwrap().cosigned_at = Some(Timestamp(NOW.0 - crate::world::DAY + 3_600_000));
    relay.say_it_grew().await;
    // The mirror had something newer: what is older is new entries all the same.
    let grew = |event: &pouch_control::Event| event.words.contains(&format!("{} entries", size + 1));
    told(&mut events, |event| event.kind == EventKind::Directory && grew(event)).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_network_two_days_ago_is_followed_and_nothing_else_that_old() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    // A new node: it has the founders' charter alone.
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    relay.asked_again().await;
    let size = world.directory.size();
    let mut changed = world.clone();
    let mut relays = changed.directory.now_view().relays().to_vec();
    relays.push(crate::world::relay("relay-3"));
    let view = changed.directory.now_view();
    let change = NetworkChange::to(&view, &relays, &witnesses(), 2, view.thresholds()).unwrap();
    let act = Act::ChangeNetwork(Box::new(change));
    changed.log(act, NOW, &[&key("MD root"), &key("NL root")]);
    relay.serve(&changed);
    relay.served.lock().unwrap().cosigned_at = Some(Timestamp(NOW.0 - 2 * crate::world::DAY));
    relay.say_it_grew().await;
    let has = |entries: u64| {
        move |event: &pouch_control::Event| {
            assert_ne!(event.code, "POUCH-MIR-10", "before {entries} entries: {}", event.words);
            event.kind == EventKind::Directory && event.words.contains(&format!("{entries} entries"))
        }
    };
    told(&mut events, has(size + 1)).await;
    assert_eq!(believed(&node).await, (size + 1, false));
    // It is asked on at once; the same bridge once more is nothing new, and passes for no fresh one.
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MIR-10");
    // What follows the change must be fresh.
    let after = grown(&changed);
    relay.serve(&after);
    relay.served.lock().unwrap().cosigned_at = Some(Timestamp(NOW.0 - 2 * crate::world::DAY));
    relay.say_it_grew().await;
    relay.asked_again().await;
    assert_eq!(believed(&node).await, (size + 1, false));
    relay.served.lock().unwrap().cosigned_at = None;
    relay.say_it_grew().await;
    told(&mut events, |event| {
        event.kind == EventKind::Directory && event.words.contains(&format!("{} entries", size + 2))
    })
    .await;
    assert_eq!(believed(&node).await, (size + 2, false));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_of_ours_that_this_node_does_not_hold_raises_an_alarm() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    relay.asked_again().await;
    // Somebody has our root key.
    let live = pouch_wire::Environment::Live;
    world.authorise(office("MD/technical", "a thief", live, mandate()), NOW);
    relay.serve(&world);
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MON-02");
    assert!(alarm.words.contains("does not hold"), "{}", alarm.words);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_office_s_node_waits_through_an_earlier_network_until_it_is_named() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    // What is heard first is the end of an earlier network, which does not have the office.
    let earlier = grown(&world);
    relay.serve(&earlier);
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let starting = Starting::of("MD/consular", &world, dir);
    relay.asked_again().await;
    let dir = starting.stop().await;
    // It believes that now. Begun again with it, it goes on waiting.
    let mut named = earlier.clone();
    let entry = office("MD/consular", "MD/consular", pouch_wire::Environment::Live, mandate());
    named.authorise(entry, NOW);
    relay.serve(&named);
    let node = Starting::of("MD/consular", &world, dir).serves().await;
    assert_eq!(believed(&node).await.0, named.directory.size());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_relay_that_lacks_what_it_showed_itself_went_back() {
    let (first, other) = (FakeRelay::start("relay-1"), FakeRelay::start("relay-2"));
    let world = network(&[&first, &other]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    // The one that keeps the log from now on has not caught up with what another shows.
    first.served.lock().unwrap().lacks_from = Some(world.directory.size() + 1);
    let mut grown = world.clone();
    for officers in [2, 3] {
        grown.demand(officers, true, NOW);
        other.serve(&grown);
        other.say_it_grew().await;
        let size = format!("{} entries", grown.directory.size());
        let grew = told(&mut events, |event| {
            event.kind == EventKind::Alarm
                || event.kind == EventKind::Directory && event.words.contains(&size)
        });
        let grew = grew.await;
        assert_eq!(grew.kind, EventKind::Directory, "{grew:?}");
        first.asked_again().await;
    }
    // It shows as much itself, and then has it no more.
    first.serve(&grown);
    first.served.lock().unwrap().lacks_from = None;
    first.asked_again().await;
    first.served.lock().unwrap().lacks_from = Some(0);
    first.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MIR-04");
    assert!(alarm.words.contains("relay-1"), "{}", alarm.words);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn officers_and_rules_of_ours_that_this_node_did_not_publish_raise_an_alarm() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    relay.asked_again().await;
    // Somebody has our root key, and wants to release in our name.
    let contact_point = crate::world::point("MD/technical");
    let rules = pouch_wire::List::new(vec![pouch_directory::ReleaseRule {
        types: crate::world::set(pouch_wire::NoticeType::ALL),
        at_or_above: pouch_wire::Precedence::Flash,
        officers: 1,
        break_glass: false,
    }])
    .unwrap();
    let act = Act::SetReleaseRules { contact_point, rules };
    world.log(act, NOW, &[&key("MD root")]);
    relay.serve(&world);
    relay.say_it_grew().await;
    let alarm = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(alarm.code, "POUCH-MON-02");
    assert!(alarm.words.contains("release rules of MD/technical"), "{}", alarm.words);
    assert!(alarm.words.contains("revoke the key that made it"), "{}", alarm.words);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_of_our_root_is_told_when_it_begins_and_when_it_takes_effect() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut events = node.events().await;
    relay.asked_again().await;
    let new_root = key("MD recovered");
    let act = Act::RecoverRoot {
        member: "MD".parse().unwrap(),
        new_root: new_root.public(),
        next_root: key("MD recovered, the next").public().id(),
    };
    world.log(act, NOW, &[&key("NL root"), &new_root]);
    relay.serve(&world);
    relay.say_it_grew().await;
    let began = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(began.code, "POUCH-MON-02");
    // Another member's daily business ends the wait; that entry says nothing about us.
    let entry = office("BA/technical", "BA next", pouch_wire::Environment::Live, mandate());
    world.authorise(entry, crate::world::later(2 * crate::world::HOUR));
    let root = world.directory.now_view().member(&"MD".parse().unwrap()).unwrap().root;
    assert_eq!(root, new_root.public(), "it took effect");
    relay.serve(&world);
    relay.say_it_grew().await;
    let ended = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(ended.code, "POUCH-MON-03");
    assert!(ended.words.contains("took effect"), "{}", ended.words);
    node.stop().await;
}
