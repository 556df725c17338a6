//! One notice of each type at one moment: its bytes, id and printed form, as files. A changed byte or line
//! is a changed protocol, and must be meant.

use std::fmt::Write as _;
use std::path::PathBuf;

use pouch_notice::{Notice, spoken_check};
use pouch_wire::{Canonical as _, NoticeType, Timestamp};

use crate::printed::shown;
use crate::stage::{NOW, body, notice};

fn vector(kind: NoticeType) -> String {
    let notice = notice(body(kind));
    let bytes = notice.to_bytes().unwrap();
    let id = Notice::id_of(&bytes);
    let mut out = format!("type {kind}\nid {id}\nspoken {}\nbytes\n", spoken_check(id));
    let hex: String = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    for line in hex.as_bytes().chunks(96) {
        writeln!(out, "  {}", core::str::from_utf8(line).unwrap()).unwrap();
    }
    write!(out, "printed 40 s later\n{}\n", shown(&notice, Timestamp(NOW.0 + 40_000))).unwrap();
    out
}

#[test]
fn each_types_bytes_and_printed_form_are_those_on_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/notice");
    let write = std::env::var_os("POUCH_WRITE_VECTORS").is_some();
    for kind in NoticeType::ALL {
        let path = folder.join(format!("{kind}.txt"));
        let now = vector(*kind);
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &now).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == now, "{} differs; POUCH_WRITE_VECTORS=1 writes it anew\n{now}", path.display());
    }
}
