//! A session with the relay, held by a program that keeps no rule but the network's own: what an
//! adversary with a member's keys can say, and what it hears.

use std::time::Duration;

use pouch_crypto::{PublicKey, SigningKey};
use pouch_directory::{Act, CharterFile, Directory, Statement};
use pouch_envelope::{Arrived, SignedReceipt};
use pouch_net::{ConnectError, Dialer, Limits, RequestError, Session, TransportIdentity};
use pouch_wire::session::{
    Accepted, Attach, Attached, Deliver, LogEntries, LogName, Publish, Published, ReadLog, Refused, Taken,
};
use pouch_wire::{Blob, Canonical as _, ContactPoint, Digest, FrameKind, NetworkId, Precedence, limits};
use rand::Rng as _;

use super::letter::Parcel;
use super::scene::now;

/// Nothing waits for it to pass.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// Waits for what must happen; a test that is stuck fails.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WITHIN, future).await.expect("not in time")
}

/// A session of whoever holds a transport key.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) session: Session,
    _dialer: Dialer,
}

/// The code of a refusal; anything else is no refusal, and fails the test.
pub(crate) fn code(error: RequestError) -> String {
    match error {
        RequestError::Refused(refused) => refused.code.to_string(),
        other => panic!("no refusal, but {other}"),
    }
}

impl Line {
    /// Connects to a relay.
    pub(crate) async fn dial(
        address: &str,
        relay: PublicKey,
        transport: &SigningKey,
    ) -> Result<Self, ConnectError> {
        let identity = TransportIdentity::from_key(transport).unwrap();
        let dialer = Dialer::new(identity, Limits::default()).unwrap();
        let session = dialer.connect(address.parse().unwrap(), relay).await?;
        Ok(Self { session, _dialer: dialer })
    }

    /// Submits a message: the relay's receipt, or the code of its refusal.
    pub(crate) async fn submit(&self, parcel: &Parcel) -> Result<SignedReceipt, String> {
        let submit = parcel.submit();
        let answer = self
            .session
            .request_with_payload::<_, Accepted>(&submit, &parcel.payload, Precedence::Routine, WITHIN)
            .await;
        answer.map(|accepted| SignedReceipt::from_bytes(&accepted.receipt).unwrap()).map_err(code)
    }

    /// Puts a statement into the directory: its index, or the code of the refusal.
    pub(crate) async fn publish(
        &self,
        network: NetworkId,
        act: Act,
        keys: &[&SigningKey],
    ) -> Result<u64, String> {
        self.publish_bytes(signed_statement(network, act, keys)).await
    }

    /// The same for any bytes.
    pub(crate) async fn publish_bytes(&self, statement: Vec<u8>) -> Result<u64, String> {
        let question = Publish { statement: Blob::new(statement).unwrap() };
        let answer = self.session.request::<_, Published>(&question, WITHIN).await;
        answer.map(|published| published.index).map_err(code)
    }

    /// Says what the relay's log of the directory holds now.
    pub(crate) async fn directory(&self, charter: &CharterFile) -> Directory {
        let mut directory = charter.found().unwrap();
        loop {
            let question = ReadLog { log: LogName::Directory, from: directory.size(), count: 256 };
            let answer: LogEntries = self.session.request(&question, WITHIN).await.unwrap();
            if answer.entries.is_empty() {
                return directory;
            }
            for entry in &answer.entries {
                directory.apply(directory.size(), entry);
            }
        }
    }

    /// Attaches as a node of a network would.
    pub(crate) async fn attach(&self, network: NetworkId) -> Result<pouch_net::Stream, String> {
        let mut stream = self.session.open().await.unwrap();
        stream.send_message(&Attach { network: network.0, witnesses: false }).await.unwrap();
        let frame = soon(stream.recv()).await.unwrap().unwrap();
        if frame.kind() == FrameKind::Refused {
            return Err(frame.read::<Refused>().unwrap().code.to_string());
        }
        frame.read::<Attached>().unwrap();
        Ok(stream)
    }

    /// Takes the next message that the relay delivers on this attached session.
    pub(crate) async fn collect(&self, me: &ContactPoint) -> Arrived {
        let mut stream = soon(self.session.accept()).await.unwrap();
        let deliver: Deliver = soon(stream.recv_message()).await.unwrap();
        let len = Arrived::payload_len(&deliver).unwrap();
        let max = u64::try_from(limits::PAYLOAD_BYTES).unwrap();
        let payload = soon(stream.recv_payload(len, max)).await.unwrap();
        let arrived = Arrived::parse(me, deliver, payload).unwrap();
        stream.answer(&Taken { envelope: arrived.id() }).await.unwrap();
        arrived
    }
}

/// A statement that is drafted now, as its bytes stand in the log.
pub(crate) fn signed_statement(network: NetworkId, act: Act, keys: &[&SigningKey]) -> Vec<u8> {
    let mut nonce = [0; 32];
    rand::rng().fill_bytes(&mut nonce);
    let statement = Statement { network, created: now(), nonce: Digest::new(nonce), act };
    statement.sign(keys).unwrap().to_bytes().unwrap()
}
