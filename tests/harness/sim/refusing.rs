//! What a node refuses, and what is remembered of it; rows for the outbox.

use pouch_envelope::{Arrived, prove_sender};
use pouch_notice::{Notice, Said, StanzaSecret, Verdict, Verified};
use pouch_store::{Inbox as _, Kept, NewRefusal, Outgoing};
use pouch_wire::{Canonical as _, Text};

use crate::world::World;

impl World {
    pub(crate) async fn refuse(&mut self, node: usize, arrived: &Arrived, code: &str, answers: bool) {
        let (header, now) = (arrived.header(), self.clock_of(node));
        let directory = &self.nodes[node].mirror.directory;
        let proved =
            prove_sender(header, arrived.header_bytes(), &arrived.signature(), directory, now).is_ok();
        let receipt = if answers && proved {
            let said = Said::Refused { code: Text::new(code).unwrap() };
            self.seal_receipt(node, arrived, said).await
        } else {
            None
        };
        let refusal = NewRefusal {
            envelope: arrived.id(),
            sender: header.sender.clone(),
            precedence: header.precedence,
            created: header.created,
            arrived_at: now,
            verdict: serde_json::to_string(&Verdict::default()).unwrap(),
            stored: arrived.to_bytes().unwrap(),
            receipt: receipt.clone(),
            equivocation: None,
            events: Vec::new(),
        };
        if self.nodes[node].store.refuse_in(refusal).await.unwrap() == Kept::Duplicate {
            return;
        }
        if let Some(receipt) = receipt {
            self.queued(node, &receipt);
        }
        if proved {
            self.came_in_vain(node, arrived);
        }
        let label = self.oracle.label(arrived.id());
        self.tell(|_| format!("node {node} refuses {label}: {code}"));
        self.oracle.refused.insert((arrived.id(), node), code.to_owned());
        self.oracle.count("refused");
        self.alarm(node, "refusal", code);
    }

    /// A message came, and is refused or cannot be judged yet: it is not held back.
    pub(crate) fn came_in_vain(&mut self, node: usize, arrived: &Arrived) {
        let (sender, now) = (self.node_of(&arrived.header().sender), self.queue.now());
        let envelope = arrived.id();
        if let Some(peer) = self.nodes[node].peers.get_mut(&sender).filter(|p| !p.refused.contains(&envelope))
        {
            peer.refused.push(envelope);
            peer.compare(core::time::Duration::from_millis(now));
        }
        self.oracle.in_vain.insert((envelope, node));
    }

    /// Whether another message was sent to this node in the same place, and came before.
    pub(crate) fn is_second_in_place(&self, node: usize, verified: &Verified<Notice>) -> bool {
        let sender = self.node_of(&verified.arrived().header().sender);
        let StanzaSecret { n, .. } = verified.secret();
        let envelope = verified.arrived().id();
        self.twins.get(&(sender, node, *n)).is_some_and(|(one, other)| {
            let before = if envelope == *one { other } else { one };
            self.oracle.arrived.contains(&(*before, node)) && !self.oracle.arrived.contains(&(envelope, node))
        })
    }

    pub(crate) fn outgoing_of(
        route: &pouch_notice::Route,
        recipients: &[pouch_notice::SealTo],
        notice: Option<pouch_wire::NoticeId>,
        sealed: &pouch_notice::SealedOut,
    ) -> Outgoing {
        Outgoing {
            envelope: sealed.id(),
            environment: route.environment,
            notice,
            sealed: sealed.to_bytes().unwrap(),
            sequence: recipients
                .iter()
                .map(|to| pouch_store::Sequence {
                    recipient: to.recipient.clone(),
                    epoch: to.epoch,
                    n: to.n,
                    previous: to.previous,
                })
                .collect(),
            precedence: route.precedence,
            created: route.created,
            not_after: route.not_after,
            wrapped: Vec::new(),
            concerns: None,
            secret: Vec::new(),
            keys: Vec::new(),
            events: Vec::new(),
        }
    }
}
