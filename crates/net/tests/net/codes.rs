//! Every error has a code of its own, and a text that is safe for logs.

use std::collections::BTreeMap;
use std::time::Duration;

use pouch_net::*;
use pouch_wire::{DecodeError, EncodeError, FrameError, FrameKind};

use crate::ends::{key, local};

fn all() -> Vec<(&'static str, String)> {
    let (addr, within, code) = (local(), Duration::from_secs(1), ResetCode::Done);
    let bind =
        [BindError::Identity(BadIdentity), BindError::Address { addr, kind: std::io::ErrorKind::AddrInUse }];
    let still_open = StillOpen { sessions: 1, within };
    let connect = [
        ConnectError::Address { addr },
        ConnectError::TooSlow { addr, within },
        ConnectError::OtherKey { addr, expected: key(1).id() },
        ConnectError::NotKnown { addr },
        ConnectError::Busy { addr },
        ConnectError::OtherProtocol { addr, alert: 120 },
        ConnectError::ShuttingDown,
    ];
    let handshake = [
        HandshakeError::TooSlow { within },
        HandshakeError::UnknownKey,
        HandshakeError::NoKey,
        HandshakeError::NotWanted,
        HandshakeError::OtherProtocol { alert: 120 },
        HandshakeError::TooOften,
    ];
    let session = [
        SessionError::ClosedByPeer { code: CloseCode::Done, reason: String::new() },
        SessionError::ClosedHere,
        SessionError::Silent,
        SessionError::PeerRestarted,
        SessionError::NotKnown,
        SessionError::Transport { code: 10 },
    ];
    let kind = FrameKind::Chunk;
    let stream = [
        StreamError::Frame(FrameError::UnknownKind { number: 0 }),
        StreamError::Frame(FrameError::TooLong { kind, len: 2, max: 1 }),
        StreamError::Frame(FrameError::Unexpected { expected: kind, got: FrameKind::Submit }),
        StreamError::Frame(FrameError::Body(DecodeError::Malformed { name: "submit" })),
        StreamError::Truncated { came: 1, expected: 2 },
        StreamError::Ended { expected: kind },
        StreamError::Trailing { kind },
        StreamError::TooSlow { what: "receiving", within },
        StreamError::Reset { code },
        StreamError::Stopped { code },
        StreamError::PayloadTooLarge { len: 2, max: 1 },
        StreamError::PayloadTooLong { announced: 1 },
        StreamError::PayloadTooShort { announced: 2, came: 1 },
        StreamError::PartialPiece { len: 1, expected: 2 },
        StreamError::TooLarge(EncodeError { name: "submit", max: 1 }),
        StreamError::Closed,
    ];
    let request =
        [RequestError::Refused(refusal("POUCH-ADM-01", &"no", None)), RequestError::NoAnswer { within }];
    let mut all = vec![(still_open.code(), still_open.to_string())];
    all.extend(bind.iter().map(|error| (error.code(), error.to_string())));
    all.extend(connect.iter().map(|error| (error.code(), error.to_string())));
    all.extend(handshake.iter().map(|error| (error.code(), error.to_string())));
    all.extend(session.iter().map(|error| (error.code(), error.to_string())));
    all.extend(stream.iter().map(|error| (error.code(), error.to_string())));
    all.extend(request.iter().map(|error| (error.code(), error.to_string())));
    all
}

#[test]
fn every_error_has_a_code_of_its_own_and_one_line_of_text() {
    let mut seen = BTreeMap::new();
    for (code, text) in all() {
        assert!(code.starts_with("POUCH-NET-") && code.len() == 12, "{code}");
        assert!(!text.is_empty() && text.chars().all(|c| c.is_ascii() && !c.is_control()), "{text}");
        if let Some(other) = seen.insert(code, text.clone()) {
            panic!("{code} is both {other:?} and {text:?}");
        }
    }
}
