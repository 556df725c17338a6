//! What arrives at a node: opened, verified, put in its sender's order and kept, as the product does.

use pouch_crypto::PrekeySecret;
use pouch_envelope::Arrived;
use pouch_notice::{
    Facts, Notice, OpenError, Opened, Order, RecipientReceipt, Refused, Said, SenderLines, StanzaSecret,
    Verified, open,
};
use pouch_store::{
    Arrival, Inbox as _, Kept, Ladder as _, Outbox as _, Prekeys as _, Rung, RungRow, Standing,
};
use pouch_wire::session::Deliver;
use pouch_wire::{Canonical as _, EnvelopeId, Text};

use crate::clock::SECOND;
use crate::net::Packet;
use crate::node::Held;
use crate::world::World;

/// How long a message waits for the directory that its sender used.
pub(crate) const CATCH_UP: u64 = 20 * SECOND;
/// When a relay shall bring again what could not be judged.
const AGAIN: u64 = 10 * SECOND;

/// What became of a delivery.
enum Judged {
    Kept,
    NotYet,
}

impl World {
    /// A relay delivers.
    pub(crate) async fn delivered(&mut self, node: usize, held: Held) {
        let now = self.queue.now();
        let Ok(arrived) = Arrived::parse(&self.nodes[node].me, held.deliver.clone(), held.payload.clone())
        else {
            let packet = Packet::NotTaken { envelope: held.envelope, retry_after: None };
            return self.send_to_relay(node, held.relay, held.session, packet);
        };
        self.heard_header(node, &arrived);
        let cited = arrived.header().directory_size;
        if cited > self.nodes[node].mirror.directory.size() && now < held.until {
            self.nodes[node].held.push(held);
            return self.look_everywhere(node);
        }
        self.nodes[node].last_delivery = now;
        let judged = self.take_in(node, arrived).await;
        // It is on the disk, and nobody was told: the relay brings it again.
        if self.dies(node) {
            return;
        }
        let packet = match judged {
            Judged::Kept => Packet::Taken { envelope: held.envelope },
            Judged::NotYet => Packet::NotTaken { envelope: held.envelope, retry_after: Some(AGAIN) },
        };
        self.send_to_relay(node, held.relay, held.session, packet);
        self.try_send(node).await;
    }

    /// What waited for the directory is judged when it is there, or when it waited long enough.
    pub(crate) async fn judge_held(&mut self, node: usize) {
        for (frame, until) in std::mem::take(&mut self.nodes[node].held_beacons) {
            self.beacon_heard(node, frame, until);
        }
        for held in std::mem::take(&mut self.nodes[node].held) {
            if self.nodes[node].up {
                self.delivered(node, held).await;
            }
        }
    }

    pub(crate) fn hold(
        &self,
        relay: usize,
        session: u64,
        envelope: EnvelopeId,
        deliver: Deliver,
        payload: Vec<u8>,
    ) -> Held {
        Held { relay, session, envelope, deliver, payload, until: self.queue.now() + CATCH_UP }
    }

    async fn take_in(&mut self, node: usize, arrived: Arrived) -> Judged {
        let store = self.nodes[node].store.clone();
        let known = store.standing(arrived.id()).await.unwrap() == Some(Standing::Verified);
        if known && self.defences.dedupe {
            self.oracle.count("came again");
            return Judged::Kept;
        }
        let prekey = store.prekey(arrived.stanza().prekey).await.unwrap();
        let opened = match prekey {
            Some(row) => {
                let seed: [u8; 32] = row.wrapped.as_slice().try_into().unwrap();
                open(arrived.clone(), &PrekeySecret::from_seed(&seed))
            }
            None => Err(OpenError::NoPrekey),
        };
        match opened {
            Ok(opened) => self.judge(node, opened).await,
            Err(error) => {
                self.refuse(node, &arrived, error.code(), true).await;
                Judged::Kept
            }
        }
    }

