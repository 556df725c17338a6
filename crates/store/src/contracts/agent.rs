//! What a node keeps: outbox and ladder, inbox, sealing keys, its copy of the directory, drafts, events.

use pouch_wire::{
    ContactPoint, Digest, EnvelopeId, Environment, ExerciseId, KeyId, Member, NoticeId, Timestamp,
};

use super::Answer;
use crate::rows::{
    AcceptedCheckpoint, Announced, Arrival, ArrivalEntry, ArrivalRow, Carriage, Draft, Equivocation,
    EventRow, ForkRow, Kept, MirrorStep, NewEvent, NewRefusal, Outgoing, OutgoingRow, OverdueRow, PrekeyRow,
    RungRow, Sequence, Standing, StepRow, UncarriedRow,
};

/// Messages to send, kept sealed. Nothing in it deletes a message.
pub trait Outbox {
    /// The next places in the sequence to each recipient, live or in an exercise. They are taken by
    /// [`Outbox::enqueue`].
    ///
    /// # Errors
    /// When storage failed.
    fn reserve(&self, recipients: Vec<ContactPoint>, environment: Environment) -> impl Answer<Vec<Sequence>>;

    /// Begins a new epoch of all sequences, after a backup was restored: numbers start again at 1.
    ///
    /// The epoch becomes at least `at_least` and more than it was. Give the time in seconds: a backup
    /// that is restored twice would otherwise begin the same epoch twice.
    ///
    /// # Errors
    /// When storage failed.
    fn raise_epoch(&self, at_least: u64) -> impl Answer<u64>;

    /// Keeps a sealed message to send, takes its places in the sequences, and forgets the notice's
    /// draft, all or nothing: no notice is sent twice. The numbers of the events that are told of it.
    ///
    /// # Errors
    /// When the places were taken meanwhile, the notice or the message is there already, or storage
    /// failed.
    fn enqueue(&self, outgoing: Outgoing) -> impl Answer<Vec<u64>>;

    /// Messages that a relay has not answered yet in this epoch of its and for which somebody still waits,
    /// most urgent first, with those who wait. What it refused it is not asked again. What was confirmed before
    /// any relay had it waits until one has it, so that it is logged: a courier brought it.
    ///
    /// # Errors
    /// When storage failed.
    fn uncarried(&self, relay: &str, epoch: u64, now: Timestamp) -> impl Answer<Vec<UncarriedRow>>;

    /// A relay accepted a message for these recipients: whoever of them was queued is on the first rung
    /// now. A refusal has no receipt, and does not take one away. What it said in another epoch is replaced.
    ///
    /// # Errors
    /// When there is no such message, or storage failed.
    fn carried(
        &self,
        envelope: EnvelopeId,
        relay: (&str, u64),
        recipients: Vec<ContactPoint>,
        receipt: Option<Vec<u8>>,
        at: Timestamp,
    ) -> impl Answer<()>;

    /// What each relay said of a sent message, for evidence.
    ///
    /// # Errors
    /// When storage failed.
    fn carriages(&self, envelope: EnvelopeId) -> impl Answer<Vec<Carriage>>;

    /// Sent notices, newest first: so many live ones, then so many of exercises.
    ///
    /// # Errors
    /// When storage failed.
    fn outbox(&self, limit: u32) -> impl Answer<Vec<OutgoingRow>>;

    /// Sent notices that are about this one, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn own_concerning(&self, notice: NoticeId) -> impl Answer<Vec<OutgoingRow>>;

    /// Keeps the proof that a sent message is logged.
    ///
    /// # Errors
    /// When there is no such message, or storage failed.
    fn put_own_proof(&self, envelope: EnvelopeId, proof: Vec<u8>) -> impl Answer<()>;

    /// One sent message, notice or receipt.
    ///
    /// # Errors
    /// When storage failed.
    fn outgoing(&self, envelope: EnvelopeId) -> impl Answer<Option<OutgoingRow>>;

    /// How many notices wait for a relay still.
    ///
    /// # Errors
    /// When storage failed.
    fn queued_count(&self) -> impl Answer<u64>;
}

/// How far each sent message got with each recipient.
pub trait Ladder {
    /// A recipient of a sent message got further, or refused it. Nobody goes back. What concerns no
    /// message of ours, or nobody it went to, changes nothing.
    ///
    /// # Errors
    /// When storage failed.
    fn climb(&self, envelope: EnvelopeId, row: RungRow) -> impl Answer<()>;

