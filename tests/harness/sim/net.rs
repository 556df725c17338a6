//! The network above QUIC: sessions that break, packets that are late because they were lost below.
//!
//! QUIC sends again what is lost, so loss shows as delay, and as the end of a session when it goes on.

use pouch_net::Backoff;
use pouch_wire::session::{Deliver, Submit};
use pouch_wire::{EnvelopeId, KeyId};
use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;

use crate::clock::SECOND;
use crate::mirror::Answer;
use crate::plan::Plan;

/// After how long what was lost is sent again, at first.
const AGAIN: u64 = 250;
/// After how many losses of one packet a session is over.
const LOSSES: u32 = 8;

/// What goes from one end to the other.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Submit { envelope: EnvelopeId, submit: Box<Submit>, payload: Vec<u8> },
    Accepted { envelope: EnvelopeId, receipt: Vec<u8> },
    Refused { envelope: EnvelopeId, code: String, retry_after: Option<u64> },
    Deliver { envelope: EnvelopeId, deliver: Box<Deliver>, payload: Vec<u8> },
    Taken { envelope: EnvelopeId },
    NotTaken { envelope: EnvelopeId, retry_after: Option<u64> },
    Changed { size: u64 },
    Look { from: u64, have: u64 },
    LookAnswer { from: u64, answer: Result<Box<Answer>, &'static str> },
    Publish { statement: Vec<u8>, what: Published },
    PublishAnswer { what: Published, done: bool },
    Beacon(Box<pouch_wire::session::Beacon>),
    BeaconFor(Box<pouch_wire::session::BeaconFor>),
}

/// What a node asked to have published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Sealing(usize),
    Signing(usize),
    Revoked(KeyId),
}

/// The way between one node and one relay.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The session that is up.
    pub(crate) session: Option<u64>,
    /// Until when nothing gets through.
    pub(crate) cut_until: u64,
    /// Counts attempts, so that only the newest is made.
    pub(crate) attempt: u64,
    backoff: Backoff,
    began: u64,
}

/// All lines, by node and relay.
#[derive(Debug)]
pub(crate) struct Net {
    lines: Vec<Vec<Line>>,
    sessions: u64,
    loss: f64,
    latency: (u64, u64),
}

impl Net {
    pub(crate) fn new(plan: &Plan) -> Self {
        let row = |_| (0..plan.relays).map(|_| Line::default()).collect();
        Self {
            lines: (0..plan.nodes).map(row).collect(),
            sessions: 0,
            loss: plan.loss,
            latency: plan.latency,
        }
    }

    pub(crate) fn line(&mut self, node: usize, relay: usize) -> &mut Line {
        &mut self.lines[node][relay]
    }

    pub(crate) fn session(&self, node: usize, relay: usize) -> Option<u64> {
        self.lines[node][relay].session
    }

    /// For how long a session has been up.
    pub(crate) fn up_for(&self, node: usize, relay: usize, now: u64) -> Option<u64> {
        let line = &self.lines[node][relay];
        line.session.map(|_| now - line.began)
    }

    /// Whether a session came up lately.
    pub(crate) fn is_fresh(&self, node: usize, relay: usize, now: u64, lately: u64) -> bool {
        self.up_for(node, relay, now).is_some_and(|up| up < lately)
    }

    /// How long a packet takes; `None` when the session does not survive it.
    pub(crate) fn travel(&self, rng: &mut ChaCha20Rng) -> Option<u64> {
        let (low, high) = self.latency;
        let mut time = rng.random_range(low..=high);
        let mut wait = AGAIN;
        for _ in 0..LOSSES {
            if !rng.random_bool(self.loss) {
                return Some(time);
            }
            time += wait;
            wait = (wait * 2).min(8 * SECOND);
        }
        None
    }

    /// A session comes up; its number.
    pub(crate) fn up(&mut self, node: usize, relay: usize, now: u64) -> u64 {
        self.sessions += 1;
        let line = &mut self.lines[node][relay];
        (line.session, line.began) = (Some(self.sessions), now);
        self.sessions
    }

    /// A session ends, or an attempt failed; when to try again, and as which attempt.
    pub(crate) fn down(&mut self, node: usize, relay: usize, now: u64, rng: &mut ChaCha20Rng) -> (u64, u64) {
        let line = &mut self.lines[node][relay];
        let wait = match line.session.take() {
            Some(_) => {
                let life = core::time::Duration::from_millis(now - line.began);
                line.backoff.after_session(life, rng)
            }
            None => line.backoff.after_failure(rng),
        };
        line.attempt += 1;
        (u64::try_from(wait.as_millis()).unwrap() + 1, line.attempt)
    }
}
