//! What recipients answered, in evidence: theirs, of this message and this notice, and no surer than their
//! keys.

use pouch_crypto::sha256;
use pouch_directory::{Act, RevocationReason};
use pouch_notice::{EvidenceRefused, Proven};
use pouch_wire::{Environment, NoticeId};

use crate::evidence::{Case, entry, note};
use crate::logs::{QUORUM, directory_note};
use crate::post::{ACCEPTED, BA, MD, NL, NOTHING_BEFORE};
use crate::receipts::{acknowledged, receipt, signed, verified};
use crate::world::{HOUR, World, earlier, key, later, mandate, office};

#[test]
fn receipts_in_evidence_are_those_of_this_message_s_recipients() {
    let case = Case::new();
    let live = case.world.directory.context(Environment::Live);
    let drill = case.world.directory.context(case.world.drill());
    let id = case.check(&case.parts()).unwrap().verified().notice_id();
    let network = case.world.directory.network();
    let ours = |said| receipt(network, case.posted.id(), said);
    let of_another = receipt(network, NOTHING_BEFORE, verified(id));
    let foreign =
        receipt(World::founded("Another network").directory.network(), case.posted.id(), verified(id));
    let mut borrowed = signed(&ours(verified(id)), "a stranger", &live);
    borrowed.key = key(MD).public().id();
    let of_another_notice = ours(acknowledged(NoticeId(sha256(b"another"))));
    let wrong = [
        ("for another message", signed(&of_another, MD, &live)),
        ("for another notice", signed(&of_another_notice, MD, &live)),
        ("of another network", signed(&foreign, MD, &live)),
        ("by no recipient", signed(&ours(verified(id)), NL, &live)),
        ("by a stranger", signed(&ours(verified(id)), "a stranger", &live)),
        ("under a borrowed name", borrowed),
        ("made in an exercise", signed(&ours(verified(id)), MD, &drill)),
        ("by the relay", case.world.signed_receipt("relay-1", "relay-1", case.posted.id(), 2, ACCEPTED)),
    ];
    for (what, receipt) in wrong {
        let mut parts = case.parts();
        parts.receipts.insert(1, receipt);
        let refused = case.check(&parts).map(|proven| panic!("{what}: {}", proven.words())).unwrap_err();
        assert!(matches!(refused, EvidenceRefused::Receipt(2)), "{what}: {refused}");
    }
    // BA is told for information, and may answer too.
    let mut parts = case.parts();
    parts.receipts.push(signed(&ours(acknowledged(id)), BA, &live));
    assert_eq!(case.check(&parts).unwrap().answered()[2].by.to_string(), BA);
}

#[test]
fn an_answer_by_a_key_that_was_revoked_since_is_told_with_that() {
    let case = Case::new();
    let since = |effective| {
        let mut world = case.world.clone();
        let act =
            Act::RevokeKey { key: key(MD).public().id(), reason: RevocationReason::Compromised, effective };
        world.log(act, later(HOUR), &[&key("MD root")]);
        let mut parts = case.parts();
        parts.entries = world.entries.iter().cloned().map(entry).collect();
        parts.checkpoint = note(&directory_note(&world, &QUORUM, later(2 * HOUR)));
        case.check(&parts)
    };
    let revoked = |proven: &Proven| proven.answered().iter().map(|a| a.key_revoked).collect::<Vec<_>>();
    assert_eq!(revoked(&case.check(&case.parts()).unwrap()), [false, false]);
    // Whoever stole the key may have dated it back: it is told, and never told alone.
    let doubtful = since(later(HOUR)).unwrap();
    assert_eq!(revoked(&doubtful), [true, true]);
    let words = doubtful.words();
    let caveat = "  BUT its key was revoked since; that it came before is its own word.";
    assert_eq!(words.lines().filter(|line| *line == caveat).count(), 2, "{words}");
    assert!(matches!(since(earlier(HOUR)), Err(EvidenceRefused::Receipt(1))));
}

#[test]
fn an_answer_by_a_key_that_was_replaced_since_is_told_with_that() {
    let case = Case::new();
    let mut world = case.world.clone();
    world.authorise(office(MD, "MD, the next", Environment::Live, mandate()), later(HOUR));
    let mut parts = case.parts();
    parts.entries = world.entries.iter().cloned().map(entry).collect();
    parts.checkpoint = note(&directory_note(&world, &QUORUM, later(2 * HOUR)));
    let replaced = |proven: &Proven| proven.answered().iter().map(|a| a.key_replaced).collect::<Vec<_>>();
    assert_eq!(replaced(&case.check(&case.parts()).unwrap()), [false, false]);
    let doubtful = case.check(&parts).unwrap();
    assert_eq!(replaced(&doubtful), [true, true]);
    let words = doubtful.words();
    let caveat = "  BUT its key was replaced since; that it came before is its own word.";
    assert_eq!(words.lines().filter(|line| *line == caveat).count(), 2, "{words}");
}