    /// Everyone's rung of a sent message.
    ///
    /// # Errors
    /// When storage failed.
    fn ladder(&self, envelope: EnvelopeId) -> impl Answer<Vec<RungRow>>;

    /// Every step that a sent message made, in the order that it was told, with the receipts.
    ///
    /// # Errors
    /// When storage failed.
    fn steps(&self, envelope: EnvelopeId) -> impl Answer<Vec<StepRow>>;

    /// Recipients of notices whose confirmation is late for the precedence, longest due first. Silence
    /// stays here until it is broken, also after the message expired.
    ///
    /// # Errors
    /// When storage failed.
    fn overdue(&self, now: Timestamp) -> impl Answer<Vec<OverdueRow>>;
}

/// What arrived. A row is never deleted, so a message comes as new at most once, for ever.
pub trait Inbox {
    /// Keeps a verified arrival: the row, the sender's sequence, whose rung it moves, the receipt to
    /// send and what is told of it, all or nothing. It takes the place of a refusal of the same
    /// message: what somebody spoiled on its way does not keep the good one out.
    ///
    /// # Errors
    /// When the receipt's place in its sequence was taken meanwhile, or storage failed.
    fn take_in(&self, arrival: Arrival) -> impl Answer<Kept>;

    /// Keeps a refused arrival, why, and what is told of it.
    ///
    /// # Errors
    /// When storage failed.
    fn refuse_in(&self, refusal: NewRefusal) -> impl Answer<Kept>;

    /// Whether a message arrived before, and how.
    ///
    /// # Errors
    /// When storage failed.
    fn standing(&self, envelope: EnvelopeId) -> impl Answer<Option<Standing>>;

    /// Whether a verified notice is here already, in whichever envelope.
    ///
    /// # Errors
    /// When storage failed.
    fn has_notice(&self, notice: NoticeId) -> impl Answer<bool>;

    /// One arrival: notice, receipt or refusal.
    ///
    /// # Errors
    /// When storage failed.
    fn arrival(&self, envelope: EnvelopeId) -> impl Answer<Option<ArrivalRow>>;

    /// Received notices and refusals, newest first: so many live ones, then so many of exercises, so that
    /// no drill pushes out what is live. Like every list, without the messages themselves: each may be
    /// large, and is read alone.
    ///
    /// # Errors
    /// When storage failed.
    fn inbox(&self, unacknowledged: bool, limit: u32) -> impl Answer<Vec<ArrivalEntry>>;

    /// Received notices of a member that correct, withdraw or confirm this one, newest first.
    ///
    /// # Errors
    /// When storage failed.
    fn amending(&self, notice: NoticeId, member: &Member, limit: u32) -> impl Answer<Vec<ArrivalEntry>>;

    /// Received notices of a member that are about this one, of any type, newest first.
    ///
    /// # Errors
    /// When storage failed.
    fn concerning(&self, notice: NoticeId, member: &Member, limit: u32) -> impl Answer<Vec<ArrivalEntry>>;

    /// How many received live notices no officer acknowledged yet.
    ///
    /// # Errors
    /// When storage failed.
    fn unacknowledged_count(&self) -> impl Answer<u64>;

    /// The same, of notices of exercises.
    ///
    /// # Errors
    /// When storage failed.
    fn unacknowledged_in_exercises(&self) -> impl Answer<u64>;

    /// An officer acknowledged a notice: the mark and the receipt to send, both or neither.
    ///
    /// # Errors
    /// When there is no such notice, the receipt's place was taken meanwhile, or storage failed.
    fn acknowledge(&self, envelope: EnvelopeId, at: Timestamp, receipt: Outgoing) -> impl Answer<()>;

    /// Notices whose sender was not told yet that they were verified, because it could not be sealed
    /// to, longest owed first.
    ///
    /// # Errors
    /// When storage failed.
    fn owed(&self, limit: u32) -> impl Answer<Vec<ArrivalEntry>>;

    /// The receipt that was owed: the mark goes and the receipt is queued, both or neither.
    ///
    /// # Errors
    /// When none is owed, its place was taken meanwhile, or storage failed.
    fn pay(&self, envelope: EnvelopeId, receipt: Outgoing) -> impl Answer<()>;

    /// An exercise is over: what was owed in it can never be paid, and is owed no more.
    ///
    /// # Errors
    /// When storage failed.
    fn forgive(&self, exercise: ExerciseId) -> impl Answer<()>;