    async fn judge(&mut self, node: usize, opened: Opened) -> Judged {
        let now = self.clock_of(node);
        let mirror = &self.nodes[node].mirror;
        let facts = Facts {
            directory: &mirror.directory,
            cosigned_at: mirror.cosigned_at,
            time_is_sure: true,
            inclusion: None,
            now,
        };
        let answers = !opened.is_receipt();
        let refused = if opened.is_receipt() {
            match opened.verify_receipt(&facts) {
                Ok(verified) => {
                    self.receipt_in(node, verified).await;
                    return Judged::Kept;
                }
                Err(refused) => refused,
            }
        } else {
            match opened.verify(&facts) {
                Ok(verified) => {
                    self.notice_in(node, verified).await;
                    return Judged::Kept;
                }
                Err(refused) => refused,
            }
        };
        if !refused.is_final() {
            self.tell(|_| format!("node {node} cannot judge yet: {}", refused.verdict.code()));
            self.came_in_vain(node, &refused.arrived);
            return Judged::NotYet;
        }
        let Refused { verdict, arrived, .. } = refused;
        self.refuse(node, &arrived, verdict.code(), answers).await;
        Judged::Kept
    }

    /// Moves the sender's sequence on by one message.
    async fn order_of<T>(&mut self, node: usize, verified: &Verified<T>) -> (Order, SenderLines) {
        let header = verified.arrived().header();
        let kept = self.nodes[node].store.sequence_in(&header.sender, header.environment).await.unwrap();
        let mut lines = kept.map(|bytes| SenderLines::from_bytes(&bytes).unwrap()).unwrap_or_default();
        if !self.defences.sequence {
            return (Order::InOrder, lines);
        }
        let StanzaSecret { epoch, n, previous, .. } = verified.secret();
        let order = lines.accept(header.sender_key, *epoch, *n, *previous, verified.arrived().id());
        (order, lines)
    }

    /// What the oracle learns of a message that was put in its place, and what the node shall tell of it.
    fn placed<T>(&mut self, node: usize, verified: &Verified<T>, lines: &SenderLines) {
        let (now, header) = (self.queue.now(), verified.arrived().header().clone());
        let sender = self.node_of(&header.sender);
        let StanzaSecret { n, .. } = *verified.secret();
        self.oracle.is_taken(node, sender, verified.arrived().id(), n, now);
        let lines = lines.clone();
        let watched = self.nodes[node].peers.get_mut(&sender).unwrap();
        watched.lines = lines;
        watched.compare(core::time::Duration::from_millis(now));
    }

    async fn notice_in(&mut self, node: usize, verified: Verified<Notice>) {
        let (order, lines) = self.order_of(node, &verified).await;
        let verified = verified.with_order(&order);
        let twin = self.is_second_in_place(node, &verified);
        let refused = verified.verdict().is_refusal();
        if twin {
            self.oracle.is_equivocation(node, refused, self.queue.now());
        }
        if refused {
            let code = verified.verdict().code().to_owned();
            return self.refuse(node, verified.arrived(), &code, true).await;
        }
        let store = self.nodes[node].store.clone();
        let id = verified.notice_id();
        let again = store.has_notice(id).await.unwrap() && self.defences.dedupe;
        let mirror = &self.nodes[node].mirror;
        let said = Said::Verified {
            notice: id,
            code: Text::new(verified.verdict().code()).unwrap(),
            directory_size: mirror.size(),
            directory_root: mirror.root(),
        };
        let receipt = self.seal_receipt(node, verified.arrived(), said).await;
        self.nodes[node].owes |= receipt.is_none();
        let row = Arrival {
            notice: (!again).then_some(id),
            number: (!again).then(|| verified.value().full_number()),
            receipt,
            ..self.arrival(node, &verified, &lines, &order)
        };
        self.keep(node, row, &verified, &order, (!again).then_some(id)).await;
    }

    /// Keeps an arrival; a notice that was not there before is presented.
    async fn keep<T>(
        &mut self,
        node: usize,
        row: Arrival,
        verified: &Verified<T>,
        order: &Order,
        notice: Option<pouch_wire::NoticeId>,
    ) {
        let (now, receipt, sequence) = (self.queue.now(), row.receipt.clone(), row.sequence.clone());
        let kept = self.nodes[node].store.take_in(row).await.unwrap();
        if kept == Kept::Duplicate && self.defences.dedupe {
            return;
        }
        let lines = SenderLines::from_bytes(&sequence).unwrap();
        self.placed(node, verified, &lines);
        if kept != Kept::Duplicate
            && let Some(receipt) = receipt
        {
            self.queued(node, &receipt);
        }
        let (label, sender) =
            (self.oracle.label(verified.arrived().id()), verified.arrived().header().sender.clone());
        self.tell(|_| format!("node {node} keeps {label} of {sender}: {order:?}"));
        if let Some(notice) = notice {
            let sender = self.node_of(&sender);
            self.oracle.is_presented(node, notice, sender, now);
        }
    }

