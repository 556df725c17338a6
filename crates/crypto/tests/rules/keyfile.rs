//! Encrypted key files: what is written is read, and everything else is refused by its name.

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::encode_string;
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Salt, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use pouch_crypto::{
    EmptyPassphrase, KEY_FILE_BYTES, KeyFileError, MlDsaKey, NoteKey, Passphrase, ScryptCost, SigningKey,
    read_mldsa_key, read_note_key, read_signing_key, write_mldsa_key, write_note_key, write_signing_key,
};

use proptest::prelude::*;

use crate::vectors::rng;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn file() -> String {
    write_signing_key(&key(), &passphrase("right"), ScryptCost::Quick, &mut rng(1)).unwrap().to_string()
}

/// A key file with these parameters, and an encrypted part that nothing will open.
fn with_parameters(kdf: Kdf, encryption: EncryptionScheme) -> String {
    with_data(kdf, encryption, &[0; 64])
}

fn with_data(kdf: Kdf, encryption: EncryptionScheme, data: &[u8]) -> String {
    let file = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: Parameters { kdf, encryption }.into(),
        encrypted_data: OctetStringRef::new(data).unwrap(),
    };
    let file = SecretDocument::try_from(&file).unwrap();
    file.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap().to_string()
}

const CBC: EncryptionScheme = EncryptionScheme::Aes256Cbc { iv: [0; 16] };

fn scrypt(n: u64, r: u16, p: u16) -> String {
    with_parameters(scrypt_kdf(n, r, p, None), CBC)
}

fn scrypt_kdf(n: u64, r: u16, p: u16, key_length: Option<u16>) -> Kdf {
    let salt = Salt::new([0; 16]).unwrap();
    Kdf::Scrypt(ScryptParams { salt, cost_parameter: n, block_size: r, parallelization: p, key_length })
}

fn refusal(pem: &str) -> KeyFileError {
    read_signing_key(pem, &passphrase("right"), None).unwrap_err()
}

#[test]
fn every_kind_of_key_comes_back_from_its_file() {
    let (mut rng, passphrase, cost) = (rng(1), passphrase("correct horse"), ScryptCost::Quick);
    let key = SigningKey::generate(&mut rng);
    let pem = write_signing_key(&key, &passphrase, cost, &mut rng).unwrap();
    let read = read_signing_key(&pem, &passphrase, Some(&key.public())).unwrap();
    assert_eq!(read.seed(), key.seed());

    let key = NoteKey::generate(&mut rng);
    let pem = write_note_key(&key, &passphrase, cost, &mut rng).unwrap();
    let read = read_note_key(&pem, &passphrase, Some(&key.public())).unwrap();
    assert_eq!(read.seed(), key.seed());

    let key = MlDsaKey::generate(&mut rng).unwrap();
    let pem = write_mldsa_key(&key, &passphrase, cost, &mut rng).unwrap();
    let read = read_mldsa_key(&pem, &passphrase, Some(key.public())).unwrap();
    assert_eq!(read.seed(), key.seed());
}

#[test]
fn the_production_cost_comes_back_too() {
    let pem = write_signing_key(&key(), &passphrase("right"), ScryptCost::Production, &mut rng(1)).unwrap();
    assert!(read_signing_key(&pem, &passphrase("right"), Some(&key().public())).is_ok());
}

#[test]
fn a_file_is_another_one_each_time_and_shows_nothing_of_the_key() {
    let mut rng = rng(1);
    let write =
        |rng: &mut _| write_signing_key(&key(), &passphrase("right"), ScryptCost::Quick, rng).unwrap();
    let (first, second) = (write(&mut rng), write(&mut rng));
    assert_ne!(first, second);
    assert!(first.starts_with(concat!("-----BEGIN ENCRYPTED PRIVATE", " KEY-----\n")));
    let (_, der) = SecretDocument::from_pem(&first).unwrap();
    assert!(!der.as_bytes().windows(4).any(|window| window == [7; 4]));
    assert!(!der.as_bytes().windows(8).any(|window| window == &key().public().as_bytes()[..8]));
}

#[test]
fn a_wrong_passphrase_is_refused_every_time() {
    // AES-CBC has no MAC: about one wrong passphrase in 256 gives padding that looks right.
    let pem = file();
    for number in 0..600 {
        let wrong = read_signing_key(&pem, &passphrase(&format!("wrong {number}")), None);
        assert_eq!(wrong.err(), Some(KeyFileError::WrongPassphrase));
    }
    assert!(read_signing_key(&pem, &passphrase("right"), None).is_ok());
}

#[test]
fn another_key_than_the_expected_one_is_refused() {
    let other = SigningKey::from_seed(&[8; 32]).public();
    assert_eq!(
        read_signing_key(&file(), &passphrase("right"), Some(&other)).err(),
        Some(KeyFileError::OtherKey { expected: other.id(), found: key().public().id() })
    );
    let other = NoteKey::from_seed(&[8; 32]).public();
    let found = NoteKey::from_seed(&[7; 32]).public();
    assert_eq!(
        read_note_key(&file(), &passphrase("right"), Some(&other)).err(),
        Some(KeyFileError::OtherKey { expected: other.id(), found: found.id() })
    );
}

#[test]
fn a_changed_file_gives_no_key_or_is_noticed_by_its_public_half() {
    let (_, der) = SecretDocument::from_pem(&file()).unwrap();
    let der = der.to_bytes();
    for at in 0..der.len() {
        let mut changed = der.to_vec();
        changed[at] ^= 1 << (at % 8);
        let pem = encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, &changed).unwrap();
        let found = read_signing_key(&pem, &passphrase("right"), Some(&key().public()));
        assert!(found.is_err(), "byte {at}");
    }
}