    /// Arrivals whose place in a relay's log is promised and not proved, longest promised first.
    ///
    /// # Errors
    /// When storage failed.
    fn unproven(&self, limit: u32) -> impl Answer<Vec<ArrivalEntry>>;

    /// Keeps the proof that an arrival is logged.
    ///
    /// # Errors
    /// When there is no such arrival, or storage failed.
    fn put_proof(&self, envelope: EnvelopeId, proof: Vec<u8>) -> impl Answer<()>;

    /// Destroys what could open an arrival: its wrapped key and its sealed bytes are overwritten,
    /// wherever the engine keeps copies. The row stays, so that the message cannot come as new again.
    ///
    /// # Errors
    /// When there is no such arrival, or storage failed. After [`crate::StoreError::Full`] ask again:
    /// old copies may not be overwritten yet.
    fn expunge(&self, envelope: EnvelopeId, at: Timestamp) -> impl Answer<()>;

    /// What is known of the order of a sender's messages, live or in an exercise.
    ///
    /// # Errors
    /// When storage failed.
    fn sequence_in(&self, sender: &ContactPoint, environment: Environment) -> impl Answer<Option<Vec<u8>>>;
}

/// Finds messages as people name them.
pub trait Lookup {
    /// Received notices and refusals whose number is this, or whose envelope's or notice's id begins so;
    /// at most two.
    ///
    /// # Errors
    /// When storage failed.
    fn find_arrival(&self, wanted: &str) -> impl Answer<Vec<ArrivalEntry>>;

    /// Sent notices whose envelope's or notice's id begins so; at most two.
    ///
    /// # Errors
    /// When storage failed.
    fn find_outgoing(&self, wanted: &str) -> impl Answer<Vec<OutgoingRow>>;
}

/// Sealing keys' secrets, wrapped, until they are destroyed.
pub trait Prekeys {
    /// Keeps a sealing key's secret.
    ///
    /// # Errors
    /// When it is there already, or storage failed.
    fn put_prekey(&self, row: PrekeyRow) -> impl Answer<()>;

    /// All sealing keys that are kept, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn prekeys(&self) -> impl Answer<Vec<PrekeyRow>>;

    /// One sealing key, for as long as it is kept.
    ///
    /// # Errors
    /// When storage failed.
    fn prekey(&self, id: KeyId) -> impl Answer<Option<PrekeyRow>>;

    /// Destroys a sealing key's secret: it is overwritten, wherever the engine keeps copies. Once more
    /// is fine.
    ///
    /// # Errors
    /// When storage failed. After [`crate::StoreError::Full`] ask again: old copies may not be
    /// overwritten yet.
    fn destroy_prekey(&self, id: KeyId) -> impl Answer<()>;
}

/// A node's copy of the directory log, the newest checkpoint that it accepted, and forks.
pub trait Mirror {
    /// How many entries the copy of the directory has.
    ///
    /// # Errors
    /// When storage failed.
    fn mirror_size(&self) -> impl Answer<u64>;

    /// Begins the copy with what came by hand.
    ///
    /// # Errors
    /// When there is a copy already, or storage failed.
    fn seed_mirror(&self, entries: Vec<Vec<u8>>) -> impl Answer<()>;

    /// Takes new entries, the checkpoint that they lie in and what is told of them, all or nothing; the
    /// events' numbers.
    ///
    /// # Errors
    /// When the entries do not follow those that are there, the checkpoint would go back or give one
    /// size a second root, or storage failed.
    fn append_mirror(&self, step: MirrorStep) -> impl Answer<Vec<u64>>;

    /// Entries of the copy, from an index on.
    ///
    /// # Errors
    /// When storage failed, or an entry is missing.
    fn entries(&self, from: u64, count: u32) -> impl Answer<Vec<Vec<u8>>>;

    /// The newest checkpoint that was accepted.
    ///
    /// # Errors
    /// When storage failed.
    fn accepted_checkpoint(&self) -> impl Answer<Option<AcceptedCheckpoint>>;

    /// Keeps two checkpoints that contradict each other, for good.
    ///
    /// # Errors
    /// When storage failed.
    fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> impl Answer<()>;

    /// Keeps the largest size of the directory that a relay with this transport key showed. It never gets less.
    ///
    /// # Errors
    /// When storage failed.
    fn put_shown(&self, relay: String, key: [u8; 32], size: u64) -> impl Answer<()>;

