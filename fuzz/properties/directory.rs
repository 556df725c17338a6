//! Charters and statements as bytes.

use std::sync::OnceLock;

use pouch_directory::{
    Charter, CharterFile, ContactPointEntry, Directory, SignedCharter, SignedStatement, Statement,
};
use pouch_wire::NetworkId;

use super::canonical::canonical;
use super::world::World;

/// A network that inputs are judged by.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// Decoding gives the one value whose bytes these are, or refuses; a charter founds the network of its
/// own hash, the same for everyone, or none.
pub fn charter_decode(data: &[u8]) {
    if let Some(charter) = canonical::<Charter>(data) {
        assert_eq!(charter.network_id(), Ok(NetworkId(pouch_crypto::sha256(data))));
    }
    canonical::<ContactPointEntry>(data);
    canonical::<Statement>(data);
    canonical::<SignedStatement>(data);
    if let Some(signed) = canonical::<SignedCharter>(data) {
        founded(&signed);
    }
    if let Some(file) = canonical::<CharterFile>(data) {
        founded(&file.charter);
        if let Ok(directory) = file.found() {
            assert_eq!(directory.size(), file.first_statements.len() as u64 + 1);
            assert_eq!(directory.state_digest(), file.found().unwrap().state_digest());
        }
    }
}

fn founded(signed: &SignedCharter) {
    if let Ok(directory) = Directory::found(signed) {
        assert_eq!(directory.network(), NetworkId(pouch_crypto::sha256(&signed.charter)));
        assert_eq!(directory.now_view().members().count(), directory.charter().founders.len());
        assert!(signed.signatures.len() == directory.charter().founders.len());
    }
}
