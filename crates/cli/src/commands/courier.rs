//! `courier`: a file for whoever carries it, and what somebody brought. Only here is the carrier's disk touched:
//! the node itself neither writes nor reads what is named on a command line.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use pouch_control::{
    Answer, Bytes, Call, Client, ClientError, CourierFileView, CourierImported, CourierSelection,
    CourierWritten,
};
use pouch_wire::limits;
use serde::Serialize;

use crate::args::Courier;
use crate::commands::compose::{addressees, directory};
use crate::commands::reconfirm::numbers;
use crate::exit::Exit;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;
use crate::render;

pub(crate) async fn courier(command: Courier, client: &Client, out: &Output) -> Result<u8, Problem> {
    match command {
        Courier::Export { ids, to, whole_directory, output } => {
            let to =
                if to.is_empty() { Vec::new() } else { addressees(&to, &directory(client).await?, None)? };
            let selection = CourierSelection { ids: numbers(&ids), to, whole_directory };
            export(selection, &output, client, out).await
        }
        Courier::Import { file } => import(&file, client, out).await,
    }
}

/// What stands in a file that was written.
#[derive(Debug, Serialize)]
struct Written<'a> {
    file: String,
    digest: pouch_wire::Digest,
    bytes: usize,
    messages: &'a [pouch_control::CourierMessage],
    left_out: usize,
    directory: Option<pouch_control::CourierDirectory>,
    handed_over_at: pouch_wire::Timestamp,
}

async fn export(
    selection: CourierSelection,
    output: &Path,
    client: &Client,
    out: &Output,
) -> Result<u8, Problem> {
    let made = match client.call(&Call::CourierExport(selection)).await? {
        Answer::Courier(made) => *made,
        _ => return Err(ClientError::Unexpected.into()),
    };
    files::write_secret(output, &made.bytes.0)?;
    // Only now: a stick that was full has nothing.
    let CourierFileView { digest, bytes, messages, left_out, directory } = made;
    let each = messages.iter().flat_map(|m| m.recipients.iter().map(|to| (m.envelope, to.clone())));
    let call = Call::CourierWritten(CourierWritten { digest, messages: each.collect() });
    let Answer::CourierWritten(at) = client.call(&call).await? else {
        return Err(ClientError::Unexpected.into());
    };
    let written = Written {
        file: output.display().to_string(),
        digest,
        bytes: bytes.0.len(),
        messages: &messages,
        left_out,
        directory,
        handed_over_at: at,
    };
    let text = render::courier_written(&written.file, digest, &messages, left_out, directory);
    out.result("courier-written", &written, &text)?;
    out.next(
        "whoever gets it: pouch courier import FILE; nothing counts as delivered before the receipt is back",
    );
    Ok(Exit::Done.code())
}

/// Reads a plain file, from wherever it is. What a carrier's file system calls a file may be a pipe that never
/// ends, or point to somewhere on this machine.
fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let kind = fs::symlink_metadata(path).map_err(|error| Problem::file(path, &error))?.file_type();
    if !kind.is_file() {
        let is = if kind.is_symlink() {
            "a link to another file"
        } else if kind.is_dir() {
            "a folder"
        } else if kind.is_fifo() || kind.is_socket() {
            "a pipe or socket"
        } else {
            "a device"
        };
        let what = format!("{}: {is}, not a courier file", path.display());
        return Err(Problem::new(Exit::Failed, "POUCH-COU-30", what)
            .why("what a carrier's disk calls a file may lead elsewhere")
            .next("give the file itself, and look who made this"));
    }
    let max = u64::try_from(limits::COURIER_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let attempt =
        fs::File::open(path).and_then(|file| file.take(max.saturating_add(1)).read_to_end(&mut bytes));
    attempt.map_err(|error| Problem::file(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        let what = format!("{}: larger than the {max} bytes that such a file may have", path.display());
        return Err(
            Problem::new(Exit::NotAuthentic, "POUCH-COU-06", what).next("ask the sender for a new file")
        );
    }
    Ok(bytes)
}

async fn import(path: &Path, client: &Client, out: &Output) -> Result<u8, Problem> {
    let call = Call::CourierImport { bytes: Bytes(read(path)?) };
    let imported: CourierImported = match client.call(&call).await? {
        Answer::CourierImported(imported) => *imported,
        _ => return Err(ClientError::Unexpected.into()),
    };
    out.result("courier-imported", &imported, &render::courier_imported(&imported))?;
    out.next("read it: pouch inbox; receipts go back over a relay, or: pouch courier export --to SENDER");
    // Refused before what only waits: the lower code says more.
    Ok(imported.messages.iter().map(|message| message.exit).filter(|exit| *exit != 0).min().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_courier_file_is_its_owner_s_alone_and_overwrites_and_follows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link, target) =
            (dir.path().join("md.courier"), dir.path().join("link"), dir.path().join("target"));
        files::write_secret(&path, b"sealed").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), b"sealed");
        let again = files::write_secret(&path, b"other").unwrap_err();
        assert_eq!((again.code.as_str(), fs::read(&path).unwrap()), ("POUCH-CLI-02", b"sealed".to_vec()));
        symlink(&target, &link).unwrap();
        assert_eq!(files::write_secret(&link, b"other").unwrap_err().code, "POUCH-CLI-02");
        assert!(!target.exists(), "nothing was written where the link points");
    }

    #[test]
    fn what_is_no_plain_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, b"x").unwrap();
        symlink(&file, &link).unwrap();
        let pipe = dir.path().join("pipe");
        let _listener = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        for path in [link.as_path(), pipe.as_path(), dir.path(), Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().code, "POUCH-COU-30", "{}", path.display());
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huge");
        let max = u64::try_from(limits::COURIER_BYTES).unwrap();
        fs::File::create(&path).unwrap().set_len(max + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().code, "POUCH-COU-06");
    }
}
