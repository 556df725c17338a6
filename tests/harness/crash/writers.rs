//! The load: every office writes to others, now one and now several, with every precedence, as fast as what
//! it wrote arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pouch_wire::Precedence;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::book::Book;
use crate::field::{Field, write};

/// How many deliveries are on their way at most while more is written.
const ON_THEIR_WAY: usize = 24;
/// How long a writer leaves a node alone that did not take what it wrote.
const REST: Duration = Duration::from_millis(20);

const PRECEDENCES: [Precedence; 4] =
    [Precedence::Flash, Precedence::Immediate, Precedence::Priority, Precedence::Routine];

/// Writers at all offices. They end with this.
#[derive(Debug)]
pub(crate) struct Writers {
    turns: watch::Sender<bool>,
    /// What was asked of nodes that did not answer: it may have been sent.
    unanswered: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Writers {
    /// One at each office; they wait for [`Writers::begin`].
    pub(crate) fn of(field: &Field, seed: u64) -> Self {
        let (turns, turn) = watch::channel(false);
        let unanswered = Arc::new(AtomicU64::new(0));
        let names: Vec<&'static str> = field.offices.iter().map(|office| office.name).collect();
        let mut tasks = JoinSet::new();
        for (at, office) in field.offices.iter().enumerate() {
            let writer = Writer {
                client: office.client.clone(),
                name: office.name,
                others: names.iter().copied().filter(|name| *name != office.name).collect(),
                book: field.book.clone(),
                rng: ChaCha20Rng::seed_from_u64(seed ^ (at as u64 + 1)),
                unanswered: unanswered.clone(),
            };
            tasks.spawn(writer.writes(turn.clone()));
        }
        Self { turns, unanswered, _tasks: tasks }
    }

    /// They write from now on.
    pub(crate) fn begin(&self) {
        self.turns.send_replace(true);
    }

    /// They write no more, once what is under way was answered.
    pub(crate) fn rest(&self) {
        self.turns.send_replace(false);
    }

    /// How often a node did not answer so far.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }
}

struct Writer {
    client: pouch_control::Client,
    name: &'static str,
    others: Vec<&'static str>,
    book: Book,
    rng: ChaCha20Rng,
    unanswered: Arc<AtomicU64>,
}

impl Writer {
    async fn writes(mut self, mut turn: watch::Receiver<bool>) {
        let mut number = 0_u64;
        while turn.wait_for(|on| *on).await.is_ok() {
            // Whoever waits for room looks again when the writers are told to rest.
            let room = self.book.until(|book| book.on_their_way() < ON_THEIR_WAY, REST);
            if room.await.is_none() {
                continue;
            }
            number += 1;
            let text = format!("{} writes {number}: {:016x}", self.name, self.rng.random::<u64>());
            let precedence = PRECEDENCES[self.rng.random_range(0..PRECEDENCES.len())];
            let mut to = self.others.clone();
            to.retain(|_| self.rng.random_bool(0.5));
            if to.is_empty() {
                to.push(self.others[self.rng.random_range(0..self.others.len())]);
            }
            // Now and then one of several chunks.
            let attached = self.rng.random_bool(0.1).then(|| {
                let mut bytes = vec![0; self.rng.random_range(1..200_000)];
                self.rng.fill_bytes(&mut bytes);
                bytes
            });
            let text = (text.as_str(), attached);
            if write(&self.client, self.name, &to, precedence, text, &self.book).await.is_err() {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                // It is down; nothing tells a writer when it is back but trying.
                timeout(REST, turn.wait_for(|on| !*on)).await.ok();
            }
        }
    }
}
