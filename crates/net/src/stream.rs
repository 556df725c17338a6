//! One bidirectional stream of frames, with limits and deadlines on both directions.
//!
//! Receiving may be cancelled and taken up again: no byte is lost. Sending may not: a frame that was
//! left half-way ends our direction. A stream that is dropped before it is finished is cut off with
//! a code, so the peer never takes half a request for a whole one. `finish` says that no more comes;
//! it does not say that anything arrived: only an answer does.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use pouch_wire::{Frame, FrameError, FrameKind, Message, Precedence, limits};
use tokio::time::{Instant, timeout_at};

use crate::carrier::{Halves, RecvHalf, SendHalf};
use crate::code::ResetCode;
use crate::inbound::Inbound;
use crate::session::Session;
use crate::stream_error::StreamError;

/// Our direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Between frames.
    Open,
    /// A frame was begun and not ended: its sender was cancelled.
    WithinFrame,
    /// The last frame was sent.
    Finished,
    /// Cut off.
    Reset,
}

/// Until when something must be over, and how long that was.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    within: Duration,
}

impl Due {
    fn within(within: Duration) -> Self {
        // Beyond the clock's range there is nothing to wait for: a day will do.
        let now = Instant::now();
        let at = now.checked_add(within).or_else(|| now.checked_add(Duration::from_secs(86_400)));
        Self { at: at.unwrap_or(now), within }
    }
}

/// A stream of frames between the two ends of a session.
pub struct Stream {
    session: Session,
    send: SendHalf,
    recv: RecvHalf,
    inbound: Inbound,
    sending: Sending,
    /// The peer's direction is over.
    ended: bool,
    deadline: Option<Duration>,
    /// When the frame now under way must be whole.
    frame_due: Option<Due>,
}

impl Stream {
    /// A stream that we opened: the peer may think before it answers.
    pub(crate) fn opened(session: Session, halves: Halves) -> Self {
        Self::new(session, halves, None)
    }

    /// A stream that the peer opened: it has something to say, so the first frame has a deadline.
    pub(crate) fn accepted(session: Session, halves: Halves) -> Self {
        let due = Due::within(session.limits().head);
        Self::new(session, halves, Some(due))
    }

    fn new(session: Session, halves: Halves, frame_due: Option<Due>) -> Self {
        let Halves { send, recv } = halves;
        Self {
            session,
            send,
            recv,
            inbound: Inbound::default(),
            sending: Sending::Open,
            ended: false,
            deadline: None,
            frame_due,
        }
    }

