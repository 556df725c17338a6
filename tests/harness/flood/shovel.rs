//! Brings messages as fast as a relay takes them, and counts what it answers; takes them, and counts whose
//! they were.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_envelope::{Header, SignedReceipt};
use pouch_net::{RequestError, Session};
use pouch_testkit::stage::StageError;
use pouch_wire::session::{Accepted, Deliver, Taken};
use pouch_wire::{Canonical as _, Member, limits};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ground::Ground;
use crate::letters::Parcel;
use crate::line::Line;
use crate::relay::Target;

/// What a relay answered to one who brings.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: AtomicU64,
    pub(crate) accepted_bytes: AtomicU64,
    /// Of those accepted, those that the relay signed to carry lower.
    pub(crate) demoted: AtomicU64,
    /// Refused with a time to come again.
    pub(crate) put_off: AtomicU64,
    /// Refused without, or not answered.
    pub(crate) lost: AtomicU64,
}

/// Submits one message; for how long the relay asks to wait.
pub(crate) async fn bring(session: &Session, parcel: &Parcel, answers: &Answers) -> Option<Duration> {
    let within = Duration::from_secs(20);
    let answer = session
        .request_with_payload::<_, Accepted>(&parcel.submit, &parcel.payload, parcel.precedence, within)
        .await;
    let one = |count: &AtomicU64| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    match answer {
        Ok(accepted) => {
            let receipt = SignedReceipt::from_bytes(&accepted.receipt).unwrap();
            if receipt.demotion().is_some() {
                one(&answers.demoted);
            }
            one(&answers.accepted);
            answers.accepted_bytes.fetch_add(parcel.payload.len() as u64, Ordering::Relaxed);
            None
        }
        Err(RequestError::Refused(refused)) => match refused.retry_after_ms {
            Some(ms) => {
                one(&answers.put_off);
                Some(Duration::from_millis(u64::from(ms)))
            }
            None => {
                one(&answers.lost);
                None
            }
        },
        Err(_) => {
            one(&answers.lost);
            None
        }
    }
}

/// Takes everything that comes for an office; how many bytes from each member.
pub(crate) struct Taker {
    pub(crate) bytes: Arc<Mutex<HashMap<Member, u64>>>,
    taking: JoinHandle<()>,
}

impl Taker {
    /// Attaches and takes, one message at a time and each at so many bytes in a second.
    pub(crate) async fn at(
        office: &pouch_wire::ContactPoint,
        bytes_per_second: u64,
        ground: &Ground,
        target: &Target,
        end: CancellationToken,
    ) -> Result<Self, StageError> {
        let failed = |error: &dyn core::fmt::Display| StageError(format!("a taker: {error}"));
        let line = Line::dial(office, target).await.map_err(|error| failed(&error))?;
        let attached = line.attach(ground).await.map_err(|error| failed(&error))?;
        let bytes: Arc<Mutex<HashMap<Member, u64>>> = Arc::default();
        let seen = bytes.clone();
        let taking = tokio::spawn(async move {
            let _attached = attached;
            // One person's hands: whatever comes waits for them.
            let hands = Arc::new(tokio::sync::Mutex::new(()));
            loop {
                let stream = tokio::select! {
                    () = end.cancelled() => return,
                    stream = line.session.accept() => stream,
                };
                let Ok(mut stream) = stream else { return };
                let (seen, hands) = (seen.clone(), hands.clone());
                tokio::spawn(async move {
                    let deliver: Deliver = stream.recv_message().await.ok()?;
                    let header = Header::from_bytes(&deliver.header).ok()?;
                    let turn = hands.lock().await;
                    let max = limits::PAYLOAD_BYTES as u64;
                    let payload = stream.recv_payload(header.payload_len, max).await.ok()?;
                    let len = payload.len() as u64;
                    tokio::time::sleep(Duration::from_micros(len * 1_000_000 / bytes_per_second)).await;
                    drop(turn);
                    *seen.lock().unwrap().entry(header.sender.member).or_default() += len;
                    let envelope = Header::id_of(&deliver.header);
                    stream.answer(&Taken { envelope }).await.ok()
                });
            }
        });
        Ok(Self { bytes, taking })
    }

    /// What came from a member, and from all.
    pub(crate) fn of(&self, member: &str) -> (u64, u64) {
        let bytes = self.bytes.lock().unwrap();
        let of = bytes.iter().filter(|(who, _)| who.to_string() == member).map(|(_, bytes)| bytes).sum();
        (of, bytes.values().sum())
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.taking.abort();
    }
}
