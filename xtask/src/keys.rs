//! Refuses anything like a private key anywhere in the tree.
//!
//! Looked at are the files that git knows and those that it would take next. A key in a test is
//! derived from a seed in the test; if a published vector must stand in a file, the line before it
//! says `keys: allow` and why. This file holds no example of what it refuses in one piece.

use std::fs;
use std::path::Path;

use crate::run::git_files;
use crate::trouble::Trouble;

/// What the line above an allowed block says, followed by a colon and the reason.
const ALLOW: &str = "keys: allow";
/// How many signs of base64 after a PEM header make it a key rather than a mention.
const PEM_BODY_MIN: usize = 40;
/// How far after the header they are looked for, in bytes.
const PEM_WINDOW: usize = 400;
/// Endings of file names that hold nothing but a secret.
const SECRET_FILES: [&str; 9] = ["p12", "pfx", "jks", "keystore", "pk8", "key", "seed", "sk", "secret"];
/// File names that programs give to private keys.
const SECRET_NAMES: [&str; 4] = ["id_rsa", "id_ecdsa", "id_ed25519", "identity.age"];
/// The algorithm identifier of Ed25519 (RFC 8410) and the two nested octet strings of its private key.
const PKCS8_ED25519: [u8; 9] = [0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// Texts that begin a secret key, in two halves each, and how many signs of the key must follow.
const MARKS: [(&str, &str, usize); 2] = [("AGE-SECRET-", "KEY-1", 20), ("PRIVATE+", "KEY+", 20)];

/// Looks at every file of the tree.
pub(crate) fn keys(root: &Path) -> Result<String, Trouble> {
    let files = git_files(root)?;
    let mut found = Vec::new();
    for name in &files {
        let path = root.join(name);
        if path.is_symlink() || !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| Trouble::file(&path, &error))?;
        found.extend(secrets(name, &bytes).into_iter().map(|what| format!("{name}: {what}")));
    }
    if found.is_empty() {
        return Ok(format!("no private key in {} files", files.len()));
    }
    Err(Trouble::failed(format!(
        "{} files with something like a private key\n  {}",
        found.len(),
        found.join("\n  ")
    )))
}

/// What in a file is like a private key.
fn secrets(name: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let file = name.rsplit('/').next().unwrap_or(name);
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    if SECRET_FILES.contains(&ending) || SECRET_NAMES.contains(&file) {
        found.push("a file of this name is a secret".to_owned());
    }
    if bytes.windows(PKCS8_ED25519.len()).any(|window| window == PKCS8_ED25519) {
        found.push("an Ed25519 private key (PKCS#8)".to_owned());
    }
    let text = String::from_utf8_lossy(bytes);
    found.extend(pem_blocks(&text));
    found.extend(marked(&text));
    found.extend(jwk(&text));
    found
}

/// PEM blocks: a header that says private key, and something like a body after it.
fn pem_blocks(text: &str) -> Vec<String> {
    let header = concat!("PRIVATE", " KEY");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("-----BEGIN ") {
        let Some(rest) = text.get(at..) else { continue };
        let Some((label, body)) = rest.trim_start_matches("-----BEGIN ").split_once("-----") else {
            continue;
        };
        if label.len() > 40 || !label.contains(header) {
            continue;
        }
        let body = body.split("-----").next().unwrap_or_default();
        let signs = body.chars().take(PEM_WINDOW).filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c));
        if signs.count() >= PEM_BODY_MIN && !allowed(text, at) {
            found.push(format!("line {}: a PEM block: {label}", line_of(text, at)));
        }
    }
    found
}

/// Keys that begin with a word of their own.
fn marked(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (first, second, signs) in MARKS {
        let mark = format!("{first}{second}");
        for (at, _) in text.match_indices(&mark) {
            let after = text.get(at.saturating_add(mark.len())..).unwrap_or_default();
            let body =
                after.chars().take_while(|c| c.is_ascii_alphanumeric() || "+/=._-".contains(*c)).count();
            if body >= signs && !allowed(text, at) {
                found.push(format!("line {}: {mark}", line_of(text, at)));
            }
        }
    }
    found
}

