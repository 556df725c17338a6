//! The UDP socket, with buffers large enough for a relay.
//!
//! The operating system may give less than was asked, in silence; so the sizes are read back, and
//! what is missing is said once, with the remedy.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::identity::BadIdentity;

/// Why an endpoint could not be made. The installation is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound.
    #[error("cannot listen on {addr}: {kind}")]
    Address {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// The TCP address cannot be bound.
    #[error("cannot listen on TCP {addr}: {kind}")]
    Tcp {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// The transport key cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
}

impl BindError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "POUCH-NET-02",
            Self::Tcp { .. } => "POUCH-NET-79",
            Self::Identity(error) => error.code(),
        }
    }
}

/// The socket buffers that the operating system gave, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketBuffers {
    /// For packets that came and were not read yet.
    pub receive: usize,
    /// For packets that wait to be sent.
    pub send: usize,
}

/// A bound socket and its buffers.
pub(crate) fn bind(addr: SocketAddr, wanted: usize) -> Result<(UdpSocket, SocketBuffers), BindError> {
    let failed = |error: io::Error| BindError::Address { addr, kind: error.kind() };
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP)).map_err(failed)?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        socket.set_only_v6(false).map_err(failed)?;
    }
    let buffers = ask_for_buffers(&socket, wanted).map_err(failed)?;
    socket.bind(&addr.into()).map_err(failed)?;
    Ok((socket.into(), buffers))
}

fn ask_for_buffers(socket: &Socket, wanted: usize) -> io::Result<SocketBuffers> {
    // Too large a wish is cut to the system's limit or refused, by system; both show when read back.
    let asked = socket.set_recv_buffer_size(wanted).and(socket.set_send_buffer_size(wanted));
    let buffers = SocketBuffers { receive: socket.recv_buffer_size()?, send: socket.send_buffer_size()? };
    if asked.is_err() || buffers.receive < wanted || buffers.send < wanted {
        tracing::warn!(
            wanted,
            receive = buffers.receive,
            send = buffers.send,
            "UDP socket buffers are small: under load packets will be lost; on Linux raise \
             net.core.rmem_max and net.core.wmem_max"
        );
    }
    Ok(buffers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_read_back() {
        let (_socket, buffers) = bind("127.0.0.1:0".parse().unwrap(), 64 * 1024).unwrap();
        assert!(buffers.receive >= 64 * 1024 && buffers.send >= 64 * 1024, "{buffers:?}");
    }

    #[test]
    fn an_impossible_wish_is_not_an_error() {
        let (_socket, buffers) = bind("127.0.0.1:0".parse().unwrap(), 1 << 30).unwrap();
        assert!(buffers.receive > 0 && buffers.send > 0);
    }

    #[test]
    fn an_address_in_use_is_named() {
        let (socket, _) = bind("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let addr = socket.local_addr().unwrap();
        let error = bind(addr, 4096).unwrap_err();
        assert_eq!(error, BindError::Address { addr, kind: io::ErrorKind::AddrInUse });
        assert_eq!(error.code(), "POUCH-NET-02");
    }
}
