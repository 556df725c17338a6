//! Before the disk: most urgent first, then in turn between the senders.
//!
//! Whatever is stored waits in the store's line for one thread. So only little of what is not urgent is let
//! into that line at a time, and who is next is decided here: whoever comes with a whole mailbox full of large
//! messages waits as long as everybody else of its class. A flash does not wait here at all: its rate is
//! bounded, and the store takes it first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use pouch_wire::{ContactPoint, Precedence};
use tokio::sync::oneshot;

use crate::rounds::{Rounds, weight};

/// How many bytes may be on their way to the disk at a time. What is larger goes alone.
const INSIDE_BYTES: u64 = 1024 * 1024;

/// Lets messages through to the disk. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inside: u64,
    waiting: BTreeMap<Precedence, Class>,
}

/// Who waits, of one class.
#[derive(Debug, Default)]
struct Class {
    rounds: Rounds,
    lines: HashMap<ContactPoint, VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    weighs: u64,
    through: oneshot::Sender<Pass>,
}

/// A message is through for as long as this lives.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Gate,
    weighs: u64,
}

impl Gate {
    /// Waits for a message's turn.
    pub(crate) async fn enter(&self, sender: &ContactPoint, class: Precedence, bytes: u64) -> Pass {
        if class == Precedence::Flash {
            return Pass { gate: self.clone(), weighs: 0 };
        }
        let (through, turn) = oneshot::channel();
        let weighs = weight(bytes);
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let class = state.waiting.entry(class).or_default();
            class.lines.entry(sender.clone()).or_default().push_back(Waiter { weighs, through });
        }
        self.let_in();
        // Every waiter is let in by whoever leaves; one that is not finds nobody inside.
        turn.await.unwrap_or_else(|_| Pass { gate: self.clone(), weighs: 0 })
    }

    /// Lets in who is next, while there is room. A pass that nobody waits for any more goes back, and is
    /// dropped where nothing is locked.
    fn let_in(&self) {
        loop {
            let next = {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(waiter) = state.next() else { return };
                state.inside = state.inside.saturating_add(waiter.weighs);
                waiter
            };
            let pass = Pass { gate: self.clone(), weighs: next.weighs };
            if let Err(unwanted) = next.through.send(pass) {
                // Its room is free again at once; this loop goes on, so dropping it need not.
                unwanted.give_back();
            }
        }
    }
}

impl State {
    fn next(&mut self) -> Option<Waiter> {
        let (precedence, class) = self.waiting.iter_mut().next()?;
        let precedence = *precedence;
        // The class that is most urgent decides: while its next has no room, nothing less urgent takes it.
        let heads: HashMap<_, _> = class
            .lines
            .iter()
            .filter_map(|(sender, line)| Some((sender.clone(), line.front()?.weighs)))
            .collect();
        let least = heads.values().min().copied()?;
        if self.inside > 0 && self.inside.saturating_add(least) > INSIDE_BYTES {
            return None;
        }
        let sender = class.rounds.next(&heads, |_| false)?;
        let line = class.lines.get_mut(&sender)?;
        let waiter = line.pop_front();
        if line.is_empty() {
            class.lines.remove(&sender);
        }
        if class.lines.is_empty() {
            self.waiting.remove(&precedence);
        }
        waiter
    }
}

impl Pass {
    /// Frees its room without letting anybody in.
    fn give_back(mut self) {
        let weighs = std::mem::take(&mut self.weighs);
        let mut state = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.inside = state.inside.saturating_sub(weighs);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.weighs == 0 {
            return;
        }
        {
            let mut state = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.inside = state.inside.saturating_sub(self.weighs);
        }
        self.gate.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const MIB: u64 = 1024 * 1024;

    fn office(name: &str) -> ContactPoint {
        format!("{}/office", name.to_uppercase()).parse().unwrap()
    }

    /// Sends a message through and notes when it was its turn; each leaves at once.
    fn goes(gate: &Gate, said: &mpsc::Sender<String>, name: &str, class: Precedence, bytes: u64) {
        let (gate, said, sender) = (gate.clone(), said.clone(), office(name));
        tokio::spawn(async move {
            let pass = gate.enter(&sender, class, bytes).await;
            said.send(format!("{} {class}", sender.member)).unwrap();
            drop(pass);
        });
    }

    async fn all_wait(gate: &Gate, count: usize) {
        let waiting = || -> usize {
            let state = gate.0.lock().unwrap();
            state.waiting.values().flat_map(|class| class.lines.values()).map(VecDeque::len).sum()
        };
        while waiting() < count {
            tokio::task::yield_now().await;
        }
    }

    async fn in_order(gate: Gate, held: Pass, said: mpsc::Receiver<String>, count: usize) -> Vec<String> {
        drop(held);
        let mut order = Vec::new();
        while order.len() < count {
            order.extend(said.try_iter());
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.0.lock().unwrap().inside, 0, "everybody left");
        order
    }

    #[tokio::test]
    async fn what_is_urgent_goes_first_and_a_flash_does_not_wait() {
        let (gate, (said, heard)) = (Gate::default(), mpsc::channel());
        let held = gate.enter(&office("first"), Precedence::Routine, MIB).await;
        for (n, class) in [(1, Precedence::Routine), (2, Precedence::Priority), (3, Precedence::Immediate)] {
            goes(&gate, &said, "aa", class, 1000);
            all_wait(&gate, n).await;
        }
        drop(gate.enter(&office("flash"), Precedence::Flash, 64 * MIB).await);
        let order = in_order(gate, held, heard, 3).await;
        assert_eq!(order, ["AA immediate", "AA priority", "AA routine"]);
    }

    #[tokio::test]
    async fn one_sender_with_many_keeps_another_waiting_for_one() {
        let (gate, (said, heard)) = (Gate::default(), mpsc::channel());
        let held = gate.enter(&office("first"), Precedence::Routine, MIB).await;
        for n in 0..20 {
            goes(&gate, &said, "flood", Precedence::Routine, MIB);
            all_wait(&gate, n + 1).await;
        }
        goes(&gate, &said, "small", Precedence::Routine, 4096);
        all_wait(&gate, 21).await;
        let order = in_order(gate, held, heard, 21).await;
        let place = order.iter().position(|who| who == "SMALL routine");
        assert!(place <= Some(1), "{order:?}");
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nobodys_place() {
        let (gate, (said, heard)) = (Gate::default(), mpsc::channel());
        let held = gate.enter(&office("first"), Precedence::Routine, MIB).await;
        let left = {
            let gate = gate.clone();
            tokio::spawn(async move { drop(gate.enter(&office("gone"), Precedence::Routine, MIB).await) })
        };
        all_wait(&gate, 1).await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
        goes(&gate, &said, "bb", Precedence::Routine, MIB);
        all_wait(&gate, 2).await;
        assert_eq!(in_order(gate, held, heard, 1).await, ["BB routine"]);
    }

    #[tokio::test]
    async fn a_message_larger_than_the_room_goes_alone() {
        let gate = Gate::default();
        let pass = gate.enter(&office("aa"), Precedence::Routine, 64 * MIB).await;
        assert_eq!(gate.0.lock().unwrap().inside, 64 * MIB);
        drop(pass);
        assert_eq!(gate.0.lock().unwrap().inside, 0);
    }
}