#[test]
fn an_unencrypted_key_is_refused_as_such() {
    // keys: allow: published in RFC 8410, section 10.3
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
               -----END PRIVATE KEY-----\n";
    assert_eq!(refusal(pem), KeyFileError::NotEncrypted);
    for label in ["EC PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        assert_eq!(refusal(&pem.replace("PRIVATE KEY", label)), KeyFileError::NotEncrypted);
    }
}

#[test]
fn what_is_no_key_file_is_refused() {
    let pem = file();
    // Well-formed, but longer than any key; half as long it gets as far as the passphrase.
    let half = with_data(scrypt_kdf(1024, 8, 1, None), CBC, &[0; KEY_FILE_BYTES / 2]);
    assert_eq!(refusal(&half), KeyFileError::WrongPassphrase);
    let long = with_data(scrypt_kdf(1024, 8, 1, None), CBC, &[0; KEY_FILE_BYTES]);
    let body = pem.lines().nth(1).unwrap();
    let files = [
        String::new(),
        "not a PEM".to_owned(),
        pem.replace("ENCRYPTED PRIVATE KEY", "CERTIFICATE"),
        pem.replace(body, &"!".repeat(64)),
        pem.replace(body, ""),
        pem.replace("-----END", "END"),
        long,
    ];
    for file in files {
        assert_eq!(refusal(&file), KeyFileError::NotAKeyFile, "{file}");
    }
}

#[test]
fn too_costly_parameters_are_refused_before_anything_is_derived() {
    // 2^40 would take 1 PiB: a reader that derived first would not come back.
    for (n, r, p) in [(1 << 40, 8, 1), (1 << 21, 8, 1), (1 << 21, 1, 1), (1 << 20, 9, 1), (1 << 20, 8, 2)] {
        assert_eq!(refusal(&scrypt(n, r, p)), KeyFileError::TooCostly { n, r, p });
    }
    assert_eq!(refusal(&scrypt(2, 65_535, 65_535)), KeyFileError::TooCostly { n: 2, r: 65_535, p: 65_535 });
    // Just affordable ones get as far as the passphrase.
    assert_eq!(refusal(&scrypt(1 << 10, 8, 1)), KeyFileError::WrongPassphrase);
    assert_eq!(refusal(&scrypt(1 << 17, 8, 1)), KeyFileError::WrongPassphrase);
}

#[test]
fn parameters_that_scrypt_does_not_have_are_refused() {
    for (n, r, p) in [(0, 8, 1), (1, 8, 1), (1000, 8, 1), (1024, 0, 1), (1024, 8, 0)] {
        assert_eq!(refusal(&scrypt(n, r, p)), KeyFileError::NotAKeyFile, "{n} {r} {p}");
    }
    assert_eq!(refusal(&with_parameters(scrypt_kdf(1024, 8, 1, Some(16)), CBC)), KeyFileError::NotAKeyFile);
    assert_eq!(
        refusal(&with_parameters(scrypt_kdf(1024, 8, 1, Some(32)), CBC)),
        KeyFileError::WrongPassphrase
    );
}

#[test]
fn another_encryption_is_refused_as_such() {
    let pbkdf2 = Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(1000, &[0; 16]).unwrap());
    assert_eq!(refusal(&with_parameters(pbkdf2, CBC)), KeyFileError::OtherEncryption);
    let aes128 = EncryptionScheme::Aes128Cbc { iv: [0; 16] };
    assert_eq!(
        refusal(&with_parameters(scrypt_kdf(1024, 8, 1, None), aes128)),
        KeyFileError::OtherEncryption
    );
}

#[test]
fn another_kind_of_key_is_refused_as_such() {
    let mldsa = MlDsaKey::from_seed(&[7; 32]).unwrap();
    let pem = write_mldsa_key(&mldsa, &passphrase("right"), ScryptCost::Quick, &mut rng(1)).unwrap();
    assert_eq!(refusal(&pem), KeyFileError::OtherKind);
    let found = read_mldsa_key(&file(), &passphrase("right"), None);
    assert_eq!(found.err(), Some(KeyFileError::OtherKind));
}

#[test]
fn an_empty_passphrase_is_none() {
    assert_eq!(Passphrase::new(String::new()).err(), Some(EmptyPassphrase));
    assert!(Passphrase::new(" ".to_owned()).is_ok());
}

#[test]
fn errors_carry_their_code_and_nothing_secret() {
    let id = key().public().id();
    let errors = [
        KeyFileError::NotAKeyFile,
        KeyFileError::NotEncrypted,
        KeyFileError::OtherEncryption,
        KeyFileError::TooCostly { n: 1, r: 2, p: 3 },
        KeyFileError::WrongPassphrase,
        KeyFileError::OtherKind,
        KeyFileError::OtherKey { expected: id, found: id },
        KeyFileError::Failed,
    ];
    let mut codes: Vec<_> = errors.iter().map(KeyFileError::code).collect();
    for error in errors {
        assert!(error.to_string().starts_with(error.code()));
    }
    codes.push(EmptyPassphrase.code());
    assert!(EmptyPassphrase.to_string().starts_with(EmptyPassphrase.code()));
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(
        text in "\\PC{0,200}",
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert_eq!(refusal(&text), KeyFileError::NotAKeyFile);
        let pem = encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, &bytes).unwrap();
        prop_assert_eq!(refusal(&pem), KeyFileError::NotAKeyFile);
    }
}
