//! Statements as files that travel by mail or on a stick, and their way into the directory.
//!
//! A proposal, an endorsement and a finished statement are one thing: a statement's bytes with the signatures
//! that it has so far. The words at the top of such a file are for people and prove nothing; whoever signs is
//! shown what the bytes themselves say.

use std::path::Path;
use std::time::Duration;

use pouch_control::{Answer, Bytes, Call, Client, ClientError};
use pouch_crypto::{SigningKey, sha256, spoken_digits};
use pouch_directory::{Act, SignedStatement, Statement};
use pouch_wire::{Blob, Canonical as _, Digest, NetworkId, Set, decode_hex, encode_hex};
use rand::Rng as _;
use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::commands::acts::words;
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, name};
use crate::passphrase::Source;
use crate::problem::Problem;

/// Largest file: a statement in hexadecimal, and words.
const FILE_BYTES_MAX: usize = 128 * 1024;
const BEGIN: &str = "-----BEGIN POUCH STATEMENT-----";
const END: &str = "-----END POUCH STATEMENT-----";
/// How long a node may take to take in what was entered.
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(30);

/// A statement with the signatures that it has so far.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    /// The bytes that are signed, and by whom they are so far.
    pub(crate) signed: SignedStatement,
    /// What the bytes say.
    pub(crate) statement: Statement,
}

impl Carried {
    /// A new statement of now, unsigned.
    pub(crate) fn new(network: NetworkId, act: Act) -> Result<Self, Problem> {
        let mut nonce = [0; 32];
        rand::rng().fill_bytes(&mut nonce);
        let statement = Statement { network, created: clock::now(), nonce: Digest::new(nonce), act };
        let bytes = statement.to_bytes().map_err(too_large)?;
        let statement_bytes = Blob::new(bytes).map_err(|error| Problem::usage(error.to_string()))?;
        Ok(Self {
            signed: SignedStatement { statement: statement_bytes, signatures: Set::default() },
            statement,
        })
    }

    /// With one more signature.
    pub(crate) fn with(self, key: &SigningKey) -> Result<Self, Problem> {
        let signed = self.signed.endorse(self.statement.network, key).map_err(too_large)?;
        Ok(Self { signed, ..self })
    }

    /// The entry that it would be.
    pub(crate) fn entry(&self) -> Result<Vec<u8>, Problem> {
        self.signed.to_bytes().map_err(too_large)
    }

    /// Digits of what is signed, to compare by telephone: they are the same however many have signed.
    pub(crate) fn digits(&self) -> String {
        spoken_digits(&sha256(&self.signed.statement))
    }

    /// What it does, in words, from the bytes.
    pub(crate) fn words(&self) -> Vec<String> {
        words(&self.statement.act)
    }

    /// Writes it to a new file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Problem> {
        let mut lines = vec![
            "# A statement for the directory of a Pouch network. These words are for people and prove nothing;".into(),
            "# `pouch network show FILE` tells what the bytes below say. Nothing in this file is secret.".into(),
            format!("# drafted {}", clock::utc(self.statement.created)),
        ];
        lines.extend(self.words().iter().map(|line| format!("# {line}")));
        lines.push(format!("# digits {}", self.digits()));
        lines.push(BEGIN.into());
        let hex = encode_hex(&self.entry()?);
        lines.extend(hex.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()));
        lines.push(END.into());
        files::write_new(path, (lines.join("\n") + "\n").as_bytes())
    }

    /// Reads such a file, or a statement's canonical bytes as they stand.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let bytes = files::read(path, FILE_BYTES_MAX)?;
        Self::parse(&bytes).map_err(|why| {
            Problem::new(Exit::Failed, "POUCH-CER-01", format!("{}: not a statement: {why}", path.display()))
                .why("it was changed or cut on its way, or is another kind of file")
                .next("ask whoever sent it for the file again")
        })
    }

    /// Whether a file looks like one that [`Carried::write`] wrote.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        core::str::from_utf8(bytes).is_ok_and(|text| text.contains(BEGIN))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let armoured = core::str::from_utf8(bytes).ok().and_then(|text| text.split_once(BEGIN));
        let entry = match armoured {
            Some((_, rest)) => {
                let (hex, _) = rest.split_once(END).ok_or("its end is missing")?;
                let hex: String = hex.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                decode_hex(&hex).ok_or("a character that is no hexadecimal digit, or one is missing")?
            }
            None => bytes.to_vec(),
        };
        let signed = SignedStatement::from_bytes(&entry).map_err(|error| error.to_string())?;
        let statement = Statement::from_bytes(&signed.statement).map_err(|error| error.to_string())?;
        Ok(Self { signed, statement })
    }
}