    async fn receipt_in(&mut self, node: usize, verified: Verified<RecipientReceipt>) {
        let (order, lines) = self.order_of(node, &verified).await;
        let verified = verified.with_order(&order);
        if verified.verdict().is_refusal() {
            let code = verified.verdict().code().to_owned();
            return self.refuse(node, verified.arrived(), &code, false).await;
        }
        let store = self.nodes[node].store.clone();
        let (receipt, from) = (verified.value().clone(), verified.arrived().header().sender.clone());
        let ladder = store.ladder(receipt.envelope).await.unwrap();
        let sent = store.outgoing(receipt.envelope).await.unwrap();
        let was_sent = ladder.iter().any(|rung| rung.recipient == from);
        let counts = was_sent
            && match &receipt.said {
                Said::Verified { notice, .. } | Said::Acknowledged { notice, .. } => {
                    sent.is_some_and(|sent| sent.notice == Some(*notice))
                }
                Said::Refused { .. } => true,
            };
        let rung = match &receipt.said {
            Said::Verified { .. } => Rung::Verified,
            Said::Acknowledged { .. } => Rung::Acknowledged,
            Said::Refused { .. } => Rung::Refused,
        };
        let row = RungRow { recipient: from.clone(), rung, at: Some(receipt.at), detail: None };
        let progress = counts.then_some((receipt.envelope, row));
        let arrival = Arrival { progress, ..self.arrival(node, &verified, &lines, &order) };
        self.keep(node, arrival, &verified, &order, None).await;
        if counts && rung != Rung::Refused {
            let recipient = self.node_of(&from);
            self.oracle.is_confirmed(receipt.envelope, recipient, self.queue.now());
        }
    }

    /// Sends the receipts that could not be sealed before, to those who can be sealed to now.
    pub(crate) async fn pay_owed(&mut self, node: usize) {
        if !self.nodes[node].owes {
            return;
        }
        let store = self.nodes[node].store.clone();
        let owed = store.owed(64).await.unwrap();
        self.nodes[node].owes = !owed.is_empty();
        for entry in owed {
            let row = store.arrival(entry.envelope).await.unwrap().unwrap();
            let Ok(arrived) = Arrived::from_bytes(&row.stored) else { continue };
            let mirror = &self.nodes[node].mirror;
            let said = Said::Verified {
                notice: row.notice.unwrap(),
                code: Text::default(),
                directory_size: mirror.size(),
                directory_root: mirror.root(),
            };
            if let Some(receipt) = self.seal_receipt(node, &arrived, said).await {
                store.pay(entry.envelope, receipt.clone()).await.unwrap();
                self.queued(node, &receipt);
                self.oracle.count("owed receipts sent");
            }
        }
    }

    fn arrival<T>(&self, node: usize, verified: &Verified<T>, lines: &SenderLines, order: &Order) -> Arrival {
        let arrived = verified.arrived();
        let header = arrived.header();
        Arrival {
            envelope: arrived.id(),
            environment: header.environment,
            notice: None,
            concerns: None,
            amends: false,
            number: None,
            sender: header.sender.clone(),
            precedence: header.precedence,
            created: header.created,
            arrived_at: self.clock_of(node),
            stored: arrived.to_bytes().unwrap(),
            wrapped: verified.secret().to_bytes().unwrap(),
            sequence: lines.to_bytes().unwrap(),
            order: format!("{order:?}"),
            progress: None,
            receipt: None,
            log: verified.receipt().map(|receipt| (receipt.relay.to_string(), receipt.index)),
            courier_at: None,
            keys: Vec::new(),
            events: Vec::new(),
        }
    }
}
