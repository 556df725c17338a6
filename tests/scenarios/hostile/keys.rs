//! The keys of a stage's parties, opened as whoever holds their folders opens them: the adversaries
//! here are members with valid keys of their own, and operators with a relay's.

use pouch_crypto::{MlDsaKey, NoteKey, Passphrase, SigningKey};
use pouch_testkit::stage::Stage;

/// The key files of one folder of a stage.
#[derive(Debug)]
pub(crate) struct KeyFolder {
    keys: String,
    passphrase: String,
}

impl KeyFolder {
    /// The keys of a node, relay, witness or member.
    pub(crate) fn of(stage: &Stage, folder: &str) -> Self {
        Self { keys: stage.path(&format!("{folder}/keys")), passphrase: stage.passphrase(folder) }
    }

    /// The key of an officer, which lies in the officer's folder itself.
    pub(crate) fn of_officer(stage: &Stage, folder: &str) -> Self {
        Self { keys: stage.path(folder), passphrase: stage.passphrase(folder) }
    }

    fn open(&self, name: &str) -> (String, Passphrase) {
        let pem = std::fs::read_to_string(format!("{}/{name}.pem", self.keys)).unwrap();
        let passphrase = std::fs::read_to_string(&self.passphrase).unwrap();
        (pem, Passphrase::new(passphrase).unwrap())
    }

    /// A key that signs in domains.
    pub(crate) fn signing(&self, name: &str) -> SigningKey {
        let (pem, passphrase) = self.open(name);
        pouch_crypto::read_signing_key(&pem, &passphrase, None).unwrap()
    }

    /// A key that signs notes.
    pub(crate) fn note(&self, name: &str) -> NoteKey {
        let (pem, passphrase) = self.open(name);
        pouch_crypto::read_note_key(&pem, &passphrase, None).unwrap()
    }

    /// A post-quantum key that signs notes.
    pub(crate) fn mldsa(&self, name: &str) -> MlDsaKey {
        let (pem, passphrase) = self.open(name);
        pouch_crypto::read_mldsa_key(&pem, &passphrase, None).unwrap()
    }
}
