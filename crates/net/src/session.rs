//! A session: two ends that proved their keys, and the streams between them.
//!
//! A `Session` exists only after both ends accepted each other. What runs on it is the caller's:
//! nothing is kept here but the connection. Whether QUIC carries it or TLS on TCP shows only where it is asked.
//! Closing drops what is still on its way: the end that receives last closes.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pouch_crypto::PublicKey;
use quinn::{ConnectionError, TransportErrorCode};

use crate::carrier::{Carrier, Halves, Link};
use crate::code::{CloseCode, ResetCode};
use crate::door::Door;
use crate::limits::Limits;
use crate::stream::Stream;

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The peer closed it.
    #[error("the peer closed the session: {code} ({reason})")]
    ClosedByPeer {
        /// Why, as a number of the protocol.
        code: CloseCode,
        /// What the peer said, cut to 120 printable ASCII characters.
        reason: String,
    },
    /// We closed it.
    #[error("the session was closed here")]
    ClosedHere,
    /// The peer has shown no sign of life for the idle limit.
    #[error("no sign of the peer")]
    Silent,
    /// The peer was restarted and does not know this session.
    #[error("the peer was restarted")]
    PeerRestarted,
    /// The peer does not know our key.
    #[error("the peer does not know our key")]
    NotKnown,
    /// The TCP connection was cut off without a word: the peer or what lies between ended it.
    #[error("the connection was cut off")]
    CutOff,
    /// The peer broke the rules by which streams share a TCP connection.
    #[error("the peer broke the session: {what}")]
    BrokenByPeer {
        /// What it did.
        what: &'static str,
    },
    /// One end broke QUIC or TLS, or could not agree on them.
    #[error("QUIC or TLS failed with code {code:#x}")]
    Transport {
        /// The code of RFC 9000, section 20.1.
        code: u64,
    },
}

impl SessionError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ClosedByPeer { .. } => "POUCH-NET-30",
            Self::ClosedHere => "POUCH-NET-31",
            Self::Silent => "POUCH-NET-32",
            Self::PeerRestarted => "POUCH-NET-33",
            Self::NotKnown => "POUCH-NET-34",
            Self::Transport { .. } => "POUCH-NET-35",
            Self::CutOff => "POUCH-NET-76",
            Self::BrokenByPeer { .. } => "POUCH-NET-77",
        }
    }
}

/// TLS's access_denied (RFC 8446, section 6.2) as a QUIC code: the key is not one that is wanted.
pub(crate) const ACCESS_DENIED: u64 = 0x100 | 49;
/// QUIC's CONNECTION_REFUSED (RFC 9000, section 20.1).
pub(crate) const CONNECTION_REFUSED: u64 = 0x2;

impl From<ConnectionError> for SessionError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::ClosedByPeer {
                code: CloseCode::from_number(close.error_code.into_inner()),
                reason: printable(&close.reason),
            },
            ConnectionError::ConnectionClosed(close) => match u64::from(close.error_code) {
                ACCESS_DENIED => Self::NotKnown,
                code => Self::Transport { code },
            },
            ConnectionError::TransportError(error) => Self::Transport { code: error.code.into() },
            ConnectionError::LocallyClosed => Self::ClosedHere,
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::Reset => Self::PeerRestarted,
            ConnectionError::VersionMismatch | ConnectionError::CidsExhausted => {
                Self::Transport { code: TransportErrorCode::INTERNAL_ERROR.into() }
            }
        }
    }
}

const REASON_CHARS: usize = 120;

/// What a peer wrote, made safe for logs.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
    bytes.iter().take(REASON_CHARS).map(shown).collect()
}

/// An authenticated session. Clones are handles to the same one; it closes when the last is dropped.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    id: u64,
    link: Link,
    peer: PublicKey,
    limits: Limits,
    /// Where it came in, at the server's end.
    door: Option<Arc<Door>>,
    /// Opened while connecting, as the sign that the peer accepted us, and not used yet.
    first: Mutex<Option<Halves>>,
}

