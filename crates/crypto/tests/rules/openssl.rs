//! A key file opens without Pouch: OpenSSL (3.0 or newer) reads ours, and we read OpenSSL's.
//!
//! Passphrases go to it in files, never in arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

use pouch_crypto::{
    KeyFileError, MlDsaKey, Passphrase, ScryptCost, SigningKey, read_signing_key, write_mldsa_key,
    write_signing_key,
};
use tempfile::TempDir;

use crate::vectors::rng;

const PASSPHRASE: &str = "correct horse battery staple \u{e9}";

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        desk.put("pass", PASSPHRASE);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn passphrase(&self) -> String {
        format!("file:{}", self.path("pass").display())
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned()).unwrap()
}

fn openssl<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
    let output = Command::new("openssl").args(arguments).output().expect("this test needs OpenSSL 3");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn show(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn openssl_reads_the_key_file_that_we_write() {
    let desk = Desk::new();
    let key = SigningKey::generate(&mut rng(1));
    for cost in [ScryptCost::Production, ScryptCost::Quick] {
        let pem = write_signing_key(&key, &passphrase(), cost, &mut rng(2)).unwrap();
        let file = desk.put("ours.pem", &pem);
        let text =
            openssl(["pkey", "-in", show(&file), "-passin", &desk.passphrase(), "-noout", "-text"]).unwrap();
        let (_, public) = text.split_once("pub:").unwrap();
        let digits: String = public.chars().filter(char::is_ascii_hexdigit).collect();
        assert_eq!(digits, hex::encode(key.public().as_bytes()));
    }
}

#[test]
fn openssl_refuses_our_file_with_another_passphrase() {
    let desk = Desk::new();
    let pem =
        write_signing_key(&SigningKey::from_seed(&[1; 32]), &passphrase(), ScryptCost::Quick, &mut rng(2));
    let file = desk.put("ours.pem", &pem.unwrap());
    desk.put("pass", "another");
    assert!(openssl(["pkey", "-in", show(&file), "-passin", &desk.passphrase(), "-noout"]).is_err());
}

/// OpenSSL knows ML-DSA from 3.5 on; older ones decrypt the file and then say that they do not.
#[test]
fn openssl_opens_an_ml_dsa_key_file_as_far_as_it_knows_the_algorithm() {
    let desk = Desk::new();
    let key = MlDsaKey::from_seed(&[1; 32]).unwrap();
    let pem = write_mldsa_key(&key, &passphrase(), ScryptCost::Quick, &mut rng(2)).unwrap();
    let file = desk.put("ours.pem", &pem);
    match openssl(["pkey", "-in", show(&file), "-passin", &desk.passphrase(), "-pubout", "-outform", "DER"]) {
        Ok(_) => {}
        Err(text) => assert!(!text.contains("bad decrypt"), "{text}"),
    }
}

#[test]
fn we_read_the_key_file_that_openssl_writes_with_scrypt() {
    let desk = Desk::new();
    let (plain, encrypted) = (desk.path("plain.pem"), desk.path("theirs.pem"));
    openssl(["genpkey", "-algorithm", "ed25519", "-out", show(&plain)]).unwrap();
    openssl([
        "pkcs8",
        "-topk8",
        "-scrypt",
        "-v2",
        "aes-256-cbc",
        "-in",
        show(&plain),
        "-out",
        show(&encrypted),
        "-passout",
        &desk.passphrase(),
    ])
    .unwrap();
    let text = openssl(["pkey", "-in", show(&plain), "-noout", "-text"]).unwrap();
    let (_, public) = text.split_once("pub:").unwrap();
    let digits: String = public.chars().filter(char::is_ascii_hexdigit).collect();

    let pem = std::fs::read_to_string(&encrypted).unwrap();
    let key = read_signing_key(&pem, &passphrase(), None).unwrap();
    assert_eq!(hex::encode(key.public().as_bytes()), digits);

    let pem = std::fs::read_to_string(&plain).unwrap();
    assert_eq!(read_signing_key(&pem, &passphrase(), None).err(), Some(KeyFileError::NotEncrypted));
}

#[test]
fn openssl_s_weaker_default_is_refused_by_name() {
    let desk = Desk::new();
    let file = desk.path("pbkdf2.pem");
    openssl([
        "genpkey",
        "-algorithm",
        "ed25519",
        "-aes-256-cbc",
        "-pass",
        &desk.passphrase(),
        "-out",
        show(&file),
    ])
    .unwrap();
    let pem = std::fs::read_to_string(&file).unwrap();
    assert_eq!(read_signing_key(&pem, &passphrase(), None).err(), Some(KeyFileError::OtherEncryption));
}