    /// The session that it belongs to.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Gives each later call (a frame, or a whole payload) so much time, instead of the limits'.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.set_deadline(Some(deadline));
        self
    }

    /// Changes the time for each later call; with `None` the limits hold again: no limit while the
    /// peer is silent between frames, then [`crate::Limits::head`] and the size over the slowest
    /// rate for each frame.
    pub fn set_deadline(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline;
        if deadline.is_some() {
            self.frame_due = None;
        }
    }

    /// Lets what we send on this stream go before that of less urgent streams of the session.
    pub fn set_priority(&self, precedence: Precedence) {
        self.send.set_priority(priority(precedence));
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the peer does not take it in time or at all.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), StreamError> {
        let within = self.deadline.unwrap_or_else(|| self.session.limits().frame_within(frame.body().len()));
        self.write(frame.to_bytes(), Due::within(within)).await
    }

    /// Sends a value as a frame.
    ///
    /// # Errors
    /// When it is too large, or the peer does not take it in time or at all.
    pub async fn send_message<M: Message>(&mut self, message: &M) -> Result<(), StreamError> {
        self.send(&Frame::of(message)?).await
    }

    /// Sends a payload in pieces of [`limits::FRAME_BYTES`], the last one shorter.
    ///
    /// # Errors
    /// When the peer does not take it in time or at all.
    pub async fn send_payload(&mut self, payload: &[u8]) -> Result<(), StreamError> {
        let len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let within = self.deadline.unwrap_or_else(|| self.session.limits().payload_within(len));
        let due = Due::within(within);
        for piece in payload.chunks(limits::FRAME_BYTES) {
            self.write(Frame::chunk(piece)?.to_bytes(), due).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Vec<u8>, due: Due) -> Result<(), StreamError> {
        match self.sending {
            Sending::Open => {}
            Sending::WithinFrame => {
                self.reset(ResetCode::Abandoned);
                return Err(StreamError::Closed);
            }
            Sending::Finished | Sending::Reset => return Err(StreamError::Closed),
        }
        self.sending = Sending::WithinFrame;
        match timeout_at(due.at, self.send.write(Bytes::from(bytes))).await {
            Ok(Ok(())) => {
                self.sending = Sending::Open;
                Ok(())
            }
            Ok(Err(error)) => {
                self.sending = Sending::Reset;
                Err(error)
            }
            Err(_) => {
                self.reset(ResetCode::TooSlow);
                Err(StreamError::TooSlow { what: "sending", within: due.within })
            }
        }
    }

    /// The next frame; `None` when the peer finished. May be cancelled: no byte is lost.
    ///
    /// # Errors
    /// When what comes is no frame, comes too slowly, or is cut off. What is no frame ends the peer's
    /// direction; ours stays open for a refusal.
    pub async fn recv(&mut self) -> Result<Option<Frame>, StreamError> {
        let due = self.deadline.map(Due::within);
        self.recv_by(due).await
    }

    async fn recv_by(&mut self, due: Option<Due>) -> Result<Option<Frame>, StreamError> {
        if self.ended {
            return Ok(None);
        }
        loop {
            if let Some(frame) = self.inbound.take()? {
                self.frame_due = None;
                return Ok(Some(frame));
            }
            let due = due.or(self.frame_due);
            let Some(bytes) = self.read(due).await? else {
                self.ended = true;
                let (came, expected) = self.inbound.came();
                return if came == 0 { Ok(None) } else { Err(StreamError::Truncated { came, expected }) };
            };
            self.take_in(&bytes)?;
        }
    }

    async fn read(&mut self, due: Option<Due>) -> Result<Option<Bytes>, StreamError> {
        let reading = self.recv.read(self.inbound.missing());
        let read = match due {
            None => reading.await,
            Some(due) => timeout_at(due.at, reading)
                .await
                .map_err(|_| StreamError::TooSlow { what: "receiving", within: due.within })?,
        };
        if let Err(error) = &read {
            self.ended = !matches!(error, StreamError::Session(_));
        }
        read
    }

    /// Takes bytes in, and starts the clock of a frame with its first byte.
    fn take_in(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let (first, headless) = (self.inbound.is_between_frames(), self.inbound.announced().is_none());
        if let Err(error) = self.inbound.push(bytes) {
            self.stop(ResetCode::Protocol);
            return Err(error.into());
        }
        match self.inbound.announced() {
            Some(len) if headless => {
                self.frame_due = Some(Due::within(self.session.limits().frame_within(len)));
            }
            None if first && self.frame_due.is_none() => {
                self.frame_due = Some(Due::within(self.session.limits().head));
            }
            _ => {}
        }
        Ok(())
    }

    /// The next frame, which must be of this kind.
    ///
    /// # Errors
    /// When another comes, none, or none in time.
    pub async fn recv_message<M: Message>(&mut self) -> Result<M, StreamError> {
        let frame = self.recv().await?.ok_or(StreamError::Ended { expected: M::KIND })?;
        Ok(frame.read()?)
    }

    /// A payload of exactly `len` bytes, of which at most `max` are allowed. Memory grows with what
    /// came.
    ///
    /// # Errors
    /// When it is too large, comes to another length, in other pieces, or too slowly.
    pub async fn recv_payload(&mut self, len: u64, max: u64) -> Result<Vec<u8>, StreamError> {
        if len > max {
            return Err(StreamError::PayloadTooLarge { len, max });
        }
        let within = self.deadline.unwrap_or_else(|| self.session.limits().payload_within(len));
        let due = Due::within(within);
        let mut payload = Vec::new();
        loop {
            let came = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            let missing = len.saturating_sub(came);
            if missing == 0 {
                return Ok(payload);
            }
            let frame = self.recv_by(Some(due)).await?;
            let frame = frame.ok_or(StreamError::PayloadTooShort { announced: len, came })?;
            payload.extend_from_slice(piece(&frame, len, missing)?);
        }
    }

    /// Waits for the peer's end of the stream.
    ///
    /// # Errors
    /// When another frame comes, or the end does not come in time.
    pub async fn recv_end(&mut self) -> Result<(), StreamError> {
        match self.recv().await? {
            None => Ok(()),
            Some(frame) => Err(StreamError::Trailing { kind: frame.kind() }),
        }
    }

    /// Says that no more comes from us. It does not say that anything arrived.
    ///
    /// # Errors
    /// When our direction is over already, or a frame was left half-way.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        if self.sending != Sending::Open {
            return Err(StreamError::Closed);
        }
        self.sending = Sending::Finished;
        self.send.finish()
    }

    /// Cuts our direction off; what the peer has not read is lost.
    pub fn reset(&mut self, code: ResetCode) {
        self.sending = Sending::Reset;
        self.send.reset(code);
    }

    /// Tells the peer to send no more.
    pub fn stop(&mut self, code: ResetCode) {
        self.ended = true;
        self.recv.stop(code);
    }
}

