//! The same sessions over TLS 1.3 on TCP, for sites that let no UDP through.
//!
//! Keys, authorisation, frames, limits, deadlines and what ends a stream are those of QUIC. Streams share one
//! connection through a small multiplexer of our own ([`mux`]): decision 25 says why none of others serves.

mod door;
mod driver;
mod frame;
mod greeting;
mod handshake;
mod link;
mod mux;
mod registry;

pub(crate) use door::TcpIncoming;
pub(crate) use greeting::dial;
pub(crate) use link::{TcpLink, TcpRecv, TcpSend};
pub(crate) use registry::Registry;

pub use door::TcpDoor;