    /// The largest size that a relay with this transport key showed; zero when it showed none.
    ///
    /// # Errors
    /// When storage failed.
    fn shown(&self, relay: String, key: [u8; 32]) -> impl Answer<u64>;

    /// Checkpoints that contradict each other, in the order that they were found.
    ///
    /// # Errors
    /// When storage failed.
    fn forks(&self) -> impl Answer<Vec<ForkRow>>;
}

/// Drafts, wrapped, from the first word until they are sent or thrown away.
pub trait Drafts {
    /// Keeps a draft, or its new state.
    ///
    /// # Errors
    /// When storage failed.
    fn put_draft(&self, draft: Draft) -> impl Answer<()>;

    /// One draft.
    ///
    /// # Errors
    /// When storage failed.
    fn draft(&self, notice: NoticeId) -> impl Answer<Option<Draft>>;

    /// All drafts, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn drafts(&self) -> impl Answer<Vec<Draft>>;

    /// Forgets a draft.
    ///
    /// # Errors
    /// When storage failed.
    fn delete_draft(&self, notice: NoticeId) -> impl Answer<()>;
}

/// What happened, in order. Numbers only rise; nothing is changed or deleted.
pub trait EventLog {
    /// Keeps an event; its number, from 1 on.
    ///
    /// # Errors
    /// When storage failed.
    fn put_event(&self, event: NewEvent) -> impl Answer<u64>;

    /// Events after a number, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn events(&self, after: u64, count: u32) -> impl Answer<Vec<EventRow>>;

    /// The newest events, newest first.
    ///
    /// # Errors
    /// When storage failed.
    fn newest_events(&self, count: u32) -> impl Answer<Vec<EventRow>>;

    /// The newest alarms, newest first, however many other events came since.
    ///
    /// # Errors
    /// When storage failed.
    fn newest_alarms(&self, count: u32) -> impl Answer<Vec<EventRow>>;
}

/// Numbers of notices: per year and list of addressees, from 1 on, without a gap and never twice.
pub trait Numbers {
    /// Takes the next number of notices to these addressees in this year.
    ///
    /// # Errors
    /// When storage failed.
    fn next_number(&self, year: u16, addressees: Digest) -> impl Answer<u32>;

    /// Gives back a number that no notice got, if none was taken after it.
    ///
    /// # Errors
    /// When storage failed.
    fn give_back_number(&self, year: u16, addressees: Digest, n: u32) -> impl Answer<()>;
}

/// What a node announces to others, and what it knows of what others announce.
pub trait Watching {
    /// Where the messages to each recipient stand: the newest that a relay of the recipient accepted, as
    /// long as it may still come or is confirmed. What still waits here was not announced by anybody; of
    /// what expired without a word nobody can say whether it came.
    ///
    /// # Errors
    /// When storage failed.
    fn announced(&self, recipients: Vec<ContactPoint>, now: Timestamp) -> impl Answer<Vec<Announced>>;

    /// The time of the last beacon that this node signed, if it did.
    ///
    /// # Errors
    /// When storage failed.
    fn beacon_at(&self) -> impl Answer<Option<Timestamp>>;

    /// Remembers the time of a beacon, before it goes out.
    ///
    /// # Errors
    /// When storage failed.
    fn put_beacon_at(&self, at: Timestamp) -> impl Answer<()>;

    /// What is known of the order of every sender's messages.
    ///
    /// # Errors
    /// When storage failed.
    fn sequences_in(&self) -> impl Answer<Vec<(ContactPoint, Vec<u8>)>>;

    /// The newest messages of a sender that were refused.
    ///
    /// # Errors
    /// When storage failed.
    fn refused_of(&self, sender: &ContactPoint, count: u32) -> impl Answer<Vec<EnvelopeId>>;

    /// What was told of each sender's gaps, as the agent wrote it.
    ///
    /// # Errors
    /// When storage failed.
    fn gaps_told(&self) -> impl Answer<Vec<(ContactPoint, String)>>;

    /// Remembers what was told of a sender's gaps, with the events that tell it, all or nothing; their
    /// numbers.
    ///
    /// # Errors
    /// When storage failed.
    fn tell_gaps(&self, sender: &ContactPoint, gaps: String, events: Vec<NewEvent>) -> impl Answer<Vec<u64>>;

    /// The newest messages that contradicted others, newest first.
    ///
    /// # Errors
    /// When storage failed.
    fn equivocations(&self, count: u32) -> impl Answer<Vec<Equivocation>>;
}
