//! One JSON value per line, with a limit before anything is kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest line: a payload's 64 MiB in base64, with room for the rest.
pub const LINE_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// Why a line could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than [`LINE_BYTES_MAX`].
    #[error("line longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// The line is not the JSON that was expected.
    #[error("not understood: {0}")]
    Json(#[from] serde_json::Error),
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] std::io::Error),
}

pub(crate) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<T>, LineError> {
    let mut line = Vec::new();
    let read = from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && u64::try_from(read).unwrap_or(u64::MAX) >= LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

pub(crate) async fn write<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    value: &T,
) -> Result<(), LineError> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await?;
    Ok(())
}
