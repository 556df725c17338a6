//! Waits for what a service writes into a folder, as the system tells it.

use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use pouch_testkit::stage::StageError;

/// Waits until the contents of a file fit; `None` while it is not there. Its folder must be.
///
/// # Errors
/// When that takes longer, or the folder cannot be watched.
pub async fn until(
    path: &Path,
    within: Duration,
    fits: impl Fn(Option<&[u8]>) -> bool,
) -> Result<(), StageError> {
    let failed = |error: &dyn core::fmt::Display| StageError(format!("{}: {error}", path.display()));
    let begun = Instant::now();
    let folder = path.parent().ok_or_else(|| failed(&"no folder"))?;
    let mut changes = Inotify::init(InitFlags::IN_CLOEXEC).map_err(|error| failed(&error))?;
    let written = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE;
    changes.add_watch(folder, written).map_err(|error| failed(&error))?;
    // Watched first and read then: what is written in between is told too.
    while !fits(std::fs::read(path).ok().as_deref()) {
        let left = within.saturating_sub(begun.elapsed());
        let told = tokio::task::spawn_blocking(move || next(changes, left));
        changes = told
            .await
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?
            .ok_or_else(|| failed(&"was not written in time"))?;
    }
    Ok(())
}

/// Waits for the next change in the folder; `None` when there is none for so long.
fn next(changes: Inotify, within: Duration) -> nix::Result<Option<Inotify>> {
    let within = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    if poll(&mut [PollFd::new(changes.as_fd(), PollFlags::POLLIN)], within)? == 0 {
        return Ok(None);
    }
    changes.read_events()?;
    Ok(Some(changes))
}

/// Copies a folder with all that is in it, with the rights of each.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_renamed_into_place_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let writes = async {
            for text in ["old", "new"] {
                let aside = folder.path().join("aside");
                std::fs::write(&aside, text).unwrap();
                std::fs::rename(&aside, &path).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let seen = until(&path, Duration::from_secs(10), |bytes| bytes == Some(b"new"));
        let (seen, ()) = tokio::join!(seen, writes);
        seen.unwrap();
        until(&path, Duration::from_secs(10), |bytes| bytes.is_some()).await.unwrap();
    }

    #[tokio::test]
    async fn what_never_comes_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let error = until(&path, Duration::ZERO, |bytes| bytes.is_some()).await.unwrap_err();
        assert!(error.0.contains("in time"), "{error}");
    }
}
