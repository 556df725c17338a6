//! What is sealed opens as what was sealed, with the right key, or does not open.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use pkcs8::der::pem::encode_string;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use pouch_crypto::{
    CONTENT_HEADER_BYTES, CONTENT_SALT_BYTES, ContentError, ContentKey, Decryptor, KeyFileError, OpenFailed,
    Passphrase, PrekeySecret, SEALED_CHUNK_BYTES, SEALED_KEY_BYTES, ScryptCost, SigningKey, VaultError,
    VaultKey, decrypt, encrypt, open, pad, read_mldsa_key, read_signing_key, seal, unpad, write_signing_key,
};
use pouch_wire::Fixed;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::edits::edited;

/// What the sealed key protects.
const SECRET: &[u8] = b"a content key and a place in the sequence";

struct Sealed {
    secret: PrekeySecret,
    bytes: Vec<u8>,
}

fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let secret = PrekeySecret::from_seed(&[7; 32]);
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let (enc, ciphertext) = seal(secret.public(), b"info", b"aad", SECRET, &mut rng).unwrap();
        Sealed { secret, bytes: [enc.0.as_slice(), &ciphertext].concat() }
    })
}

/// A sealed key opens untouched and in its own context only; whatever else comes is refused with the one
/// error, which says nothing, and nothing of the secret with it.
pub fn kem_open(data: &[u8]) {
    changed_key(&mut Unstructured::new(data)).unwrap_or_default();
}

fn changed_key(from: &mut Unstructured<'_>) -> Result<()> {
    let Sealed { secret, bytes: genuine } = sealed();
    let info: &[u8] = if from.arbitrary::<u8>()? == 255 { b"other" } else { b"info" };
    let mut bytes = edited(from, genuine)?;
    if from.arbitrary::<u8>()? == 255 {
        let rest = take_rest(from);
        bytes.splice(..rest.len().min(bytes.len()), rest);
    }
    bytes.resize(bytes.len().max(SEALED_KEY_BYTES), 0);
    let (enc, ciphertext) = bytes.split_first_chunk().unwrap();
    let opened = open(secret, info, b"aad", &Fixed(*enc), ciphertext);
    if bytes == *genuine && info == b"info" {
        assert_eq!(opened.unwrap().as_slice(), SECRET);
    } else {
        assert_eq!(opened.unwrap_err(), OpenFailed);
    }
    Ok(())
}

fn take_rest(from: &mut Unstructured<'_>) -> Vec<u8> {
    let len = from.len();
    from.bytes(len).unwrap_or_default().to_vec()
}

struct Content {
    key: ContentKey,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Two whole chunks and a rest, encrypted.
fn content() -> &'static Content {
    static CONTENT: OnceLock<Content> = OnceLock::new();
    CONTENT.get_or_init(|| {
        let key = ContentKey::from_bytes(&[9; 32]);
        let plaintext: Vec<u8> = (0..33_000_u32).map(|i| i as u8).collect();
        let ciphertext = encrypt(&key, [3; CONTENT_SALT_BYTES], b"context", &plaintext).unwrap();
        Content { key, plaintext, ciphertext }
    })
}

/// What one gets by the chunk; nothing when any chunk, or the end, is not what it should be.
fn by_the_chunk(key: &ContentKey, ciphertext: &[u8]) -> core::result::Result<Vec<u8>, ContentError> {
    let (header, mut body) =
        ciphertext.split_first_chunk::<CONTENT_HEADER_BYTES>().ok_or(ContentError::Truncated)?;
    let mut decryptor = Decryptor::new(key, b"context", header)?;
    let mut out = Vec::new();
    while let Some((chunk, rest)) = body.split_first_chunk::<SEALED_CHUNK_BYTES>() {
        out.extend_from_slice(&decryptor.push(chunk)?);
        body = rest;
    }
    out.extend_from_slice(&decryptor.finish(body)?);
    Ok(out)
}

