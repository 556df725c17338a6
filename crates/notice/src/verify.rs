//! Verifying: the only way from an opened message to something that may be shown.
//!
//! Pure: the directory, the log's promise and the time are handed in. Agents, auditors and fuzzers call
//! the same function.

use pouch_crypto::{Context, Domain};
use pouch_directory::{Authority, Directory, NotInRole, Revocation};
use pouch_envelope::{AcceptedReceipt, Arrived, MessageLeaf, Refusal, SignedReceipt, prove_sender};
use pouch_tlog::{Inclusion, LeafHash};
use pouch_wire::{Canonical as _, ContactPoint, Environment, Timestamp, limits};

use crate::content::Content;
use crate::draft::{DraftError, Release, SignedNotice, check_form, within_mandate};
use crate::notice::Notice;
use crate::open::Opened;
use crate::receipt::RecipientReceipt;
use crate::sequence::Order;
use crate::stanza::StanzaSecret;
use crate::verdict::{Clause, Verdict};

/// What is known besides the message.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The directory, at least as new as the sender's.
    pub directory: &'a Directory,
    /// When a quorum had cosigned the directory's newest checkpoint; `None` before the first.
    pub cosigned_at: Option<Timestamp>,
    /// Whether our clock agrees with those of others.
    pub time_is_sure: bool,
    /// The proof that the message is logged, when there is one.
    pub inclusion: Option<&'a Inclusion>,
    /// Now.
    pub now: Timestamp,
}

/// Proved. Made only by [`Opened::verify`] and [`Opened::verify_receipt`]; the only thing that is shown.
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    signed: Option<SignedNotice>,
    arrived: Arrived,
    secret: StanzaSecret,
    attachments: Vec<Vec<u8>>,
    release: Option<Release>,
    authority: Option<Authority>,
    receipt: AcceptedReceipt,
    verdict: Verdict,
    _proved: Proved,
}

#[derive(Debug)]
struct Proved(());

/// Not proved: the verdict says which clause fails. The content is gone.
#[derive(Debug)]
pub struct Refused {
    /// The verdict.
    pub verdict: Verdict,
    /// The message, to be kept as evidence.
    pub arrived: Box<Arrived>,
}

impl<T> Verified<T> {
    /// What was proved.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// The message.
    pub const fn arrived(&self) -> &Arrived {
        &self.arrived
    }

    /// What its stanza held.
    #[must_use]
    pub const fn secret(&self) -> &StanzaSecret {
        &self.secret
    }

    /// The relay's promise.
    #[must_use]
    pub const fn receipt(&self) -> &AcceptedReceipt {
        &self.receipt
    }

    /// The verdict.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Adds what the inbox knows of the order.
    #[must_use]
    pub fn with_order(mut self, order: &Order) -> Self {
        judge_order(&mut self.verdict, order);
        self
    }
}

impl Verified<Notice> {
    /// The notice with its signatures.
    #[must_use]
    pub const fn signed(&self) -> Option<&SignedNotice> {
        self.signed.as_ref()
    }

    /// The attachments' bytes, in the notice's order.
    #[must_use]
    pub fn attachments(&self) -> &[Vec<u8>] {
        &self.attachments
    }

    /// How the release rule is met.
    #[must_use]
    pub const fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// The key that signed, and since when it speaks for the office.
    #[must_use]
    pub const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }
}

const ASK_AGAIN: &str = "do not act on it; ask the office by telephone whether it sent this";
const WAIT: &str = "wait until the node has caught up, or ask the office by telephone";

/// How old cosignatures may be before the verdict is amber, and before it is red.
const AMBER_MS: u64 = 3600 * 1000;
const RED_MS: u64 = 24 * 3600 * 1000;

