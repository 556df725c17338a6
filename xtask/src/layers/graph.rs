//! What depends on what, from `cargo metadata`, and the rules about it.
//!
//! A violation is told with the path of dependencies that leads to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::FLOOR_1;
use crate::trouble::Trouble;

/// Libraries that bring files, sockets or a runtime.
const IO: [&str; 7] = ["tokio", "quinn", "quinn-proto", "quinn-udp", "rusqlite", "mio", "socket2"];
/// Libraries of others that an outsider who reads `audit` has to read as well.
const AUDIT_MAY_USE: [&str; 6] = ["serde", "serde_json", "thiserror", "base64", "hex", "zeroize"];
/// Libraries that only some crates may name as direct dependencies.
const RESERVED: [(&str, &[&str]); 10] = [
    ("bincode", &["wire"]),
    ("rusqlite", &["store"]),
    ("tokio-postgres", &["store-postgres"]),
    ("sqlx", &["store-postgres"]),
    // The attackers of the harnesses write packets that our own crates do not.
    ("quinn", &["net", "tests"]),
    ("socket2", &["net", "tests"]),
    ("hyper", &["net"]),
    ("tokio-rustls", &["net"]),
    ("landlock", &["contain"]),
    ("seccompiler", &["contain"]),
];

/// Packages by id, with the normal dependencies that cargo resolved.
#[derive(Debug, Default)]
pub(super) struct Graph {
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
    members: BTreeMap<String, String>,
}

impl Graph {
    /// Reads what `cargo metadata` printed.
    pub(super) fn of(metadata: &Value) -> Result<Self, Trouble> {
        let mut graph = Self::default();
        let members: BTreeSet<&str> = list(metadata, "workspace_members").filter_map(Value::as_str).collect();
        for package in list(metadata, "packages") {
            let (id, name) = (text(package, "id")?, text(package, "name")?);
            graph.names.insert(id.into(), name.into());
            if let Some(short) = name.strip_prefix("pouch-").filter(|_| members.contains(id)) {
                graph.members.insert(short.into(), id.into());
            }
        }
        for node in metadata.get("resolve").into_iter().flat_map(|resolve| list(resolve, "nodes")) {
            let uses = list(node, "deps").filter(|dep| is_normal(dep));
            let uses = uses.map(|dep| text(dep, "pkg").map(str::to_owned)).collect::<Result<_, _>>()?;
            graph.uses.insert(text(node, "id")?.into(), uses);
        }
        if graph.members.is_empty() || graph.uses.is_empty() {
            return Err(Trouble::failed("cargo metadata names no members or no dependencies"));
        }
        Ok(graph)
    }

    /// How many of the project's crates there are.
    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// Every rule about dependencies that does not hold.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut broken = Vec::new();
        broken.extend(self.missing());
        broken.extend(self.reaches("relay", &["pouch-notice"], "relay never depends on notice"));
        for krate in FLOOR_1.into_iter().chain(["audit"]) {
            broken.extend(self.reaches(krate, &IO, "no input, output or runtime on floor 1, nor in audit"));
        }
        for krate in FLOOR_1 {
            broken.extend(self.floor_1_names(krate));
        }
        broken.extend(self.audit_names());
        broken.extend(self.reserved());
        broken.extend(self.contain_names());
        broken
    }

    /// A rule about a crate that is not there would hold for ever.
    fn missing(&self) -> Vec<String> {
        let due = FLOOR_1.into_iter().chain(["relay", "audit", "store", "net"]);
        due.filter(|krate| !self.members.contains_key(*krate))
            .map(|krate| format!("{krate}: no such crate; the rules name it"))
            .collect()
    }

    /// A floor 1 crate depends on floor 1 alone, and on no source of randomness.
    fn floor_1_names(&self, krate: &str) -> Vec<String> {
        self.direct(krate)
            .filter_map(|name| {
                if name == "getrandom" {
                    return Some(format!("{krate} -> {name}: floor 1 takes randomness as an argument"));
                }
                let short = name.strip_prefix("pouch-")?;
                (!FLOOR_1.contains(&short))
                    .then(|| format!("{krate} -> {name}: floor 1 depends on floor 1 only"))
            })
            .collect()
    }

    fn audit_names(&self) -> Vec<String> {
        self.direct("audit")
            .filter(|name| match name.strip_prefix("pouch-") {
                Some(short) => !FLOOR_1.contains(&short),
                None => !AUDIT_MAY_USE.contains(name),
            })
            .map(|name| format!("audit -> {name}: audit depends on floor 1 only, and on serde and its like"))
            .collect()
    }

    /// What a process gives up is the same for every application.
    fn contain_names(&self) -> Vec<String> {
        let ours = self.direct("contain").filter(|name| name.starts_with("pouch-"));
        ours.map(|name| format!("contain -> {name}: contain knows no application")).collect()
    }

    fn reserved(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for krate in self.members.keys() {
            for name in self.direct(krate) {
                let owner = RESERVED.iter().find(|(library, _)| *library == name);
                if let Some((library, owners)) = owner.filter(|(_, owners)| !owners.contains(&krate.as_str()))
                {
                    broken.push(format!("{krate} -> {library}: only {} may name it", owners.join(", ")));
                }
            }
        }
        broken
    }

    /// The names that a crate depends on directly.
    fn direct(&self, krate: &str) -> impl Iterator<Item = &str> {
        let uses = self.members.get(krate).and_then(|id| self.uses.get(id));
        uses.into_iter().flatten().filter_map(|id| self.names.get(id)).map(String::as_str)
    }

    /// For each forbidden name that the crate depends on, however far away: the shortest way to it.
    fn reaches(&self, krate: &str, forbidden: &[&str], rule: &str) -> Vec<String> {
        let Some(start) = self.members.get(krate) else { return Vec::new() };
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([(start, krate.to_owned())]);
        let mut broken = Vec::new();
        while let Some((id, way)) = queue.pop_front() {
            for next in self.uses.get(id).into_iter().flatten() {
                let name = self.names.get(next).map_or("?", String::as_str);
                let way = format!("{way} -> {name}");
                if !seen.insert(next) {
                    continue;
                }
                if forbidden.contains(&name) {
                    broken.push(format!("{way}: {rule}"));
                } else {
                    queue.push_back((next, way));
                }
            }
        }
        broken
    }
}

