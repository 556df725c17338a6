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
    /// The other end hung up within the line.
    #[error("the line ends in the middle")]
    CutOff,
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
    read_within(from, LINE_BYTES_MAX).await
}

/// A line and its end are at most `max` bytes.
async fn read_within<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    max: u64,
) -> Result<Option<T>, LineError> {
    let mut line = Vec::new();
    let read = from.take(max).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        let full = u64::try_from(read).unwrap_or(u64::MAX) >= max;
        // Half a call, from somebody who hung up in the middle, is none.
        return Err(if full { LineError::TooLong } else { LineError::CutOff });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, AttachmentFile, Bytes, Call, Compose, Selection};
    use pouch_wire::{NoticeType, Precedence, Tlp};

    async fn parsed<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<Option<T>, LineError> {
        read(&mut bytes).await
    }

    fn compose() -> Compose {
        Compose {
            notice_type: NoticeType::FreeText,
            to: vec!["MD/policy".parse().unwrap()],
            info: Vec::new(),
            precedence: Some(Precedence::Flash),
            tlp: Some(Tlp::Amber),
            widen: false,
            subject: "line one\nline two \u{202e}".to_owned(),
            language: "en".to_owned(),
            fields: "text = \"x\"".to_owned(),
            valid_seconds: Some(60),
            in_reply_to: None,
            attachments: vec![AttachmentFile {
                name: "a.bin".to_owned(),
                media_type: "application/octet-stream".to_owned(),
                bytes: Bytes(vec![0, 10, 13, 255]),
            }],
            exercise: None,
            break_glass: false,
        }
    }

    #[tokio::test]
    async fn what_is_written_is_one_line_and_is_read_again() {
        let mut line = Vec::new();
        write(&mut line, &Call::Send(Box::new(compose()))).await.unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let Some(Call::Send(read)) = parsed(&line).await.unwrap() else { panic!("another call") };
        assert_eq!(read.subject, compose().subject);
        assert_eq!(read.attachments[0].bytes, compose().attachments[0].bytes);
    }

    #[tokio::test]
    async fn two_lines_are_two_values() {
        let mut both: &[u8] = b"{\"call\":\"status\"}\n{\"call\":\"keys\"}\n";
        assert!(matches!(read(&mut both).await.unwrap(), Some(Call::Status)));
        assert!(matches!(read(&mut both).await.unwrap(), Some(Call::Keys)));
        assert!(read::<Call>(&mut both).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_line_at_the_limit_is_read_and_one_byte_more_is_not() {
        let line = b"{\"call\":\"status\"}\n";
        let len = u64::try_from(line.len()).unwrap();
        let within = |max| async move { read_within::<Call>(&mut line.as_slice(), max).await };
        assert!(matches!(within(len).await, Ok(Some(Call::Status))));
        assert!(matches!(within(len - 1).await, Err(LineError::TooLong)));
    }

    #[tokio::test]
    async fn an_endless_line_is_refused_before_it_fills_the_memory() {
        let mut endless = tokio::io::BufReader::new(tokio::io::repeat(b'['));
        let refused = read_within::<Call>(&mut endless, 1024).await;
        assert!(matches!(refused, Err(LineError::TooLong)), "{refused:?}");
    }

    #[tokio::test]
    async fn half_a_call_is_no_call() {
        // Cut after the brace it would be a whole call.
        let refused = parsed::<Call>(b"{\"call\":\"status\"}").await;
        assert!(matches!(refused, Err(LineError::CutOff)), "{refused:?}");
    }

    #[tokio::test]
    async fn garbage_is_refused_whatever_it_is() {
        let nested = [b"[".repeat(100_000), b"\n".to_vec()].concat();
        let lines: [&[u8]; 9] = [
            b"\n",
            b"{}\n",
            b"\xff\xfe\0\n",
            b"{\"call\":\"shutdown\"}\n",
            b"{\"call\":\"show\",\"id\":\"x\",\"more\":1}\n",
            b"{\"call\":\"attachment\",\"id\":\"x\",\"index\":-1}\n",
            b"{\"call\":\"publish\",\"statement\":\"not base64!\"}\n",
            b"{\"call\":\"show\",\"id\":\"x\"} {\"call\":\"status\"}\n",
            &nested,
        ];
        for line in lines {
            let refused = parsed::<Call>(line).await;
            assert!(matches!(refused, Err(LineError::Json(_))), "{:?}: {refused:?}", line.get(..40));
        }
    }

    #[tokio::test]
    async fn an_answer_is_not_taken_for_a_call() {
        let mut line = Vec::new();
        write(&mut line, &Answer::Published(7)).await.unwrap();
        assert!(matches!(parsed::<Call>(&line).await, Err(LineError::Json(_))));
        let mut line = Vec::new();
        write(&mut line, &Call::Inbox(Selection::default())).await.unwrap();
        assert!(matches!(parsed::<Answer>(&line).await, Err(LineError::Json(_))));
    }

    #[test]
    fn bytes_do_not_print_themselves() {
        assert_eq!(format!("{:?}", Bytes(b"secret".to_vec())), "Bytes(6)");
    }
}