impl Opened {
    /// Verifies a notice.
    ///
    /// # Errors
    /// When a clause fails; nothing of the content is left then.
    pub fn verify(self, facts: &Facts<'_>) -> Result<Verified<Notice>, Refused> {
        let mut verdict = Verdict::default();
        let Self { arrived, secret, content } = self;
        let Content::Notice { signed, attachments } = content else {
            verdict.fails(Clause::Whole, "POUCH-VER-20", "It holds a receipt, not a notice.", ASK_AGAIN, 10);
            return Err(Refused { verdict, arrived: Box::new(arrived) });
        };
        let attachments: Vec<Vec<u8>> =
            attachments.into_vec().into_iter().map(pouch_wire::Blob::into_vec).collect();
        let Ok(notice) = Notice::from_bytes(&signed.notice) else {
            verdict.fails(Clause::Whole, "POUCH-VER-21", "It is not a well-formed notice.", ASK_AGAIN, 10);
            return Err(Refused { verdict, arrived: Box::new(arrived) });
        };
        let receipt = outside(&arrived, facts, &mut verdict);
        let at = receipt.as_ref().map_or(facts.now, |r| r.at);
        same_letter(&notice, &arrived, &mut verdict);
        let authority = inside(&notice, &signed, &arrived, facts, at, &mut verdict);
        whole(&notice, &attachments, &mut verdict);
        let view = facts.directory.as_of(arrived.header().directory_size);
        let release = Release::judge(&notice, &signed.notice, &signed.approvals, &view);
        judge_release(&notice, &release, &mut verdict);
        time(&notice, facts, &mut verdict);
        surroundings(&arrived, receipt.as_ref(), facts, &mut verdict);
        match receipt {
            Some(receipt) if !verdict.is_refusal() => Ok(Verified {
                value: notice,
                signed: Some(signed),
                arrived,
                secret,
                attachments,
                release: Some(release),
                authority,
                receipt,
                verdict,
                _proved: Proved(()),
            }),
            _ => Err(Refused { verdict, arrived: Box::new(arrived) }),
        }
    }

    /// Verifies a recipient's receipt.
    ///
    /// # Errors
    /// When a clause fails.
    pub fn verify_receipt(self, facts: &Facts<'_>) -> Result<Verified<RecipientReceipt>, Refused> {
        let mut verdict = Verdict::default();
        let Self { arrived, secret, content } = self;
        let receipt = outside(&arrived, facts, &mut verdict);
        let said = match &content {
            Content::Receipt(signed) => judge_receipt(signed, &arrived, facts, &mut verdict),
            Content::Notice { .. } => {
                verdict.fails(
                    Clause::Whole,
                    "POUCH-VER-22",
                    "It holds a notice, not a receipt.",
                    ASK_AGAIN,
                    10,
                );
                None
            }
        };
        match (receipt, said) {
            (Some(receipt), Some(value)) if !verdict.is_refusal() => Ok(Verified {
                value,
                signed: None,
                arrived,
                secret,
                attachments: Vec::new(),
                release: None,
                authority: None,
                receipt,
                verdict,
                _proved: Proved(()),
            }),
            _ => Err(Refused { verdict, arrived: Box::new(arrived) }),
        }
    }
}

fn judge_receipt(
    signed: &SignedReceipt,
    arrived: &Arrived,
    facts: &Facts<'_>,
    verdict: &mut Verdict,
) -> Option<RecipientReceipt> {
    let header = arrived.header();
    let context = facts.directory.context(header.environment);
    let view = facts.directory.as_of(header.directory_size);
    let key = view.may_sign(&header.sender, header.environment, signed.key).map(|authority| authority.key);
    let good = key.is_ok_and(|key| signed.verify(&key, &context).is_ok());
    let receipt = RecipientReceipt::from_bytes(&signed.receipt).ok();
    let receipt = receipt.filter(|r| r.is_well_formed() && r.network == facts.directory.network());
    if good && receipt.is_some() {
        verdict.holds(Clause::Whole, "A receipt, signed by the recipient.");
        return receipt;
    }
    verdict.fails(Clause::Signature, "POUCH-VER-23", "The receipt is not the recipient's.", ASK_AGAIN, 10);
    None
}

/// The envelope: addressed to us, of its environment, signed, accepted by a relay.
fn outside(arrived: &Arrived, facts: &Facts<'_>, verdict: &mut Verdict) -> Option<AcceptedReceipt> {
    let header = arrived.header();
    let directory = facts.directory;
    environment(header.environment, facts, verdict);
    verdict.holds(Clause::Addressed, format!("Addressed to {}.", arrived.recipient()));
    match prove_sender(
        header,
        arrived.header_bytes(),
        &arrived.signature(),
        directory,
        at_acceptance(arrived, facts),
    ) {
        Ok(()) => verdict.holds(Clause::Signature, format!("The envelope is signed by {}.", header.sender)),
        Err(error) => sender_refused(&error, verdict),
    }
    let receipt = accepted(arrived, facts.directory);
    if receipt.is_none() {
        let words = "No relay of the network vouches for having accepted it.";
        verdict.fails(Clause::Log, "POUCH-VER-60", words, ASK_AGAIN, 14);
    }
    receipt
}

