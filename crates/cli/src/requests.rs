//! What one party sends to another before a network exists: public halves, as text that people can
//! read and compare. Nothing in these files is secret.

use std::path::Path;

use pouch_crypto::{MlDsaPublic, NotePublic, PublicKey};
use pouch_wire::{ContactPoint, KeyId, Member};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::problem::Problem;

/// Largest request: a relay's has two ML-DSA keys in hexadecimal.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// A member asks to be a founder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FounderRequest {
    pub(crate) member: Member,
    pub(crate) name: String,
    pub(crate) root: PublicKey,
    pub(crate) next_root: KeyId,
}

/// A node asks its member to authorise it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactPointRequest {
    pub(crate) contact_point: ContactPoint,
    pub(crate) name: String,
    pub(crate) telephone: String,
    pub(crate) home_relays: Vec<String>,
    pub(crate) signing: PublicKey,
    pub(crate) transport: PublicKey,
}

/// An officer asks the member to be authorised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfficerRequest {
    pub(crate) contact_point: ContactPoint,
    pub(crate) title: String,
    pub(crate) person: String,
    pub(crate) key: PublicKey,
}

/// A log's public keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogRequest {
    pub(crate) origin: String,
    pub(crate) ed25519: NotePublic,
    pub(crate) mldsa: MlDsaPublic,
}

/// A relay asks to be named in the charter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RelayRequest {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) transport: PublicKey,
    pub(crate) receipts: PublicKey,
    pub(crate) message_log: LogRequest,
    /// For the relay that is to sequence the directory.
    pub(crate) directory_log: Option<LogRequest>,
}

/// A witness asks to be named in the charter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessRequest {
    pub(crate) name: String,
    pub(crate) ed25519: NotePublic,
    pub(crate) mldsa: MlDsaPublic,
    pub(crate) transport: Option<PublicKey>,
}

/// A member's request file holds one of these tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MemberRequest {
    ContactPoint(Box<ContactPointRequest>),
    Officer(OfficerRequest),
}

/// Writes a request as TOML with a heading that says what to do with it.
pub(crate) fn write<T: Serialize>(path: &Path, heading: &str, request: &T) -> Result<(), Problem> {
    let body = toml::to_string_pretty(request)
        .map_err(|error| Problem::usage(format!("{}: cannot be written: {error}", path.display())))?;
    let heading: String = heading.lines().map(|line| format!("# {line}\n")).collect();
    files::write_new(path, format!("{heading}\n{body}").as_bytes())
}

/// Reads a request; unknown keys are refused with their line.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let text = files::read_text(path, REQUEST_BYTES_MAX)?;
    toml::from_str(&text).map_err(|error| {
        Problem::new(crate::exit::Exit::Usage, "POUCH-CFG-01", format!("{}: {error}", path.display()))
            .next("ask its author for the file again; it is made by `pouch ... init`")
    })
}
