//! Verifying: the only way from an opened message to something that may be shown.
//!
//! Pure: the directory, the log's promise and the time are handed in. Agents, auditors and fuzzers call
//! the same function. What is refused leaves nothing of its content behind.

use pouch_directory::{Authority, Directory};
use pouch_envelope::{AcceptedReceipt, Arrived, SignedReceipt};
use pouch_tlog::Inclusion;
use pouch_wire::{Canonical as _, NoticeId, Timestamp};

use crate::confirmation::{Confirmation, Scope};
use crate::content::Content;
use crate::draft::SignedNotice;
use crate::freshness::{Doubt, Judged, judge_doubt};
use crate::inside::Inside;
use crate::notice::Notice;
use crate::open::Opened;
use crate::order::{Order, judge_order};
use crate::outside::{ASK_AGAIN, Outside, judge_outside, judge_surroundings};
use crate::receipt::RecipientReceipt;
use crate::release::Release;
use crate::standing::{Standing, judge_standing};
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
    /// The proof that the message is logged, when there is one. It was proved for some message and some
    /// log; that it is for this one is checked here.
    pub inclusion: Option<&'a Inclusion>,
    /// Now.
    pub now: Timestamp,
}

/// Proved. Made only by [`Opened::verify`] and [`Opened::verify_receipt`]; the only thing that is shown.
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    signed: Option<SignedNotice>,
    said: Option<SignedReceipt>,
    arrived: Arrived,
    secret: StanzaSecret,
    attachments: Vec<Vec<u8>>,
    release: Option<Release>,
    scope: Option<Scope>,
    authority: Option<Authority>,
    promise: Option<AcceptedReceipt>,
    came_at: Timestamp,
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
    /// Witnesses saw it where its relay says: what fails by its time then fails by more than a word.
    witnessed: bool,
}

/// What may hold when this node knows more: its directory is behind, old, or not the sender's, its clock is
/// wrong, or the relay gave no receipt that counts.
const NOT_YET: [&str; 5] = ["POUCH-VER-50", "POUCH-VER-60", "POUCH-VER-70", "POUCH-VER-72", "POUCH-VER-74"];

/// What fails by the time at which one relay says that it accepted the message. Another may have accepted
/// it earlier, and a relay that writes a false time must not cost a message.
const BY_A_RELAY_S_WORD: [&str; 8] = [
    "POUCH-ADM-14",
    "POUCH-VER-02",
    "POUCH-VER-30",
    "POUCH-VER-33",
    "POUCH-VER-43",
    "POUCH-VER-47",
    "POUCH-VER-48",
    "POUCH-VER-52",
];

/// Whether a clause with this code fails by the time at which the message came. No newer directory and no later
/// look helps then: only a relay that had it before may.
#[must_use]
pub fn fails_by_its_time(code: &str) -> bool {
    BY_A_RELAY_S_WORD.contains(&code)
}

impl Refused {
    /// Whether the message is refused whatever comes: `false` when this node only cannot tell yet, because
    /// its directory is behind or its clock, or because all that speaks against the message is the receipt
    /// of the relay that delivered it. The same message may then come again, from another relay, and hold.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let may_pass = |code: &str| NOT_YET.contains(&code) || (!self.witnessed && fails_by_its_time(code));
        self.verdict.failing().any(|clause| !may_pass(&clause.code))
    }
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

    /// The relay's promise; `None` when a courier brought it and no relay has promised anything.
    #[must_use]
    pub const fn receipt(&self) -> Option<&AcceptedReceipt> {
        self.promise.as_ref()
    }

    /// When it came: when its relay says that it accepted it, or when a courier had brought it.
    #[must_use]
    pub const fn came_at(&self) -> Timestamp {
        self.came_at
    }

    /// The verdict.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Adds what the inbox knows of the order. The caller looks at the verdict again: a message that
    /// contradicts another is refused.
    #[must_use]
    pub fn with_order(mut self, order: &Order) -> Self {
        judge_order(&mut self.verdict, order);
        self
    }
}

impl Verified<RecipientReceipt> {
    /// The receipt as its office signed it.
    #[must_use]
    pub const fn signed_receipt(&self) -> Option<&SignedReceipt> {
        self.said.as_ref()
    }
}

