//! A node's session with the relay, without the rest of a node.

use std::time::Duration;

use pouch_envelope::{Arrived, Header};
use pouch_net::{ConnectError, Dialer, Limits, RequestError, Session, Stream};
use pouch_wire::session::{Accepted, Attach, Attached, Deliver, Taken};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, limits};

use crate::ground::{self, Ground};
use crate::letters::Parcel;
use crate::relay::Target;

/// A session of an office.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) session: Session,
    /// Its socket; the session goes with it.
    _dialer: Dialer,
}

impl Line {
    /// Connects as an office does.
    pub(crate) async fn dial(office: &ContactPoint, target: &Target) -> Result<Self, ConnectError> {
        let dialer = Dialer::new(ground::transport(office), Limits::default()).expect("a socket");
        let session = dialer.connect(target.address, target.key).await?;
        Ok(Self { session, _dialer: dialer })
    }

    /// Submits a message and waits for the receipt.
    pub(crate) async fn submit(&self, parcel: &Parcel, within: Duration) -> Result<(), RequestError> {
        let answer = self
            .session
            .request_with_payload::<_, Accepted>(&parcel.submit, &parcel.payload, parcel.precedence, within)
            .await;
        answer.map(drop)
    }

    /// Attaches: what waits for the office is delivered from now on, for as long as the stream lives.
    pub(crate) async fn attach(&self, ground: &Ground) -> Result<Stream, RequestError> {
        let mut stream = self.session.open().await?;
        let attach = Attach { network: ground.directory.network().0, witnesses: false };
        stream.send_message(&attach).await?;
        stream.recv_message::<Attached>().await?;
        Ok(stream)
    }
}

/// Takes a delivery that the relay began.
pub(crate) async fn taken(mut stream: Stream) -> Result<(EnvelopeId, usize), RequestError> {
    let deliver: Deliver = stream.recv_message().await?;
    let len = Header::from_bytes(&deliver.header).map_or(0, |header| header.payload_len);
    debug_assert_eq!(Arrived::payload_len(&deliver).ok(), Some(len));
    let payload = stream.recv_payload(len, limits::PAYLOAD_BYTES as u64).await?;
    let id = Header::id_of(&deliver.header);
    stream.answer(&Taken { envelope: id }).await?;
    Ok((id, payload.len()))
}