fn too_large(error: pouch_wire::EncodeError) -> Problem {
    Problem::new(Exit::Usage, "POUCH-CER-09", error.to_string())
        .why("an entry of the directory has a limit; keys of logs and witnesses are large")
        .next("do it in several statements, one after the other")
}

/// The root key in a member's folder.
pub(crate) fn root(member_dir: &Path, source: &Source) -> Result<SigningKey, Problem> {
    KeyRing::open(&member_dir.join("keys"), source.existing("the root key")?).signing(name::ROOT)
}

/// Puts an entry into the directory, and waits until the node believes it: the next command then finds it in
/// effect. Its index.
pub(crate) async fn submit(client: &Client, entry: Vec<u8>) -> Result<u64, Problem> {
    let mut events = client.watch(None).await?;
    let statement = Bytes(entry);
    let Answer::Published(index) = client.call(&Call::Publish { statement }).await? else {
        return Err(ClientError::Unexpected.into());
    };
    let now = Instant::now();
    let deadline = now.checked_add(TAKEN_IN_WITHIN).unwrap_or(now);
    loop {
        match client.call(&Call::Status).await? {
            Answer::Status(status) if status.directory_size > index => return Ok(index),
            Answer::Status(_) => {}
            _ => return Err(ClientError::Unexpected.into()),
        }
        match timeout_at(deadline, events.next()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Err(ClientError::HungUp.into()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                return Err(Problem::new(
                    Exit::NotInTime,
                    "POUCH-CER-10",
                    format!("it is entry {index} of the directory, and this node has not taken that in yet"),
                )
                .why("an entry counts when enough witnesses have cosigned it")
                .next("look again in a minute: pouch directory log"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried() -> Carried {
        let act = Act::ReinstateMember { member: "NL".parse().unwrap() };
        Carried::new(NetworkId(Digest::new([7; 32])), act).unwrap()
    }

    #[test]
    fn a_statement_survives_the_mail_and_its_words_prove_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, key) = (dir.path().join("file"), SigningKey::from_seed(&[1; 32]));
        let written = carried().with(&key).unwrap();
        written.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        // Line ends of another system, quoted headers, words that somebody changed.
        let mailed =
            format!("Dear all,\r\n{}", text.replace('\n', "\r\n").replace("reinstates NL", "admits FR"));
        let read = Carried::parse(mailed.as_bytes()).unwrap();
        assert_eq!(read.signed, written.signed);
        assert_eq!(read.words(), ["reinstates NL: its keys speak again"]);
        assert_eq!(Carried::parse(&written.entry().unwrap()).unwrap().signed, written.signed);
        assert!(written.write(&path).is_err(), "an existing file is never overwritten");
    }

    #[test]
    fn what_was_cut_or_has_other_characters_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        carried().write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(Carried::parse(text.replace(END, "").as_bytes()).is_err());
        let (head, hex) = text.split_once(BEGIN).unwrap();
        for other in [hex.replacen('0', "", 1), hex.replacen('0', "x", 1), hex.replacen("\n", "\n00", 1)] {
            assert!(Carried::parse(format!("{head}{BEGIN}{other}").as_bytes()).is_err());
        }
    }

    #[test]
    fn the_digits_are_of_what_is_signed_and_not_of_who_signed() {
        let first = carried();
        let digits = first.digits();
        assert_eq!(first.with(&SigningKey::from_seed(&[1; 32])).unwrap().digits(), digits);
        assert_ne!(carried().digits(), digits, "another statement of the same words");
    }
}
