//! Reading and writing files as a person expects: nothing is overwritten, secrets are 0600, and what
//! was written is on the disk before the command says so.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::exit::Exit;
use crate::problem::Problem;

/// Writes a new file, readable by everybody the umask allows.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    write_with_mode(path, bytes, 0o644)
}

/// Writes a new file that only its owner can read.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    write_with_mode(path, bytes, 0o600)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Problem> {
    fill_new(path, mode, |file| file.write_all(bytes))
}

/// Makes a new file and fills it. What could not be written whole is not left there: half a key, or half of what a
/// courier should carry, looks like the whole of it.
fn fill_new(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), Problem> {
    let new = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = new.map_err(|error| not_written(path, &error))?;
    let attempt = || -> std::io::Result<()> {
        fill(&mut file)?;
        file.sync_all()?;
        sync_folder_of(path)
    };
    attempt().map_err(|error| {
        // It is ours: it was not there before.
        drop(fs::remove_file(path));
        not_written(path, &error)
    })
}

/// Why a new file was not written.
fn not_written(path: &Path, error: &std::io::Error) -> Problem {
    let problem = Problem::file(path, error);
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        problem
            .why("an existing file is never overwritten")
            .next("choose another name, or move the old file away")
    } else {
        problem
    }
}

/// Replaces a file in one step: its old or its new content is there, whatever happens.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let new = path.with_extension("new");
    let attempt = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_folder_of(path)
    };
    attempt().map_err(|error| Problem::file(path, &error))
}

/// Overwrites a file and takes it away; gone from the disk when this returns, as far as the disk tells.
pub(crate) fn destroy(path: &Path) -> Result<(), Problem> {
    let attempt = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        file.write_all(&vec![0; len])?;
        file.sync_all()?;
        fs::remove_file(path)?;
        sync_folder_of(path)
    };
    attempt().map_err(|error| Problem::file(path, &error))
}

/// Writes a folder's list of names to the disk.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Waits until a folder's names are on the disk: which files are in it, and under which names.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Problem> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Problem::file(folder, &error))
}

/// Makes a folder that only its owner can enter, and those around it that are missing. They are on the disk
/// when this returns: what is stored in a folder is as safe as the folder's own name.
pub(crate) fn make_folder(path: &Path) -> Result<(), Problem> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| missing.iter().try_for_each(|made| sync_folder_of(made)))
        .map_err(|error| Problem::file(path, &error))?;
    if missing.is_empty() {
        // Whoever made it may have been stopped before it was safe. It is not ours to read what is around it.
        sync_folder_of(path).ok();
    }
    Ok(())
}

/// Reads at most `max` bytes; more is an error, not a truncation.
pub(crate) fn read(path: &Path, max: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut attempt = || File::open(path)?.take(limit).read_to_end(&mut bytes);
    attempt().map_err(|error| Problem::file(path, &error))?;
    if bytes.len() > max {
        return Err(Problem::new(
            Exit::Failed,
            "POUCH-CLI-06",
            format!("{}: larger than the {max} bytes that such a file may have", path.display()),
        ));
    }
    Ok(bytes)
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path, max: usize) -> Result<String, Problem> {
    String::from_utf8(read(path, max)?).map_err(|_| {
        Problem::new(Exit::Failed, "POUCH-CLI-07", format!("{}: not UTF-8 text", path.display()))
    })
}

/// Reads a file that nobody but its owner may read or write.
pub(crate) fn read_secret(path: &Path, max: usize) -> Result<Vec<u8>, Problem> {
    let mode = fs::metadata(path).map_err(|error| Problem::file(path, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Problem::new(
            Exit::AccessDenied,
            "POUCH-KEY-50",
            format!("{}: mode {:04o}, others can reach it", path.display(), mode & 0o7777),
        )
        .why("a key that others can copy proves nothing")
        .next(format!("chmod 600 {}", path.display())));
    }
    read(path, max)
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn what_could_not_be_written_whole_is_not_left_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let full = |file: &mut File| {
            file.write_all(b"half")?;
            Err(Error::from(std::io::ErrorKind::StorageFull))
        };
        fill_new(&path, 0o600, full).unwrap_err();
        assert!(!path.exists());
        write_secret(&path, b"whole").unwrap();
        assert_eq!(write_secret(&path, b"other").unwrap_err().code, "POUCH-CLI-02");
        assert_eq!(fs::read(&path).unwrap(), b"whole", "what was there before stays");
    }
}