impl Verified<Notice> {
    /// Adds that witnesses saw it in its relay's log only long after the time that the relay gives.
    pub(crate) fn seen_late(mut self, seen: Timestamp) -> Self {
        let words = format!(
            "No witness saw it in the log before {}; that it was accepted earlier is the relay's word.",
            seen
        );
        let next = "ask both offices when it was sent and received";
        self.verdict.unsure(Clause::Log, "POUCH-VER-62", words, next, 13);
        self
    }

    /// Adds what became of it through the notices that came later.
    #[must_use]
    pub fn with_standing(mut self, standing: &Standing) -> Self {
        judge_standing(&mut self.verdict, standing);
        self
    }

    /// Adds what others say of our copy of the directory.
    #[must_use]
    pub fn with_doubt(mut self, doubt: Doubt) -> Self {
        let approved = self.signed.as_ref().is_some_and(|signed| !signed.approvals.is_empty());
        let cites = self.arrived.header().directory_size;
        judge_doubt(self.authority.as_ref(), cites, approved, doubt, &mut self.verdict);
        self
    }

    /// The notice's id.
    #[must_use]
    pub fn notice_id(&self) -> NoticeId {
        // There is a signed notice in every verified one.
        Notice::id_of(self.signed.as_ref().map_or(&[], |signed| &signed.notice))
    }

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

    /// What its office and officers might say.
    pub(crate) const fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// The key that signed, and since when it speaks for the office.
    #[must_use]
    pub const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }
}

impl Opened {
    /// Verifies a notice.
    ///
    /// # Errors
    /// When a clause fails; nothing of the content is left then.
    pub fn verify(self, facts: &Facts<'_>) -> Result<Verified<Notice>, Refused> {
        self.judge(facts, &[], Judged::First)
    }

    /// Verifies a notice that the caller verified when it came, and kept since: that the directory has
    /// grown old meanwhile is a reservation, and takes nothing away that was there.
    ///
    /// # Errors
    /// When any other clause fails.
    pub fn verify_again(self, facts: &Facts<'_>) -> Result<Verified<Notice>, Refused> {
        self.judge(facts, &[], Judged::Again)
    }

    /// The same of a notice that later ones of its office may confirm: of what confirms this very notice, a
    /// doubt about its key or its officers' is lifted.
    ///
    /// # Errors
    /// When any other clause fails.
    pub fn verify_confirmed(
        self,
        facts: &Facts<'_>,
        confirmations: &[Confirmation],
    ) -> Result<Verified<Notice>, Refused> {
        self.judge(facts, confirmations, Judged::Again)
    }

    /// Those that confirm what is in here, whether it is believed or not. It tells nothing of what that says.
    pub fn confirmed_by<'a>(
        &self,
        all: &'a [Confirmation],
    ) -> impl Iterator<Item = &'a Confirmation> + use<'a> {
        let within = match &self.content {
            Content::Notice { signed, .. } => {
                Notice::from_bytes(&signed.notice).ok().map(|notice| (notice, Notice::id_of(&signed.notice)))
            }
            Content::Receipt(_) => None,
        };
        all.iter().filter(move |it| within.as_ref().is_some_and(|(notice, id)| it.is_for(notice, *id)))
    }

    fn judge(
        self,
        facts: &Facts<'_>,
        confirmations: &[Confirmation],
        judged: Judged,
    ) -> Result<Verified<Notice>, Refused> {
        let mut verdict = Verdict::default();
        let Self { arrived, secret, content, carried } = self;
        let confirmed = confirmation_of(&content, confirmations);
        let outside = judge_outside(&arrived, carried, facts, confirmed, &mut verdict);
        let witnessed = outside.anchor.witnessed.is_some();
        let notice = notice_of(content, &mut verdict);
        let released = match (&notice, &outside.sender) {
            (Some((notice, signed, attachments)), Some(authority)) => {
                let (arrived, anchor) = (&arrived, outside.anchor);
                let inside = Inside { notice, signed, attachments, arrived, authority, anchor, confirmed };
                inside.judge(facts, &mut verdict)
            }
            _ => None,
        };
        judge_surroundings(&arrived, &outside, facts, judged, &mut verdict);
        let Outside { sender, vouched, anchor } = outside;
        match (notice, released, vouched.taken()) {
            (Some((value, signed, attachments)), Some((release, scope)), Some(promise))
                if !verdict.is_refusal() =>
            {
                Ok(Verified {
                    value,
                    signed: Some(signed),
                    said: None,
                    arrived,
                    secret,
                    attachments,
                    release: Some(release),
                    scope: Some(scope),
                    authority: sender,
                    promise,
                    came_at: anchor.at,
                    verdict,
                    _proved: Proved(()),
                })
            }
            _ => Err(Refused { verdict, arrived: Box::new(arrived), witnessed }),
        }
    }

    /// Verifies a recipient's receipt.
    ///
    /// # Errors
    /// When a clause fails.
    pub fn verify_receipt(self, facts: &Facts<'_>) -> Result<Verified<RecipientReceipt>, Refused> {
        let mut verdict = Verdict::default();
        let Self { arrived, secret, content, carried } = self;
        let outside = judge_outside(&arrived, carried, facts, None, &mut verdict);
        let witnessed = outside.anchor.witnessed.is_some();
        let said = outside
            .sender
            .as_ref()
            .and_then(|authority| receipt_of(content, authority, &arrived, facts, &mut verdict));
        judge_surroundings(&arrived, &outside, facts, Judged::First, &mut verdict);
        let Outside { sender, vouched, anchor } = outside;
        match (said, vouched.taken()) {
            (Some((value, said)), Some(promise)) if !verdict.is_refusal() => Ok(Verified {
                value,
                signed: None,
                said: Some(said),
                arrived,
                secret,
                attachments: Vec::new(),
                release: None,
                scope: None,
                authority: sender,
                promise,
                came_at: anchor.at,
                verdict,
                _proved: Proved(()),
            }),
            _ => Err(Refused { verdict, arrived: Box::new(arrived), witnessed }),
        }
    }
}

