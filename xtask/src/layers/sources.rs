//! What a crate's source may not name, whatever its Cargo.toml says.

use super::FLOOR_1;
use super::paths::paths;
use crate::source::SourceFile;
use crate::tokens::Kind;

/// Files, sockets, clocks, randomness and threads, which floor 1 does without.
const NOT_ON_FLOOR_1: [&[&str]; 19] = [
    &["std", "fs"],
    &["std", "net"],
    &["std", "os"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["SystemTime"],
    &["Instant", "now"],
    &["OsRng"],
    &["SysRng"],
    &["ThreadRng"],
    &["SystemRandom"],
    &["getrandom"],
    &["thread_rng"],
    &["rand", "rng"],
    &["rand", "random"],
    &["tokio"],
];

/// Names that only these crates may use.
const RESERVED: [(&[&str], &[&str]); 12] = [
    (&["bincode"], &["wire"]),
    (&["rusqlite"], &["store"]),
    (&["tokio_postgres"], &["store-postgres"]),
    (&["sqlx"], &["store-postgres"]),
    (&["quinn"], &["net"]),
    (&["quinn_proto"], &["net"]),
    (&["socket2"], &["net"]),
    // testkit asks the system for a free port; it is in no program that serves a state.
    (&["UdpSocket"], &["net", "testkit"]),
    (&["TcpStream"], &["net"]),
    (&["TcpListener"], &["net"]),
    (&["UnixStream"], &["control"]),
    (&["UnixListener"], &["control"]),
];

/// Every rule about source that does not hold.
pub(super) fn violations(files: &[SourceFile]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files {
        named(file, &mut broken);
        if !file.krate.starts_with("store") {
            tables(file, &mut broken);
        }
    }
    broken
}

fn named(file: &SourceFile, broken: &mut Vec<String>) {
    let pure = FLOOR_1.contains(&file.krate.as_str());
    for path in paths(&file.tokens) {
        let at = || format!("{}:{}: {}", file.path, path.line, path.segments.join("::"));
        if pure && NOT_ON_FLOOR_1.iter().any(|wanted| path.holds(wanted)) {
            broken.push(format!("{}: floor 1 has no files, sockets, clock or randomness", at()));
        }
        for (wanted, owners) in RESERVED {
            if path.holds(wanted) && !owners.contains(&file.krate.as_str()) {
                broken.push(format!("{}: only {} may name it", at(), owners.join(", ")));
            }
        }
    }
}

fn tables(file: &SourceFile, broken: &mut Vec<String>) {
    for token in file.tokens.iter().filter(|token| token.kind == Kind::Quoted && is_sql(&token.text)) {
        let beginning: String = token.text.trim().chars().take(30).collect();
        broken.push(format!("{}:{}: {beginning:?}: only store may know SQL", file.path, token.line));
    }
}

/// Whether a text reads like a statement of SQL, in the capitals that such statements are written in.
fn is_sql(text: &str) -> bool {
    let text = text.trim();
    let begins =
        |word: &str| text.strip_prefix(word).is_some_and(|rest| rest.starts_with(char::is_whitespace));
    let holds = |word: &str| text.split_whitespace().any(|other| other == word);
    (begins("SELECT") && holds("FROM"))
        || (begins("UPDATE") && holds("SET"))
        || (begins("INSERT") && holds("INTO"))
        || (begins("DELETE") && holds("FROM"))
        || (begins("CREATE") && (holds("TABLE") || holds("INDEX")))
        || begins("PRAGMA")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(krate: &str, source: &str) -> Vec<String> {
        violations(&[SourceFile::new(krate, "src/a.rs", source)])
    }

    #[test]
    fn floor_1_names_no_file_socket_clock_or_randomness() {
        for source in [
            "fn a() { std::fs::read(b); }",
            "use std::{fmt, net::IpAddr};",
            "fn a(t: std::time::SystemTime) {}",
            "fn a() { let b = Instant::now(); }",
            "use rand::rngs::OsRng;",
            "fn a() { rand::rng().next_u32(); }",
            "use aws_lc_rs::rand::SystemRandom;",
        ] {
            assert_eq!(broken("tlog", source).len(), 1, "{source}");
        }
    }

    #[test]
    fn the_same_is_allowed_above_in_tests_and_in_words() {
        assert_eq!(broken("agent", "fn a() { std::fs::read(b); }"), Vec::<String>::new());
        assert_eq!(broken("tlog", "#[cfg(test)] mod tests { use std::fs; }"), Vec::<String>::new());
        assert_eq!(
            broken("tlog", "// std::fs\n/// std::net\nfn a() -> &str { \"SystemTime\" }"),
            Vec::<String>::new()
        );
        assert_eq!(broken("tlog", "fn a(rng: &mut impl rand::CryptoRng) {}"), Vec::<String>::new());
    }

    #[test]
    fn only_their_crates_name_bytes_tables_and_sockets() {
        for (source, owner) in [
            ("use bincode::config;", "wire"),
            ("use rusqlite::Connection;", "store"),
            ("use quinn::Endpoint;", "net"),
            ("use std::net::{SocketAddr, UdpSocket};", "net"),
            ("use tokio::net::TcpStream;", "net"),
            ("use tokio::net::UnixListener;", "control"),
        ] {
            assert_eq!(broken("relay", source).len(), 1, "{source}");
            assert_eq!(broken(owner, source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn sql_is_known_by_store_alone() {
        let source = "fn a() { run(\"SELECT id\n FROM inbox\"); }";
        assert_eq!(
            broken("agent", source),
            ["src/a.rs:1: \"SELECT id\\n FROM inbox\": only store may know SQL"]
        );
        assert_eq!(broken("store", source), Vec::<String>::new());
        assert_eq!(broken("cli", "fn a() { say(\"UPDATE of the notice\"); }"), Vec::<String>::new());
        assert_eq!(broken("agent", "const A: &str = \"PRAGMA journal_mode\";").len(), 1);
    }
}