fn at_acceptance(arrived: &Arrived, facts: &Facts<'_>) -> Timestamp {
    accepted(arrived, facts.directory).map_or(facts.now, |receipt| receipt.at)
}

/// The relay's receipt, once its signature holds and it is for this message.
pub(crate) fn accepted(arrived: &Arrived, directory: &Directory) -> Option<AcceptedReceipt> {
    let signed = SignedReceipt::from_bytes(arrived.receipt()).ok()?;
    let context = directory.context(Environment::Live);
    let view = directory.now_view();
    let relay = view.relays().iter().find(|relay| relay.receipts.id() == signed.key)?;
    let receipt = signed.accepted(&relay.receipts, &context).ok()?;
    let ours = receipt.envelope == arrived.id()
        && receipt.network == directory.network()
        && *receipt.relay == *relay.name;
    ours.then_some(receipt)
}

fn environment(environment: Environment, facts: &Facts<'_>, verdict: &mut Verdict) {
    match environment {
        Environment::Live => verdict.holds(Clause::Environment, "Live: this is not an exercise."),
        Environment::Exercise(id) => match facts.directory.now_view().exercise(id) {
            Some(exercise) => {
                verdict.holds(Clause::Environment, format!("EXERCISE {}: this is a drill.", &*exercise.name));
            }
            None => {
                let words = "It belongs to an exercise that the directory does not know.";
                verdict.fails(Clause::Environment, "POUCH-VER-01", words, ASK_AGAIN, 15);
            }
        },
    }
}

fn sender_refused(error: &Refusal, verdict: &mut Verdict) {
    let words = format!("The sender is not proved: {error}.");
    match error {
        Refusal::DirectoryAhead { .. } => {
            verdict.unsure(Clause::Binding, error.code(), words.clone(), WAIT, 14);
            verdict.fails(Clause::Directory, "POUCH-VER-70", words, WAIT, 14);
        }
        Refusal::OtherNetwork => verdict.fails(Clause::Addressed, error.code(), words, ASK_AGAIN, 15),
        Refusal::NotInRole(NotInRole::Suspended(_) | NotInRole::ExerciseClosed) => {
            verdict.fails(Clause::Binding, error.code(), words, ASK_AGAIN, 11);
        }
        Refusal::NotInRole(_) | Refusal::LongSuperseded { .. } => {
            verdict.fails(Clause::Binding, error.code(), words, ASK_AGAIN, 12);
        }
        _ => verdict.fails(Clause::Signature, error.code(), words, ASK_AGAIN, 10),
    }
}

/// The outside must say what the inside says: nobody re-seals a letter to somebody else.
fn same_letter(notice: &Notice, arrived: &Arrived, verdict: &mut Verdict) {
    let header = arrived.header();
    let mut inside: Vec<&ContactPoint> = notice.addressees().collect();
    inside.sort();
    let outside = header.recipients.iter().map(|r| &r.contact_point);
    let differs = if notice.sender != header.sender {
        Some("sender")
    } else if !inside.into_iter().eq(outside) {
        Some("list of addressees")
    } else if notice.network != header.network || notice.environment != header.environment {
        Some("network or exercise")
    } else if (notice.created, notice.not_after) != (header.created, header.not_after) {
        Some("times")
    } else if notice.precedence != header.precedence {
        Some("precedence")
    } else {
        None
    };
    match differs {
        None => verdict.holds(Clause::SameLetter, "The envelope is the one that this letter was sealed in."),
        Some(what) => {
            let words = format!("Somebody put this letter into another envelope: the {what} differs.");
            verdict.fails(Clause::SameLetter, "POUCH-VER-10", words, ASK_AGAIN, 10);
        }
    }
}