fn is_normal(dep: &Value) -> bool {
    list(dep, "dep_kinds").any(|kind| kind.get("kind").is_none_or(Value::is_null))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, Trouble> {
    value
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| Trouble::failed(format!("cargo metadata has no {key} where one was expected")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace in which every rule holds, and these dependencies besides.
    fn workspace(extra: &[(&str, &str)]) -> Vec<String> {
        let mut uses: Vec<(&str, &str)> = vec![
            ("pouch-wire", "bincode"),
            ("pouch-crypto", "pouch-wire"),
            ("pouch-tlog", "pouch-crypto"),
            ("pouch-directory", "pouch-tlog"),
            ("pouch-envelope", "pouch-directory"),
            ("pouch-notice", "pouch-envelope"),
            ("pouch-store", "rusqlite"),
            ("pouch-net", "quinn"),
            ("quinn", "tokio"),
            ("pouch-relay", "pouch-net"),
            ("pouch-relay", "pouch-store"),
            ("pouch-audit", "pouch-notice"),
            ("pouch-audit", "serde"),
        ];
        uses.extend_from_slice(extra);
        violations(&uses, &Value::Null)
    }

    fn violations(uses: &[(&str, &str)], kind: &Value) -> Vec<String> {
        let names: BTreeSet<&str> = uses.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let node = |name: &&str| {
            let deps = uses.iter().filter(|(from, _)| from == name);
            let deps: Vec<Value> =
                deps.map(|(_, to)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": name, "deps": deps})
        };
        let metadata = json!({
            "workspace_members": names.iter().filter(|name| name.starts_with("pouch-")).collect::<Vec<_>>(),
            "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()},
        });
        Graph::of(&metadata).unwrap().violations()
    }

    #[test]
    fn a_workspace_that_keeps_the_rules_passes() {
        assert_eq!(workspace(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_relay_that_reaches_notice_is_told_with_the_way() {
        assert_eq!(
            workspace(&[("pouch-store", "pouch-notice")]),
            ["relay -> pouch-store -> pouch-notice: relay never depends on notice"]
        );
    }

    #[test]
    fn a_runtime_below_floor_1_is_found_however_deep() {
        let broken = workspace(&[("pouch-wire", "innocent"), ("innocent", "mio")]);
        assert!(
            broken.iter().any(|line| line.starts_with("notice -> pouch-envelope")
                && line.contains("pouch-wire -> innocent -> mio: no input")),
            "{broken:?}"
        );
        assert_eq!(broken.len(), 7, "each floor 1 crate and audit: {broken:?}");
    }

    #[test]
    fn a_test_dependency_breaks_no_rule() {
        let mut uses = vec![("pouch-relay", "pouch-notice")];
        uses.extend([("pouch-wire", "tokio"), ("pouch-audit", "tokio"), ("pouch-crypto", "bincode")]);
        let broken = violations(&uses, &json!("dev"));
        assert!(broken.iter().all(|line| line.contains("no such crate")), "{broken:?}");
    }

    #[test]
    fn audit_may_name_nothing_else() {
        for extra in ["pouch-net", "reqwest", "clap"] {
            let broken = workspace(&[("pouch-audit", extra)]);
            assert!(broken.iter().any(|line| line.starts_with(&format!("audit -> {extra}: "))), "{broken:?}");
        }
    }

    #[test]
    fn libraries_that_know_bytes_tables_or_sockets_stay_in_their_crate() {
        for (krate, library) in [
            ("tlog", "bincode"),
            ("agent", "rusqlite"),
            ("relay", "quinn"),
            ("cli", "socket2"),
            ("agent", "hyper"),
        ] {
            let broken = workspace(&[(&format!("pouch-{krate}"), library)]);
            assert!(
                broken.iter().any(|line| line.starts_with(&format!("{krate} -> {library}: only "))),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn floor_1_has_no_randomness_and_nothing_of_the_floors_above() {
        for extra in ["getrandom", "pouch-store"] {
            let broken = workspace(&[("pouch-tlog", extra)]);
            assert!(broken.iter().any(|line| line.starts_with(&format!("tlog -> {extra}: "))), "{broken:?}");
        }
    }

    #[test]
    fn a_rule_about_a_crate_that_is_gone_is_reported() {
        let broken = violations(&[("pouch-wire", "bincode")], &Value::Null);
        assert!(broken.contains(&"relay: no such crate; the rules name it".to_owned()));
    }
}
