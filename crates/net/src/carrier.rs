//! What a session runs on: QUIC, or TLS on TCP. Here the two are one; nothing above knows which it is.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

use bytes::Bytes;
use quinn::{Connection, ReadError, RecvStream, SendStream, WriteError};

use crate::code::{CloseCode, ResetCode};
use crate::lossy::Known;
use crate::session::SessionError;
use crate::stream_error::StreamError;
use crate::tcp::{TcpLink, TcpRecv, TcpSend};

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// QUIC, on UDP.
    Quic,
    /// TLS on TCP: one line for all streams, where a lost packet holds up every one.
    Tcp,
}

impl Carrier {
    /// Its name, as it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which carriers a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// QUIC, and TCP when QUIC does not come up.
    #[default]
    Auto,
    /// QUIC and nothing else.
    Quic,
    /// TCP and nothing else.
    Tcp,
}

/// A connection whose keys are proved.
#[derive(Debug)]
pub(crate) enum Link {
    Quic(Connection, Known),
    Tcp(TcpLink),
}

/// Our direction of a stream.
#[derive(Debug)]
pub(crate) enum SendHalf {
    Quic(SendStream),
    Tcp(TcpSend),
}

/// The peer's direction of a stream.
#[derive(Debug)]
pub(crate) enum RecvHalf {
    Quic(RecvStream),
    Tcp(TcpRecv),
}

impl From<(SendStream, RecvStream)> for Halves {
    fn from((send, recv): (SendStream, RecvStream)) -> Self {
        (SendHalf::Quic(send), RecvHalf::Quic(recv)).into()
    }
}

/// Both directions.
#[derive(Debug)]
pub(crate) struct Halves {
    pub(crate) send: SendHalf,
    pub(crate) recv: RecvHalf,
}

impl From<(SendHalf, RecvHalf)> for Halves {
    fn from((send, recv): (SendHalf, RecvHalf)) -> Self {
        Self { send, recv }
    }
}

impl From<(TcpSend, TcpRecv)> for Halves {
    fn from((send, recv): (TcpSend, TcpRecv)) -> Self {
        (SendHalf::Tcp(send), RecvHalf::Tcp(recv)).into()
    }
}

impl Link {
    pub(crate) const fn carrier(&self) -> Carrier {
        match self {
            Self::Quic(..) => Carrier::Quic,
            Self::Tcp(_) => Carrier::Tcp,
        }
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        match self {
            Self::Quic(connection, _) => connection.remote_address(),
            Self::Tcp(link) => link.peer_addr(),
        }
    }

    pub(crate) fn round_trip(&self) -> Duration {
        match self {
            Self::Quic(connection, _) => connection.rtt(),
            Self::Tcp(link) => link.round_trip(),
        }
    }

    pub(crate) async fn open(&self) -> Result<Halves, SessionError> {
        match self {
            Self::Quic(connection, line) => {
                line.follow(connection);
                Ok(connection.open_bi().await?.into())
            }
            Self::Tcp(link) => Ok(link.open().await?.into()),
        }
    }

    pub(crate) async fn accept(&self) -> Result<Halves, SessionError> {
        match self {
            Self::Quic(connection, line) => {
                let halves = connection.accept_bi().await?;
                line.follow(connection);
                Ok(halves.into())
            }
            Self::Tcp(link) => Ok(link.accept().await?.into()),
        }
    }

    pub(crate) async fn closed(&self) -> SessionError {
        match self {
            Self::Quic(connection, _) => connection.closed().await.into(),
            Self::Tcp(link) => link.closed().await,
        }
    }

    pub(crate) fn why_closed(&self) -> Option<SessionError> {
        match self {
            Self::Quic(connection, _) => connection.close_reason().map(Into::into),
            Self::Tcp(link) => link.why_closed(),
        }
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        match self {
            Self::Quic(connection, _) => connection.close(code.varint(), reason.as_bytes()),
            Self::Tcp(link) => link.close(code, reason),
        }
    }
}

impl SendHalf {
    /// Takes bytes to send.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        match self {
            Self::Quic(send) => send.write_chunk(bytes).await.map_err(write_error),
            Self::Tcp(send) => send.write(bytes).await,
        }
    }

    pub(crate) fn finish(&mut self) -> Result<(), StreamError> {
        match self {
            Self::Quic(send) => send.finish().map_err(|_| StreamError::Closed),
            Self::Tcp(send) => send.finish(),
        }
    }

    pub(crate) fn reset(&mut self, code: ResetCode) {
        match self {
            // A stream that is over already needs no reset.
            Self::Quic(send) => drop(send.reset(code.varint())),
            Self::Tcp(send) => send.reset(code),
        }
    }

    pub(crate) fn set_priority(&self, priority: i32) {
        match self {
            // A stream that is over has nothing left to be sent first.
            Self::Quic(send) => drop(send.set_priority(priority)),
            Self::Tcp(send) => send.set_priority(priority),
        }
    }

    #[cfg(test)]
    pub(crate) fn priority(&self) -> Option<i32> {
        match self {
            Self::Quic(send) => send.priority().ok(),
            Self::Tcp(send) => send.priority(),
        }
    }
}

impl RecvHalf {
    /// The next bytes, at most `max`; `None` at the peer's end.
    pub(crate) async fn read(&mut self, max: usize) -> Result<Option<Bytes>, StreamError> {
        match self {
            Self::Quic(recv) => {
                let chunk = recv.read_chunk(max, true).await.map_err(read_error)?;
                Ok(chunk.map(|chunk| chunk.bytes))
            }
            Self::Tcp(recv) => recv.read(max).await,
        }
    }

    pub(crate) fn stop(&mut self, code: ResetCode) {
        match self {
            // A stream that is over already needs no stop.
            Self::Quic(recv) => drop(recv.stop(code.varint())),
            Self::Tcp(recv) => recv.stop(code),
        }
    }
}

fn read_error(error: ReadError) -> StreamError {
    match error {
        ReadError::Reset(code) => StreamError::Reset { code: ResetCode::from_number(code.into_inner()) },
        ReadError::ConnectionLost(error) => SessionError::from(error).into(),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            StreamError::Closed
        }
    }
}

fn write_error(error: WriteError) -> StreamError {
    match error {
        WriteError::Stopped(code) => StreamError::Stopped { code: ResetCode::from_number(code.into_inner()) },
        WriteError::ConnectionLost(error) => SessionError::from(error).into(),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => StreamError::Closed,
    }
}
