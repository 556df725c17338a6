//! The keys of a stage's parties, opened as whoever holds their folders opens them: the adversaries
//! here are members with valid keys of their own, and operators with a relay's.

use pouch_crypto::{MlDsaKey, NoteKey, Passphrase, ScryptCost, SigningKey};
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

    /// Puts the two keys of a log into another folder, as their operators would who agreed to.
    pub(crate) fn hand_over_log(&self, log: &str, to: &Self) {
        let (ed25519, mldsa) = (format!("{log}-ed25519"), format!("{log}-mldsa44"));
        let passphrase = Passphrase::new(std::fs::read_to_string(&to.passphrase).unwrap()).unwrap();
        let (cost, rng) = (ScryptCost::Quick, &mut rand::rng());
        let note = pouch_crypto::write_note_key(&self.note(&ed25519), &passphrase, cost, rng).unwrap();
        let other = pouch_crypto::write_mldsa_key(&self.mldsa(&mldsa), &passphrase, cost, rng).unwrap();
        for (name, pem) in [(ed25519, note), (mldsa, other)] {
            let path = format!("{}/{name}.pem", to.keys);
            std::fs::write(&path, pem.as_bytes()).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}
