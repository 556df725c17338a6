//! One request, one answer, on a stream of their own.
//!
//! The one who asks finishes its direction after the request, the one who answers after the answer.
//! A refusal is an answer too, and may come before the request's payload is through.

use core::fmt::Display;
use core::time::Duration;

use pouch_wire::session::Refused;
use pouch_wire::{FrameKind, Message, Precedence, Text};

use crate::code::ResetCode;
use crate::session::{Session, SessionError};
use crate::stream::Stream;
use crate::stream_error::StreamError;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer refused, and says why.
    #[error("refused by the peer: {} {}", .0.code, .0.reason)]
    Refused(Refused),
    /// No answer came in time. Whether the request was carried out is not known.
    #[error("no answer within {within:?}")]
    NoAnswer {
        /// The limit.
        within: Duration,
    },
    /// The stream failed.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl From<SessionError> for RequestError {
    fn from(error: SessionError) -> Self {
        Self::Stream(error.into())
    }
}

impl RequestError {
    /// Stable code. A refusal's own code is in the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "POUCH-NET-60",
            Self::NoAnswer { .. } => "POUCH-NET-61",
            Self::Stream(error) => error.code(),
        }
    }
}

impl Session {
    /// Asks and waits for the answer, `within` in all.
    ///
    /// # Errors
    /// When the peer refuses, does not answer in time, or something else comes.
    pub async fn request<Q: Message, A: Message>(
        &self,
        question: &Q,
        within: Duration,
    ) -> Result<A, RequestError> {
        self.request_with_payload(question, &[], Precedence::Routine, within).await
    }

    /// Asks with a payload and waits for the answer, `within` in all.
    ///
    /// # Errors
    /// When the peer refuses, does not answer in time, or something else comes.
    pub async fn request_with_payload<Q: Message, A: Message>(
        &self,
        question: &Q,
        payload: &[u8],
        precedence: Precedence,
        within: Duration,
    ) -> Result<A, RequestError> {
        let asking = self.ask(question, payload, precedence, within);
        match tokio::time::timeout(within, asking).await {
            // One call on the stream used up the whole time.
            Err(_) | Ok(Err(RequestError::Stream(StreamError::TooSlow { .. }))) => {
                Err(RequestError::NoAnswer { within })
            }
            Ok(answer) => answer,
        }
    }

    async fn ask<Q: Message, A: Message>(
        &self,
        question: &Q,
        payload: &[u8],
        precedence: Precedence,
        within: Duration,
    ) -> Result<A, RequestError> {
        let mut stream = self.open().await?.with_deadline(within);
        stream.set_priority(precedence);
        match stream.put(question, payload).await {
            Ok(()) => stream.recv_answer().await,
            // Who refuses early stops reading: its reason is on the way.
            Err(stopped @ StreamError::Stopped { .. }) => match stream.recv_answer::<A>().await {
                Err(refused @ RequestError::Refused(_)) => Err(refused),
                _ => Err(stopped.into()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

impl Stream {
    async fn put<Q: Message>(&mut self, question: &Q, payload: &[u8]) -> Result<(), StreamError> {
        self.send_message(question).await?;
        self.send_payload(payload).await?;
        self.finish()
    }

    /// The answer to what was sent, as the stream's last frame.
    ///
    /// # Errors
    /// When it is a refusal, another frame, or not the last.
    pub async fn recv_answer<A: Message>(&mut self) -> Result<A, RequestError> {
        let frame = self.recv().await?.ok_or(StreamError::Ended { expected: A::KIND })?;
        if frame.kind() == FrameKind::Refused && A::KIND != FrameKind::Refused {
            return Err(RequestError::Refused(frame.read().map_err(StreamError::from)?));
        }
        let answer = frame.read().map_err(StreamError::from)?;
        self.recv_end().await?;
        Ok(answer)
    }

    /// Answers and ends the stream.
    ///
    /// # Errors
    /// When the peer does not take the answer.
    pub async fn answer<A: Message>(mut self, answer: &A) -> Result<(), StreamError> {
        self.send_message(answer).await?;
        self.finish()
    }

    /// Refuses and ends the stream; what is left of the request is not read. A listener counts it, see
    /// [`Session::refused`].
    ///
    /// # Errors
    /// When the peer does not take the refusal.
    pub async fn refuse(mut self, refused: &Refused) -> Result<(), StreamError> {
        self.session().refused(&refused.code);
        self.send_message(refused).await?;
        self.finish()?;
        self.stop(ResetCode::Refused);
        Ok(())
    }
}

/// A refusal from a stable code and a sentence for people. What does not fit is cut off, and control
/// characters become spaces.
#[must_use]
pub fn refusal(code: &str, reason: &impl Display, retry_after: Option<Duration>) -> Refused {
    let millis = |wait: Duration| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    Refused { code: cut(code), reason: cut(&reason.to_string()), retry_after_ms: retry_after.map(millis) }
}

fn cut<const MAX: usize>(text: &str) -> Text<MAX> {
    let mut kept = String::new();
    for character in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if kept.len().saturating_add(character.len_utf8()) > MAX {
            break;
        }
        kept.push(character);
    }
    Text::new(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_always_fits() {
        let long = "\u{1F4DE}\n".repeat(400);
        let refused = refusal("POUCH-ADM-03", &long, Some(Duration::MAX));
        assert_eq!(refused.code.as_str(), "POUCH-ADM-03");
        assert!(refused.reason.len() <= 512 && refused.reason.starts_with("\u{1F4DE} "));
        assert_eq!(refused.retry_after_ms, Some(u32::MAX));
    }
}
