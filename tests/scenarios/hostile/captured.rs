//! A member that was written to, and misuses what it got: it opens an honest letter with its own keys,
//! as it may, and sends the signed inside on in an envelope of its own.

use pouch_crypto::{PrekeySecret, VaultKey};
use pouch_notice::{Facts, SignedNotice, open};
use pouch_store::{AgentStore, Prekeys as _};

use super::keys::KeyFolder;
use super::line::Line;
use super::scene::{Scene, now};

/// What a member's node was sent, taken by the member's own program: the signed notice inside.
pub(crate) async fn letter_to(scene: &Scene, line: &Line, folder: &str, office: &str) -> SignedNotice {
    let directory = scene.directory().await;
    let _attached = line.attach(directory.network()).await.unwrap();
    let arrived = line.collect(&office.parse().unwrap()).await;
    let prekey = prekey_of(scene, folder, arrived.stanza().prekey).await;
    let facts =
        Facts { directory: &directory, cosigned_at: None, time_is_sure: true, inclusion: None, now: now() };
    let verified = open(arrived, &prekey).unwrap().verify_again(&facts).expect("an honest letter");
    verified.signed().unwrap().clone()
}

/// A sealing key of a node that is off, out of its own database.
async fn prekey_of(scene: &Scene, folder: &str, id: pouch_wire::KeyId) -> PrekeySecret {
    let store = store_of(scene, folder);
    let row = store.prekey(id).await.unwrap().unwrap();
    store.close().await.unwrap();
    let seed = vault_of(scene, folder).unwrap(id.as_bytes(), &row.wrapped).unwrap();
    PrekeySecret::from_seed(seed.as_slice().try_into().unwrap())
}

/// The database of a node that is off.
pub(crate) fn store_of(scene: &Scene, folder: &str) -> AgentStore {
    AgentStore::open(&scene.stage.dir().join(folder).join("data/agent.sqlite")).unwrap()
}

/// What wraps the secrets in it.
pub(crate) fn vault_of(scene: &Scene, folder: &str) -> VaultKey {
    let seed = KeyFolder::of(&scene.stage, folder).signing("vault").seed();
    VaultKey::derive(&seed, b"agent store").unwrap()
}