/// The notice: signed by a key that speaks for the office, in time, within its mandate.
fn inside(
    notice: &Notice,
    signed: &SignedNotice,
    arrived: &Arrived,
    facts: &Facts<'_>,
    at: Timestamp,
    verdict: &mut Verdict,
) -> Option<Authority> {
    let view = facts.directory.as_of(arrived.header().directory_size);
    let authority = match view.may_sign(&notice.sender, notice.environment, signed.key) {
        Ok(authority) => authority,
        Err(error) => {
            let words = format!("The key that signed it does not speak for {}: {error}.", notice.sender);
            verdict.fails(Clause::Binding, error.code(), words, ASK_AGAIN, 12);
            return None;
        }
    };
    let context = Context::of(notice.network, notice.environment);
    if authority.key.verify(Domain::Notice, &context, &signed.notice, &signed.signature).is_err() {
        let words = format!("The notice is not signed by {}.", notice.sender);
        verdict.fails(Clause::Signature, "POUCH-VER-11", words, ASK_AGAIN, 10);
        return None;
    }
    let words = format!(
        "The key has spoken for {} since entry {} of the witnessed directory.",
        notice.sender, authority.since_index
    );
    verdict.holds(Clause::Binding, words);
    key_in_time(facts.directory.now_view().revocation(signed.key), at, verdict);
    match within_mandate(notice, &authority.mandate) {
        Ok(()) => verdict.holds(Clause::Mandate, format!("Its state allows {} to say this.", notice.sender)),
        Err(error) => {
            let words = format!("Authentic, but {} is not authorised to say this: {error}.", notice.sender);
            let next = "do not treat it as the state's word; ask the state's other office";
            verdict.fails(Clause::Mandate, "POUCH-VER-40", words, next, 11);
        }
    }
    Some(authority)
}

/// Revocation with effect from a time: before it fine, after it refused, near it doubtful.
fn key_in_time(revocation: Option<&Revocation>, at: Timestamp, verdict: &mut Verdict) {
    let Some(revocation) = revocation else {
        return verdict.holds(Clause::KeyInTime, "The key is not revoked.");
    };
    let skew = limits::CLOCK_SKEW_MS_MAX;
    if at.0.saturating_add(skew) < revocation.effective.0 {
        verdict
            .holds(Clause::KeyInTime, "The key was revoked later; this was logged before that took effect.");
    } else if at.0 > revocation.effective.0.saturating_add(skew) {
        let words = "The key was revoked with effect from a time before this was logged.";
        verdict.fails(Clause::KeyInTime, "POUCH-VER-30", words, ASK_AGAIN, 12);
    } else {
        let words = "The key was revoked with effect from about the time that this was logged.";
        verdict.unsure(Clause::KeyInTime, "POUCH-VER-31", words, "ask the office to confirm it", 12);
    }
}

fn whole(notice: &Notice, attachments: &[Vec<u8>], verdict: &mut Verdict) {
    if let Err(error) = check_form(notice) {
        let exit = if matches!(error, DraftError::NotOurs(_)) { 11 } else { 10 };
        return verdict.fails(
            Clause::Whole,
            error.code(),
            format!("It breaks a rule of notices: {error}."),
            ASK_AGAIN,
            exit,
        );
    }
    let same = notice.attachments.len() == attachments.len()
        && notice.attachments.iter().zip(attachments).all(|(named, bytes)| {
            u64::try_from(bytes.len()) == Ok(named.len) && pouch_crypto::sha256(bytes) == named.digest
        });
    if same {
        verdict.holds(Clause::Whole, "Nothing was added, altered or cut off.");
    } else {
        let words = "The attachments are not those that the sender signed.";
        verdict.fails(Clause::Whole, "POUCH-VER-24", words, ASK_AGAIN, 10);
    }
}

fn judge_release(notice: &Notice, release: &Release, verdict: &mut Verdict) {
    let have = release.approved_by.len();
    if have >= usize::from(release.needed) {
        let words = match release.needed {
            0 => "Its state demands no officer's approval for this.".to_owned(),
            needed => format!("Approved by {have} officers; its state demands {needed}."),
        };
        return verdict.holds(Clause::Release, words);
    }
    if release.is_met(notice.break_glass) {
        let words = "Released by one officer in an emergency, which its state allows and is told of.";
        return verdict.unsure(
            Clause::Release,
            "POUCH-VER-41",
            words,
            "ask the state's other office to confirm it",
            0,
        );
    }
    let words = format!(
        "Authentic, but not released: approved by {have} officers, its state demands {}.",
        release.needed
    );
    verdict.fails(
        Clause::Release,
        "POUCH-VER-42",
        words,
        "do not act on it; ask the state's other office",
        11,
    );
}