impl Session {
    pub(crate) fn new(link: Link, peer: PublicKey, limits: Limits, door: Option<Arc<Door>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner { id, link, peer, limits, door, first: Mutex::new(None) }))
    }

    /// A request of the peer was refused with this code; [`Stream::refuse`] says so by itself, what gets no
    /// answer is for the caller to say. A listener tells of all its sessions' together, with counts and seldom:
    /// a peer that is refused must not fill the log. A dialer tells nothing.
    pub fn refused(&self, code: &str) {
        if let Some(door) = &self.0.door {
            door.refused(Instant::now(), code);
        }
    }

    /// Keeps an opened stream for the first [`Session::open`].
    pub(crate) fn keep_first(&self, pair: Halves) {
        *self.0.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(pair);
    }

    /// A number that no other session of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The peer's transport key, proved in the handshake.
    #[must_use]
    pub fn peer(&self) -> PublicKey {
        self.0.peer
    }

    /// Where the peer's packets come from.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.link.peer_addr()
    }

    /// What carries the session.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.0.link.carrier()
    }

    /// The measured round trip.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.0.link.round_trip()
    }

    /// Opens a stream. Waits, without a deadline, while the peer allows no more of them; the peer
    /// learns of the stream with the first frame.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn open(&self) -> Result<Stream, SessionError> {
        let kept = self.0.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let halves = match kept {
            Some(pair) => pair,
            None => self.0.link.open().await?,
        };
        Ok(Stream::opened(self.clone(), halves))
    }

    /// The next stream that the peer opened; its first frame must come within [`Limits::head`].
    ///
    /// # Errors
    /// When the session is over.
    pub async fn accept(&self) -> Result<Stream, SessionError> {
        let halves = self.0.link.accept().await?;
        Ok(Stream::accepted(self.clone(), halves))
    }

    /// Waits until at most so many streams are under way, or the session is over. Over QUIC nobody counts them,
    /// and nothing is waited for.
    pub async fn until_streams(&self, at_most: usize) {
        if let Link::Tcp(link) = &self.0.link {
            link.until_streams(at_most).await;
        }
    }

    /// Waits until the session is over, and says why.
    pub async fn closed(&self) -> SessionError {
        self.0.link.closed().await
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub fn why_closed(&self) -> Option<SessionError> {
        self.0.link.why_closed()
    }

    /// Ends the session at once; bytes that the peer has not read are lost. The reason is for logs:
    /// it holds no content.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.0.link.close(code, reason);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let kept = self.first.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut first) = kept {
            // The peer never heard of this stream.
            first.send.reset(ResetCode::Abandoned);
        }
        self.link.close(CloseCode::Done, "");
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} with {:?} at {})", self.id(), self.peer(), self.peer_addr())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use pouch_wire::session::Published;

    use super::*;
    use crate::authorise::Authorise;
    use crate::dialer::Dialer;
    use crate::identity::TransportIdentity;
    use crate::listener::{Listener, ServerSecrets};
    use crate::request::{RequestError, refusal};

    struct Everyone;

    impl Authorise for Everyone {
        fn is_known(&self, _: &PublicKey) -> bool {
            true
        }
    }

    /// A listener and a dialer, and the session between them at each end.
    async fn both_ends() -> (Listener, Dialer, Session, Session) {
        let (local, limits) = (SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default());
        let [relay, node] = [1, 2].map(|seed| TransportIdentity::from_seed(&[seed; 32]).unwrap());
        let (secrets, key) = (ServerSecrets::new([5; 32], [6; 32]), relay.public());
        let listener = Listener::bind(local, &relay, Arc::new(Everyone), &secrets, limits.clone()).unwrap();
        let dialer = Dialer::bind(local, node, limits).unwrap();
        let accepting = async { listener.accept().await.unwrap().handshake().await.unwrap() };
        let (theirs, ours) = tokio::join!(accepting, dialer.connect(listener.local_addr(), key));
        let ours = ours.unwrap();
        (listener, dialer, theirs, ours)
    }

    #[tokio::test]
    async fn a_request_that_is_refused_is_counted_once() {
        let (_listener, _dialer, theirs, ours) = both_ends().await;
        let door = theirs.0.door.clone().unwrap();
        // Nothing is told for a while, so that everything can be counted here.
        door.refused(Instant::now() + Duration::from_secs(3600), "told before");
        let refused = refusal("POUCH-ADM-03", &"not within the mandate", None);
        let serving = async {
            let mut stream = theirs.accept().await.unwrap();
            stream.recv_message::<Published>().await.unwrap();
            stream.refuse(&refused).await.unwrap();
        };
        let asking = ours.request::<_, Published>(&Published { index: 1 }, Duration::from_secs(15));
        let ((), answer) = tokio::join!(serving, asking);
        assert_eq!(answer, Err(RequestError::Refused(refused.clone())));
        assert_eq!(door.untold(), ["1 POUCH-ADM-03"]);
    }

    #[tokio::test]
    async fn the_sockets_of_both_ends_know_the_line_of_a_session_while_it_lives() {
        let (listener, dialer, theirs, ours) = both_ends().await;
        for (lines, session) in [(&listener.lines, theirs), (&dialer.lines, ours)] {
            let Link::Quic(connection, _) = &session.0.link else { panic!("over QUIC") };
            let at = session.peer_addr();
            assert_eq!(lines.extra(at, 1200), 0);
            let line = crate::congestion::line_of(connection).unwrap();
            crate::lossy::Losses::of(line).lost(2400);
            assert_eq!(
                lines.extra(at, 1200),
                1,
                "its congestion controller and its socket mean the same line"
            );
            drop(session);
            assert_eq!(lines.extra(at, 1200), 0);
        }
    }

    #[test]
    fn a_peers_words_are_safe_for_logs() {
        assert_eq!(printable(b"bye \x1b[31m\n\xff"), "bye ?[31m??");
        assert_eq!(printable(&[b'a'; 1000]).len(), REASON_CHARS);
    }

    #[test]
    fn every_error_has_its_own_code() {
        let errors = [
            SessionError::ClosedByPeer { code: CloseCode::Done, reason: String::new() },
            SessionError::ClosedHere,
            SessionError::Silent,
            SessionError::PeerRestarted,
            SessionError::NotKnown,
            SessionError::Transport { code: 1 },
            SessionError::CutOff,
            SessionError::BrokenByPeer { what: "a rule" },
        ];
        let codes: std::collections::BTreeSet<_> = errors.iter().map(SessionError::code).collect();
        assert_eq!(codes.len(), errors.len());
    }
}
