//! What holds a secret, or words that are not yet proved, does not print them.

use pouch_notice::{Content, StanzaSecret};
use pouch_wire::Canonical as _;

use crate::post::{MD, READ, facts, honest};
use crate::world::World;

const WORDS: &str = "Substations in two regions are down.";

/// The content key as hexadecimal digits and as a list of numbers.
fn forms(secret: &StanzaSecret) -> [String; 2] {
    let key = secret.to_bytes().unwrap()[..32].to_vec();
    let hex = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = key.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    [hex, list]
}

#[test]
fn a_stanza_s_secret_prints_its_place_alone() {
    let world = World::new();
    let secret = &honest(&world).posted().secrets[0];
    assert_eq!(format!("{secret:?}"), "StanzaSecret(epoch 1, n 1)");
    assert_eq!(format!("{secret:#?}"), "StanzaSecret(epoch 1, n 1)");
}

#[test]
fn an_opened_message_prints_neither_its_key_nor_its_words() {
    let world = World::new();
    let posted = honest(&world).posted();
    let opened = posted.opened(&world, MD).unwrap();
    let printed = format!("{opened:?} {opened:#?}");
    for secret in forms(opened.secret()) {
        assert!(!printed.contains(&secret), "{printed}");
    }
    assert!(!printed.contains(WORDS), "{printed}");
    // Nor does what it is verified into print the key; the words it may.
    let verified = opened.verify(&facts(&world, READ)).unwrap();
    let printed = format!("{verified:?} {verified:#?}");
    for secret in forms(verified.secret()) {
        assert!(!printed.contains(&secret), "{printed}");
    }
    assert!(printed.contains(WORDS));
}

#[test]
fn content_on_its_way_prints_as_a_length() {
    let world = World::new();
    let content = honest(&world).content();
    let printed = format!("{content:?}");
    assert!(!printed.contains(WORDS), "{printed}");
    let Content::Notice { signed, .. } = content else { panic!("no notice") };
    assert!(printed.contains(&format!("Blob({} bytes)", signed.notice.len())), "{printed}");
}

#[test]
fn what_is_sealed_out_prints_no_key_and_its_secrets_are_not_in_its_bytes() {
    let world = World::new();
    let letter = honest(&world);
    let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::from_seed([1; 32]);
    let key = crate::world::key(&letter.outside_key);
    let (sealed, secrets) =
        pouch_notice::seal_with_secrets(&letter.content(), &letter.route, &letter.to, &key, &mut rng)
            .unwrap();
    let (printed, bytes) = (format!("{sealed:?}"), sealed.to_bytes().unwrap());
    for secret in &secrets {
        assert!(forms(secret).iter().all(|form| !printed.contains(form)), "{printed}");
        let content_key = &secret.to_bytes().unwrap()[..32];
        assert!(!bytes.windows(32).any(|window| window == content_key));
    }
    assert!(!bytes.windows(WORDS.len()).any(|window| window == WORDS.as_bytes()));
}