fn time(notice: &Notice, facts: &Facts<'_>, verdict: &mut Verdict) {
    let ahead = notice.created.0.saturating_sub(facts.now.0);
    if ahead > limits::CLOCK_SKEW_MS_MAX {
        let words = "It is dated in the future.";
        verdict.fails(Clause::Time, "POUCH-VER-50", words, "check this node's clock", 31);
    } else if facts.now >= notice.not_after {
        let words = "It has expired: it is kept for the record and not to be acted on.";
        verdict.unsure(Clause::Time, "POUCH-VER-51", words, "ask the office whether it still holds", 13);
    } else {
        verdict.holds(Clause::Time, "It is current.");
    }
}

fn surroundings(
    arrived: &Arrived,
    receipt: Option<&AcceptedReceipt>,
    facts: &Facts<'_>,
    verdict: &mut Verdict,
) {
    if let Some(receipt) = receipt {
        log(arrived, receipt, facts, verdict);
    }
    let age = facts.cosigned_at.map(|at| facts.now.0.saturating_sub(at.0));
    match age {
        Some(age) if age <= AMBER_MS => {
            verdict.holds(Clause::Directory, "The directory was witnessed within the hour.")
        }
        Some(age) if age <= RED_MS => {
            let words = format!("The directory was witnessed {} hours ago.", age / AMBER_MS);
            verdict.unsure(
                Clause::Directory,
                "POUCH-VER-71",
                words,
                "check the node's connection; pouch status",
                14,
            );
        }
        Some(_) | None => {
            let words =
                "The directory was not witnessed for more than a day: a key may have been revoked since.";
            verdict.unsure(
                Clause::Directory,
                "POUCH-VER-72",
                words,
                "confirm by telephone before acting",
                14,
            );
        }
    }
    if facts.time_is_sure {
        verdict.holds(Clause::Clock, "This node's clock agrees with the relays'.");
    } else {
        let words = "This node's clock is not confirmed by a relay.";
        verdict.unsure(Clause::Clock, "POUCH-VER-73", words, "check the clock; pouch status", 31);
    }
}

fn log(arrived: &Arrived, receipt: &AcceptedReceipt, facts: &Facts<'_>, verdict: &mut Verdict) {
    let leaf = MessageLeaf { envelope: arrived.id(), accepted_at: receipt.at }.to_bytes().unwrap_or_default();
    match facts.inclusion {
        Some(inclusion) if *inclusion.leaf() == LeafHash::of(&leaf) && inclusion.index() == receipt.index => {
            verdict.holds(
                Clause::Log,
                format!("Logged: entry {} of {}'s witnessed log.", receipt.index, &*receipt.relay),
            );
        }
        Some(_) => {
            let words = "The proof that it is logged is of another message.";
            verdict.fails(Clause::Log, "POUCH-VER-61", words, ASK_AGAIN, 16);
        }
        None => verdict.holds(
            Clause::Log,
            format!("{} promised it entry {} of its log; the proof follows.", &*receipt.relay, receipt.index),
        ),
    }
}

fn judge_order(verdict: &mut Verdict, order: &Order) {
    match order {
        Order::First => verdict.holds(Clause::Order, "The first message from this office to us."),
        Order::InOrder => verdict.holds(Clause::Order, "Nothing before it is missing."),
        Order::Late => verdict.holds(Clause::Order, "It was missing, and came late."),
        Order::Gap { from, to } => {
            let count = to.saturating_sub(*from).saturating_add(1);
            let words =
                format!("{count} of this office's messages to us before it are missing ({from} to {to}).");
            verdict.unsure(
                Clause::Order,
                "POUCH-ORD-01",
                words,
                "ask the office by telephone what it sent before",
                13,
            );
        }
        Order::NewEpoch => {
            let words = "The sender's node was restored from a backup and counts anew.";
            verdict.unsure(
                Clause::Order,
                "POUCH-ORD-02",
                words,
                "ask the office whether earlier messages are still open",
                13,
            );
        }
        Order::Contradiction { .. } => {
            let words = "The sender's messages contradict each other: two stand in one place. Both are kept.";
            verdict.fails(Clause::Order, "POUCH-ORD-03", words, ASK_AGAIN, 16);
        }
        Order::OldEpoch => {
            let words = "It is from before the sender's node was restored from a backup.";
            verdict.fails(Clause::Order, "POUCH-ORD-04", words, ASK_AGAIN, 13);
        }
    }
}
