//! What holds a secret never prints it.

use pouch_crypto::{
    ContentKey, Decryptor, Encryptor, MlDsaKey, NoteKey, Passphrase, PrekeySecret, SigningKey, VaultKey,
};

const SECRET: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";

/// The whole text is compared, so nothing can be added to it unseen.
fn shows(value: &dyn core::fmt::Debug, expected: &str) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert_eq!(text, expected);
        let lower = text.to_lowercase();
        for window in SECRET.windows(4) {
            let decimal: Vec<String> = window.iter().map(u8::to_string).collect();
            for form in [hex::encode(window), decimal.join(", "), String::from_utf8(window.to_vec()).unwrap()]
            {
                assert!(!lower.contains(&form), "{form} in {text}");
            }
        }
    }
}

#[test]
fn keys_show_their_public_half_alone() {
    let key = SigningKey::from_seed(&SECRET);
    shows(&key, &format!("SigningKey(secret of {:?})", key.public()));
    let key = NoteKey::from_seed(&SECRET);
    shows(&key, &format!("NoteKey(secret of {:?})", key.public()));
    let key = MlDsaKey::from_seed(&SECRET).unwrap();
    shows(&key, &format!("MlDsaKey(secret of MlDsaPublic({}))", key.public().id().short()));
    let key = PrekeySecret::from_seed(&SECRET);
    shows(&key, &format!("PrekeySecret(secret of PrekeyPublic({}))", key.public().id().short()));
}

#[test]
fn symmetric_secrets_show_nothing() {
    let key = ContentKey::from_bytes(&SECRET);
    shows(&key, "ContentKey(secret)");
    let (encryptor, header) = Encryptor::new(&key, [0; 24], b"").unwrap();
    shows(&encryptor, "Encryptor(secret, at chunk 0)");
    shows(&Decryptor::new(&key, b"", &header).unwrap(), "Decryptor(secret, at chunk 0)");
    shows(&VaultKey::derive(&SECRET, b"").unwrap(), "VaultKey(secret)");
    shows(&Passphrase::new(String::from_utf8(SECRET.to_vec()).unwrap()).unwrap(), "Passphrase(secret)");
}
