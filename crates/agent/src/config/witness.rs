//! How a witness is told what to do: on its own, or as a part of a node.

use core::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use pouch_contain::Demand;
use pouch_net::Transport;
use pouch_tlog::{KeyName, KnownLog, SignatureKind, VerifierKey};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// What a stand-alone witness is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// The name of its keys.
    pub name: String,
    /// The charter file.
    pub charter: PathBuf,
    /// The folder of its state.
    pub data: PathBuf,
    /// The folder of its key files.
    pub keys: PathBuf,
    /// A file (mode 0600) with the passphrase of the key files; asked for when absent.
    pub passphrase_file: Option<PathBuf>,
    /// Whether it starts where the system cannot confine it.
    #[serde(default)]
    pub containment: Demand,
    /// The TCP address on which it answers `add-checkpoint`; it does not when absent.
    pub listen_http: Option<SocketAddr>,
    /// How it reaches relays: `auto` (QUIC, and TCP when QUIC does not come up), `quic` or `tcp`.
    #[serde(default)]
    pub transport: Transport,
    /// Logs that it cosigns besides the network's.
    #[serde(default)]
    pub log: Vec<WitnessedLog>,
}

/// What a node is told that cosigns logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessPart {
    /// The name of its witness keys.
    pub name: String,
    /// The TCP address on which it answers `add-checkpoint`; it does not when absent.
    pub listen_http: Option<SocketAddr>,
    /// Logs that it cosigns besides the network's.
    #[serde(default)]
    pub log: Vec<WitnessedLog>,
}

/// Another's log: keys of which any one is enough, all with the log's origin as their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct WitnessedLog {
    origin: KeyName,
    keys: Vec<VerifierKey>,
}

impl WitnessedLog {
    pub(crate) const fn origin(&self) -> &KeyName {
        &self.origin
    }

    pub(crate) fn known(&self) -> KnownLog {
        KnownLog::any_of(self.keys.clone())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keys: Vec<String>,
}

impl TryFrom<Written> for WitnessedLog {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let read = |key: &String| key.parse::<VerifierKey>().map_err(|error| error.to_string());
        let keys: Vec<VerifierKey> = written.keys.iter().map(read).collect::<Result<_, _>>()?;
        let first = keys.first().ok_or("a log without keys")?;
        if keys.iter().any(|key| key.name() != first.name()) {
            return Err("keys of several logs: each log has a table of its own".into());
        }
        if keys.iter().any(|key| key.kind() == SignatureKind::CosignatureEd25519) {
            return Err("a witness's key among those of a log".into());
        }
        Ok(Self { origin: first.name().clone(), keys })
    }
}

impl From<WitnessedLog> for Written {
    fn from(log: WitnessedLog) -> Self {
        Self { keys: log.keys.iter().map(ToString::to_string).collect() }
    }
}

/// The name alone, or a table with more.
pub(super) fn name_or_table<'de, D: Deserializer<'de>>(from: D) -> Result<Option<WitnessPart>, D::Error> {
    struct NameOrTable;
    impl<'de> Visitor<'de> for NameOrTable {
        type Value = WitnessPart;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the witness's name, or a table with `name`")
        }
        fn visit_str<E>(self, name: &str) -> Result<WitnessPart, E> {
            Ok(WitnessPart { name: name.to_owned(), listen_http: None, log: Vec::new() })
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WitnessPart, A::Error> {
            WitnessPart::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_any(NameOrTable).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AgentConfig;

    const ED25519: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562\
                           +52022 89b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP";

    fn config(witness: &str) -> Result<AgentConfig, toml::de::Error> {
        toml::from_str(&format!(
            "contact_point = \"NL/technical\"\ncharter = \"c\"\ndata = \"d\"\nkeys = \"k\"\n\
             socket = \"s\"\n{witness}"
        ))
    }

    #[test]
    fn a_node_is_a_witness_by_a_name_or_a_table_or_not_at_all() {
        assert!(config("").unwrap().witness.is_none());
        let named = config("witness = \"w.example\"").unwrap().witness.unwrap();
        assert_eq!((named.name.as_str(), named.listen_http), ("w.example", None));
        let table = config("[witness]\nname = \"w.example\"\nlisten_http = \"127.0.0.1:80\"").unwrap();
        assert_eq!(table.witness.unwrap().listen_http, Some("127.0.0.1:80".parse().unwrap()));
        for wrong in
            ["witness = 3", "[witness]\nlisten_http = \"127.0.0.1:80\"", "[witness]\nname = \"w\"\nport = 1"]
        {
            assert!(config(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_log_has_keys_of_its_own_name_and_no_witness_s() {
        let key = pouch_crypto::NoteKey::from_seed(&[1; 32]).public();
        let vkey = |name: &str| VerifierKey::ed25519(KeyName::new(name).unwrap(), key).unwrap().to_string();
        let log = |keys: Vec<String>| WitnessedLog::try_from(Written { keys });
        assert_eq!(log(vec![vkey("log.example")]).unwrap().origin().as_str(), "log.example");
        let witness = VerifierKey::cosignature_ed25519(KeyName::new("log.example").unwrap(), key).unwrap();
        for wrong in [
            vec![],
            vec![ED25519.to_owned()],
            vec![vkey("log.example"), vkey("other.example")],
            vec![vkey("log.example"), witness.to_string()],
        ] {
            assert!(log(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
