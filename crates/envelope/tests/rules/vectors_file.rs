//! Vectors as files: hexadecimal, 48 bytes a line. `POUCH_BLESS=1` writes them; otherwise a changed byte
//! fails the test.

use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) fn folder(area: &str, kind: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "vectors", area, kind].iter().collect()
}

fn blessing() -> bool {
    std::env::var_os("POUCH_BLESS").is_some()
}

fn to_hex(bytes: &[u8]) -> String {
    let lines =
        bytes.chunks(48).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n");
    lines.collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The bytes on file under each name, which must be these very ones.
pub(crate) fn held(area: &str, kind: &str, now: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let folder = folder(area, kind);
    if blessing() {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in now {
            std::fs::write(folder.join(format!("{name}.hex")), to_hex(bytes)).unwrap();
        }
    }
    let read = |name: &String| {
        let path = folder.join(format!("{name}.hex"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (name.clone(), from_hex(&text))
    };
    let kept: BTreeMap<String, Vec<u8>> = now.keys().map(read).collect();
    for (name, bytes) in now {
        assert!(&kept[name] == bytes, "{kind}/{name}.hex differs; POUCH_BLESS=1 writes it anew");
    }
    kept
}
