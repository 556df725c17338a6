//! Authenticated sessions that carry frames, over QUIC or over TLS on TCP.
//!
//! Two ends that know each other's Ed25519 keys meet in a TLS 1.3 handshake with raw public keys
//! (RFC 7250): no certificates, nothing that expires by surprise. A key that the directory does not
//! know ends there. What comes out is a [`Session`], and on it [`Stream`]s of frames with limits,
//! deadlines and priorities. Beside them, one small door of HTTP/1.1 for what others speak. This crate keeps no
//! application state and never sees a notice.

mod authorise;
mod back;
mod bucket;
mod carrier;
mod code;
mod congestion;
mod dialer;
mod door;
mod http;
mod identity;
mod inbound;
mod incoming;
mod limits;
mod listener;
mod lossy;
mod prefixes;
mod pressure;
mod race;
mod reconnect;
mod request;
mod session;
mod socket;
mod stream;
mod stream_error;
mod tally;
mod tcp;
mod tls;
mod transport;

pub use authorise::Authorise;
pub use bucket::Rate;
pub use carrier::{Carrier, Transport};
pub use code::{CloseCode, ResetCode};
pub use dialer::{ConnectError, Dialer};
pub use http::{BadUrl, HttpAnswer, HttpClient, HttpError, HttpLimits, HttpListener};
pub use identity::{BadIdentity, TransportIdentity};
pub use incoming::{HandshakeError, Incoming};
pub use limits::Limits;
pub use listener::{Listener, ServerSecrets, StillOpen};
pub use reconnect::Backoff;
pub use request::{RequestError, refusal};
pub use session::{Session, SessionError};
pub use socket::{BindError, SocketBuffers};
pub use stream::Stream;
pub use stream_error::StreamError;
pub use tcp::TcpDoor;