/// A JSON Web Key with its private member.
fn jwk(text: &str) -> Option<String> {
    let member = |name: &str| text.contains(&format!("\"{name}\":"));
    (member("kty") && member("crv") && member("d")).then(|| "a JSON Web Key with its private part".to_owned())
}

/// Whether this line or the one above says that it is allowed, and why.
fn allowed(text: &str, at: usize) -> bool {
    let end =
        text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |len| at.saturating_add(len));
    let until = text.get(..end).unwrap_or_default();
    until.lines().rev().take(2).any(|line| {
        let reason = line.split_once(ALLOW).and_then(|(_, rest)| rest.strip_prefix(':'));
        reason.is_some_and(|reason| !reason.trim().is_empty())
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn pem(label: &str) -> String {
        format!("-----BEGIN {label}-----\n{BODY}\n-----END {label}-----\n")
    }

    #[test]
    fn a_private_key_in_pem_is_refused_in_every_dress() {
        for label in ["PRIVATE", "ENCRYPTED PRIVATE", "OPENSSH PRIVATE", "EC PRIVATE"] {
            let block = pem(&format!("{label} KEY"));
            assert_eq!(secrets("docs/a.md", block.as_bytes()).len(), 1, "{label}");
            let quoted = block.replace('\n', "\\n");
            assert_eq!(
                secrets("a.rs", format!("const A: &str = \"{quoted}\";").as_bytes()).len(),
                1,
                "{label}"
            );
        }
        assert_eq!(secrets("a.asc", pem(concat!("PGP PRIVATE", " KEY BLOCK")).as_bytes()).len(), 1);
    }

    #[test]
    fn a_public_key_and_a_mere_mention_are_not() {
        assert_eq!(secrets("a.pem", pem("PUBLIC KEY").as_bytes()), Vec::<String>::new());
        let mention = concat!("assert!(text.starts_with(\"-----BEGIN ENCRYPTED PRIVATE", " KEY-----\"));\n");
        assert_eq!(secrets("a.rs", mention.repeat(3).as_bytes()), Vec::<String>::new());
    }

    #[test]
    fn an_allowed_block_needs_a_reason() {
        let block = pem(concat!("PRIVATE", " KEY"));
        let with = format!("# keys: allow: published in RFC 8410, section 10.3\n{block}");
        assert_eq!(secrets("a.txt", with.as_bytes()), Vec::<String>::new());
        let without = format!("# keys: allow:\n{block}");
        assert_eq!(secrets("a.txt", without.as_bytes()).len(), 1);
        let far = format!("# keys: allow: published\n\n{block}");
        assert_eq!(secrets("a.txt", far.as_bytes()).len(), 1);
    }

    #[test]
    fn other_kinds_of_secret_are_refused() {
        let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05];
        der.extend(PKCS8_ED25519);
        der.extend([7; 32]);
        assert_eq!(secrets("tests/a.bin", &der).len(), 1);
        for (first, second, _) in MARKS {
            let key = format!("{first}{second}{}", "A1B2C3D4".repeat(6));
            assert_eq!(secrets("notes.txt", key.as_bytes()).len(), 1);
            assert_eq!(secrets("notes.txt", format!("{first}{second} is its beginning").as_bytes()).len(), 0);
        }
        assert_eq!(
            secrets(
                "a.json",
                concat!(r#"{"kty":"OKP","crv":"Ed25519","x":"AA","d"#, r#"":"AA"}"#).as_bytes()
            )
            .len(),
            1
        );
        assert_eq!(secrets("a.json", br#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#).len(), 0);
    }

    #[test]
    fn names_of_secret_files_are_refused_whatever_is_in_them() {
        for name in ["keys/demo/nl.key", "a/root.seed", "x.p12", "home/id_ed25519"] {
            assert_eq!(secrets(name, b"anything").len(), 1, "{name}");
        }
        for name in ["keys/README.md", "crates/crypto/src/keyfile.rs", "keys/demo/nl.pub", "monkey"] {
            assert_eq!(secrets(name, b"anything").len(), 0, "{name}");
        }
    }
}