/// Content decrypts untouched or not at all, whole and by the chunk alike; padding comes off only where
/// it was put on; a wrapped secret unwraps only if it was wrapped.
pub fn content_open(data: &[u8]) {
    let Content { key, plaintext, ciphertext } = content();
    let bytes = edited(&mut Unstructured::new(data), ciphertext).unwrap_or_default();
    let whole = decrypt(key, b"context", &bytes).map(|plain| plain.to_vec());
    assert_eq!(by_the_chunk(key, &bytes), whole);
    match &whole {
        Ok(opened) => assert!(bytes == *ciphertext && opened == plaintext),
        Err(_) => assert_ne!(bytes, *ciphertext),
    }
    let expected =
        if bytes.len() < CONTENT_HEADER_BYTES { ContentError::Truncated } else { ContentError::OtherKey };
    assert_eq!(decrypt(key, b"another", &bytes).err(), Some(expected));
    if let Ok(inside) = unpad(data) {
        assert_eq!(pad(inside).unwrap().as_slice(), data);
    }
    let vault = VaultKey::derive(&[5; 32], b"label").unwrap();
    assert!(matches!(vault.unwrap(b"label", data), Err(VaultError::DoesNotOpen)));
}

/// Whether deriving this file's key takes more than a fuzzer's patience: the product allows up to a
/// second of it.
fn costly(pem: &str) -> bool {
    let Ok((_, document)) = SecretDocument::from_pem(pem) else { return false };
    let Ok(file) = document.decode_msg::<EncryptedPrivateKeyInfoRef<'_>>() else { return false };
    let EncryptionScheme::Pbes2(parameters) = file.encryption_algorithm else { return false };
    let Kdf::Scrypt(scrypt) = parameters.kdf else { return false };
    let blocks = u64::from(scrypt.block_size).saturating_mul(u64::from(scrypt.parallelization));
    scrypt.cost_parameter.saturating_mul(blocks) > 1 << 13
}

struct KeyFile {
    der: Vec<u8>,
    key: SigningKey,
}

/// A key file made on the spot: none is kept among the inputs.
fn key_file() -> &'static KeyFile {
    static FILE: OnceLock<KeyFile> = OnceLock::new();
    FILE.get_or_init(|| {
        let key = SigningKey::from_seed(&[11; 32]);
        let mut rng = ChaCha20Rng::from_seed([11; 32]);
        let pem = write_signing_key(&key, &passphrase(), ScryptCost::Quick, &mut rng).unwrap();
        let (_, document) = SecretDocument::from_pem(&pem).unwrap();
        KeyFile { der: document.as_bytes().to_vec(), key }
    })
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse".to_owned()).unwrap()
}

fn armored(label: &str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).unwrap()
}

/// A text made of a genuine key file, changed inside or outside, or of other bytes under some label.
fn key_text(from: &mut Unstructured<'_>) -> Result<String> {
    let label = format!("{} KEY", from.choose(&["ENCRYPTED PRIVATE", "PRIVATE", "EC PRIVATE", "PUBLIC"])?);
    let genuine = &key_file().der;
    Ok(match from.int_in_range(0..=2)? {
        0 => armored(&label, &edited(from, genuine)?),
        1 => {
            let text = edited(from, armored(&label, genuine).as_bytes())?;
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => armored(&label, &take_rest(from)),
    })
}

/// A file gives the key that was written or another than the expected one, which is refused by its id;
/// whatever is wrong with a file, the file is told so.
pub fn keyfile_parse(data: &[u8]) {
    let Ok(pem) = key_text(&mut Unstructured::new(data)) else { return };
    if costly(&pem) {
        return;
    }
    let (key, passphrase) = (&key_file().key, passphrase());
    let read = read_signing_key(&pem, &passphrase, Some(&key.public()));
    if pem == armored("ENCRYPTED PRIVATE KEY", &key_file().der) {
        assert!(read.is_ok(), "the genuine file is read");
    }
    match read {
        Ok(read) => assert_eq!(read.seed(), key.seed()),
        Err(error) => {
            assert_ne!(error, KeyFileError::Failed);
            let mldsa = read_mldsa_key(&pem, &passphrase, None).err();
            assert!(mldsa.is_some_and(|error| error != KeyFileError::Failed));
        }
    }
}