/// The confirmation of the very notice that is in here.
fn confirmation_of<'a>(content: &Content, all: &'a [Confirmation]) -> Option<&'a Confirmation> {
    let Content::Notice { signed, .. } = content else { return None };
    let notice = Notice::from_bytes(&signed.notice).ok().filter(|_| !all.is_empty())?;
    let id = Notice::id_of(&signed.notice);
    let of_it = all.iter().filter(|confirmation| confirmation.is_for(&notice, id));
    of_it.max_by_key(|confirmation| confirmation.officers(&notice))
}

fn notice_of(content: Content, verdict: &mut Verdict) -> Option<(Notice, SignedNotice, Vec<Vec<u8>>)> {
    let Content::Notice { signed, attachments } = content else {
        verdict.fails(Clause::Whole, "POUCH-VER-20", "It holds a receipt, not a notice.", ASK_AGAIN, 10);
        return None;
    };
    let Ok(notice) = Notice::from_bytes(&signed.notice) else {
        verdict.fails(Clause::Whole, "POUCH-VER-21", "It is not a well-formed notice.", ASK_AGAIN, 10);
        return None;
    };
    let attachments = attachments.into_vec().into_iter().map(pouch_wire::Blob::into_vec).collect();
    Some((notice, signed, attachments))
}

fn receipt_of(
    content: Content,
    authority: &Authority,
    arrived: &Arrived,
    facts: &Facts<'_>,
    verdict: &mut Verdict,
) -> Option<(RecipientReceipt, SignedReceipt)> {
    let Content::Receipt(signed) = content else {
        verdict.fails(Clause::Whole, "POUCH-VER-22", "It holds a notice, not a receipt.", ASK_AGAIN, 10);
        return None;
    };
    let context = facts.directory.context(arrived.header().environment);
    if signed.verify(&authority.key, &context).is_err() {
        let words = "The receipt is not signed by the office that sent it.";
        verdict.fails(Clause::Signature, "POUCH-VER-23", words, ASK_AGAIN, 10);
        return None;
    }
    let receipt = well_formed(&signed, facts.directory);
    match &receipt {
        Some(_) => verdict.holds(Clause::Whole, "A receipt, signed by the recipient."),
        None => verdict.fails(
            Clause::Whole,
            "POUCH-VER-25",
            "It is not a well-formed receipt of this network.",
            ASK_AGAIN,
            10,
        ),
    }
    receipt.map(|receipt| (receipt, signed))
}

/// What a recipient's receipt says, if it is one of this network with the sentence that belongs there.
pub(crate) fn well_formed(signed: &SignedReceipt, directory: &Directory) -> Option<RecipientReceipt> {
    let receipt = RecipientReceipt::from_bytes(&signed.receipt).ok()?;
    (receipt.is_well_formed() && receipt.network == directory.network()).then_some(receipt)
}