/// Higher numbers are sent first; a stream that was given no precedence has zero, like routine.
const fn priority(precedence: Precedence) -> i32 {
    match precedence {
        Precedence::Flash => 3,
        Precedence::Immediate => 2,
        Precedence::Priority => 1,
        Precedence::Routine => 0,
    }
}

/// A piece's bytes, if it is the piece that must come now.
fn piece(frame: &Frame, announced: u64, missing: u64) -> Result<&[u8], StreamError> {
    if frame.kind() != FrameKind::Chunk {
        let (expected, got) = (FrameKind::Chunk, frame.kind());
        return Err(FrameError::Unexpected { expected, got }.into());
    }
    let expected = usize::try_from(missing).unwrap_or(usize::MAX).min(limits::FRAME_BYTES);
    let len = frame.body().len();
    if u64::try_from(len).is_ok_and(|len| len > missing) {
        return Err(StreamError::PayloadTooLong { announced });
    }
    if len < expected {
        return Err(StreamError::PartialPiece { len, expected });
    }
    Ok(frame.body())
}

impl Drop for Stream {
    fn drop(&mut self) {
        let finished = self.sending == Sending::Finished;
        if matches!(self.sending, Sending::Open | Sending::WithinFrame) {
            self.reset(ResetCode::Abandoned);
        }
        if !self.ended {
            self.stop(if finished { ResetCode::Done } else { ResetCode::Abandoned });
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?}, {:?}, ended: {})", self.session, self.sending, self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authorise, Dialer, Limits, Listener, ServerSecrets, TransportIdentity};
    use pouch_crypto::PublicKey;
    use std::sync::Arc;

    struct Everyone;

    impl Authorise for Everyone {
        fn is_known(&self, _: &PublicKey) -> bool {
            true
        }
    }

    #[test]
    fn the_more_urgent_the_sooner() {
        let priorities = Precedence::ALL.map(priority);
        assert!(priorities.is_sorted_by(|sooner, later| sooner > later), "{priorities:?}");
    }

    #[test]
    fn a_deadline_beyond_the_clock_is_none_at_all() {
        assert!(Due::within(Duration::MAX).at > Instant::now() + Duration::from_secs(3600));
    }

    #[tokio::test]
    async fn a_precedence_reaches_the_carrier() {
        let addr = "127.0.0.1:0".parse().unwrap();
        let identity = |seed| TransportIdentity::from_seed(&[seed; 32]).unwrap();
        let (relay, secrets) = (identity(1), ServerSecrets::new([1; 32], [2; 32]));
        let listener = Listener::bind(addr, &relay, Arc::new(Everyone), &secrets, Limits::default()).unwrap();
        let dialer = Dialer::bind(addr, identity(2), Limits::default()).unwrap();
        let accepting = async { listener.accept().await.unwrap().handshake().await.unwrap() };
        let connecting = dialer.connect(listener.local_addr(), relay.public());
        let (_theirs, ours) = tokio::join!(accepting, connecting);
        let mut stream = ours.unwrap().open().await.unwrap();
        assert_eq!(stream.send.priority(), Some(0));
        stream.set_priority(Precedence::Flash);
        assert_eq!(stream.send.priority(), Some(3));
        // Of a stream that is over there is nothing to hurry.
        stream.reset(ResetCode::Abandoned);
        stream.set_priority(Precedence::Routine);
    }
}
