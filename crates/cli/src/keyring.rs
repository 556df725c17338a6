//! Key files of a node, relay, witness, member or officer: one encrypted PKCS#8 file per key, mode
//! 0600, in one folder. This is the only place where the program touches them.

use std::path::{Path, PathBuf};

use pouch_crypto::{KeyFileError, MlDsaKey, NoteKey, Passphrase, ScryptCost, SigningKey};

use crate::exit::Exit;
use crate::files;
use crate::problem::Problem;

/// Largest key file.
const KEY_FILE_BYTES_MAX: usize = 16 * 1024;

/// The file names, so that one name means one thing everywhere.
pub(crate) mod name {
    pub(crate) const ROOT: &str = "root.pem";
    pub(crate) const NEXT_ROOT: &str = "next-root.pem";
    pub(crate) const SIGNING: &str = "signing.pem";
    pub(crate) const NEXT_SIGNING: &str = "next-signing.pem";
    pub(crate) const TRANSPORT: &str = "transport.pem";
    pub(crate) const VAULT: &str = "vault.pem";
    pub(crate) const RECEIPTS: &str = "receipts.pem";
    pub(crate) const OFFICER: &str = "officer.pem";
    pub(crate) const WITNESS: &str = "witness-ed25519.pem";
    pub(crate) const WITNESS_MLDSA: &str = "witness-mldsa44.pem";
    pub(crate) const MESSAGE_LOG: &str = "message-log-ed25519.pem";
    pub(crate) const MESSAGE_LOG_MLDSA: &str = "message-log-mldsa44.pem";
    pub(crate) const DIRECTORY_LOG: &str = "directory-log-ed25519.pem";
    pub(crate) const DIRECTORY_LOG_MLDSA: &str = "directory-log-mldsa44.pem";

    /// The key that signs in an exercise.
    pub(crate) fn exercise(id: pouch_wire::ExerciseId) -> String {
        format!("exercise-{id}.pem")
    }

    /// The exercise of such a file.
    pub(crate) fn exercise_of(file: &str) -> Option<pouch_wire::ExerciseId> {
        let id = file.strip_prefix("exercise-")?.strip_suffix(".pem")?;
        id.parse().ok().map(pouch_wire::ExerciseId)
    }
}

/// A folder of key files and the passphrase that opens them.
#[derive(Debug)]
pub(crate) struct KeyRing {
    folder: PathBuf,
    passphrase: Passphrase,
    cost: ScryptCost,
}

impl KeyRing {
    /// The key files of a folder.
    pub(crate) fn open(folder: &Path, passphrase: Passphrase) -> Self {
        Self { folder: folder.to_owned(), passphrase, cost: ScryptCost::Production }
    }

    /// A folder for new key files.
    pub(crate) fn create(folder: &Path, passphrase: Passphrase, cost: ScryptCost) -> Result<Self, Problem> {
        files::make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), passphrase, cost })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Checks that a key file is there, and that nobody but its owner can reach it, without opening it.
    pub(crate) fn guarded(&self, name: &str) -> Result<(), Problem> {
        self.pem(name).map(drop)
    }

    /// Whether there is such a key file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn pem(&self, name: &str) -> Result<String, Problem> {
        let path = self.path(name);
        String::from_utf8(files::read_secret(&path, KEY_FILE_BYTES_MAX)?).map_err(|_| {
            Problem::new(Exit::KeyLocked, "POUCH-KEY-54", format!("{}: not a key file", path.display()))
        })
    }

    fn locked(&self, name: &str, error: &KeyFileError) -> Problem {
        let words = error.to_string();
        // The code stands at the end of every problem.
        let words = words.strip_prefix(error.code()).unwrap_or(&words).trim_start();
        Problem::new(Exit::KeyLocked, error.code(), format!("{}: {words}", self.path(name).display()))
            .next("check the passphrase, and that the file is the one that `pouch ... init` wrote")
    }

    /// A key that signs in domains.
    pub(crate) fn signing(&self, name: &str) -> Result<SigningKey, Problem> {
        pouch_crypto::read_signing_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|e| self.locked(name, &e))
    }

    /// A key that signs notes.
    pub(crate) fn note(&self, name: &str) -> Result<NoteKey, Problem> {
        pouch_crypto::read_note_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|e| self.locked(name, &e))
    }

    /// An ML-DSA-44 key.
    pub(crate) fn mldsa(&self, name: &str) -> Result<MlDsaKey, Problem> {
        pouch_crypto::read_mldsa_key(&self.pem(name)?, &self.passphrase, None)
            .map_err(|e| self.locked(name, &e))
    }

    /// Makes and stores a key that signs in domains.
    pub(crate) fn make_signing(&self, name: &str) -> Result<SigningKey, Problem> {
        let key = SigningKey::generate(&mut rand::rng());
        self.put_signing(name, &key)?;
        Ok(key)
    }

    /// Stores a key that signs in domains.
    pub(crate) fn put_signing(&self, name: &str, key: &SigningKey) -> Result<(), Problem> {
        let pem = pouch_crypto::write_signing_key(key, &self.passphrase, self.cost, &mut rand::rng())
            .map_err(|e| self.locked(name, &e))?;
        files::write_secret(&self.path(name), pem.as_bytes())
    }

    /// Makes and stores a key that signs notes.
    pub(crate) fn make_note(&self, name: &str) -> Result<NoteKey, Problem> {
        let key = NoteKey::generate(&mut rand::rng());
        let pem = pouch_crypto::write_note_key(&key, &self.passphrase, self.cost, &mut rand::rng())
            .map_err(|e| self.locked(name, &e))?;
        files::write_secret(&self.path(name), pem.as_bytes())?;
        Ok(key)
    }

    /// Makes and stores an ML-DSA-44 key.
    pub(crate) fn make_mldsa(&self, name: &str) -> Result<MlDsaKey, Problem> {
        let key = MlDsaKey::generate(&mut rand::rng())
            .map_err(|error| Problem::new(Exit::Internal, "POUCH-KEY-55", error.to_string()))?;
        let pem = pouch_crypto::write_mldsa_key(&key, &self.passphrase, self.cost, &mut rand::rng())
            .map_err(|e| self.locked(name, &e))?;
        files::write_secret(&self.path(name), pem.as_bytes())?;
        Ok(key)
    }

    /// The names of all files here.
    pub(crate) fn names(&self) -> Result<Vec<String>, Problem> {
        let failed = |error: std::io::Error| Problem::file(&self.folder, &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Destroys a key file; one that is not there is destroyed already.
    pub(crate) fn destroy(&self, name: &str) -> Result<(), Problem> {
        if self.has(name) { files::destroy(&self.path(name)) } else { Ok(()) }
    }

    /// Puts the next key in the place of the current one, which is kept as `NAME.old-N`.
    pub(crate) fn promote(&self, next: &str, current: &str) -> Result<(), Problem> {
        let old = (1_u32..)
            .map(|n| self.path(&format!("{current}.old-{n}")))
            .find(|path| !path.exists())
            .ok_or_else(|| Problem::usage("too many old keys"))?;
        let (from, to) = (self.path(next), self.path(current));
        std::fs::hard_link(&to, &old).map_err(|error| Problem::file(&old, &error))?;
        // The old key's second name is safe before the first one goes.
        files::sync_folder(&self.folder)?;
        std::fs::rename(&from, &to).map_err(|error| Problem::file(&to, &error))?;
        files::sync_folder(&self.folder)
    }
}

/// The cost that the command line asks for.
pub(crate) const fn cost(throw_away: bool) -> ScryptCost {
    if throw_away { ScryptCost::Quick } else { ScryptCost::Production }
}
