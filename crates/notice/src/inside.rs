//! The clauses on the notice itself: whether it is the letter that this envelope was made for, who
//! signed it, and whether that office was allowed to say it.
//!
//! They are judged only once the sender of the outside is proved. When the notice's own signature does
//! not hold, nothing that it says is judged further.

use pouch_crypto::{Context, Domain, sha256};
use pouch_directory::{Authority, Mandate, View};
use pouch_envelope::Arrived;
use pouch_wire::{ContactPoint, limits};

use crate::approval::Approval;
use crate::confirmation::{Confirmation, Scope};
use crate::draft::SignedNotice;
use crate::form::{DraftError, check_form};
use crate::in_time::{Anchor, InTime};
use crate::notice::Notice;
use crate::outside::ASK_AGAIN;
use crate::release::{Release, judge_mandate, judge_release, within_mandate};
use crate::verdict::{Clause, Verdict};
use crate::verify::Facts;

/// A notice with what its judgment needs.
pub(crate) struct Inside<'a> {
    pub(crate) notice: &'a Notice,
    pub(crate) signed: &'a SignedNotice,
    pub(crate) attachments: &'a [Vec<u8>],
    pub(crate) arrived: &'a Arrived,
    pub(crate) authority: &'a Authority,
    pub(crate) anchor: Anchor,
    /// The later notice of the same office that confirms this one.
    pub(crate) confirmed: Option<&'a Confirmation>,
}

/// The directories that a sender may be judged by.
struct Rules<'a> {
    /// The one that it cites.
    cited: View<'a>,
    /// The one that it must have heard of, by when the relay says that the message came.
    by_word: View<'a>,
    /// The one that it must have heard of, if the relay does not tell the truth about that.
    surely: View<'a>,
}

const CONFIRM_ELSEWHERE: &str = "ask the state's other office to confirm it";
const ASK_OTHER: &str = "do not act on it; ask the state's other office";

impl Inside<'_> {
    /// Judges the notice; how its release rule is met, and what its office and officers might say, once
    /// its signature holds.
    pub(crate) fn judge(&self, facts: &Facts<'_>, verdict: &mut Verdict) -> Option<(Release, Scope)> {
        let same_letter = self.same_letter(verdict);
        if !self.is_signed(verdict) || !same_letter {
            return None;
        }
        let header = self.arrived.header();
        // The sender chose which directory it cites; what its own state replaced a day before binds it.
        let cited = facts.directory.as_of(header.directory_size);
        let heard = |until| cited.caught_up(&header.sender, header.environment, until);
        let rules = Rules {
            cited,
            by_word: heard(self.anchor.heard_until()),
            surely: heard(self.anchor.heard_at_most_until(facts.now)),
        };
        self.mandate(&rules, facts, verdict);
        let release = self.release(&rules, facts, verdict);
        self.whole(verdict);
        self.time(facts, verdict);
        let scope = self.scope(&release, &rules, facts);
        Some((release, scope))
    }

    /// The outside must say what the inside says: nobody re-seals a letter to somebody else.
    fn same_letter(&self, verdict: &mut Verdict) -> bool {
        let Some(what) = self.differs() else {
            let words = "The envelope is the one that this letter was sealed in.";
            verdict.holds(Clause::SameLetter, words);
            return true;
        };
        let words = format!("Somebody put this letter into another envelope: the {what} differs.");
        verdict.fails(Clause::SameLetter, "POUCH-VER-10", words, ASK_AGAIN, 10);
        false
    }

    fn differs(&self) -> Option<&'static str> {
        let (notice, header) = (self.notice, self.arrived.header());
        let mut inside: Vec<&ContactPoint> = notice.addressees().collect();
        inside.sort();
        let outside = header.recipients.iter().map(|recipient| &recipient.contact_point);
        if notice.sender != header.sender {
            Some("sender")
        } else if !inside.into_iter().eq(outside) {
            Some("list of addressees")
        } else if notice.network != header.network || notice.environment != header.environment {
            Some("network or exercise")
        } else if (notice.created, notice.not_after) != (header.created, header.not_after) {
            Some("time")
        } else if notice.precedence != header.precedence {
            Some("precedence")
        } else if self.signed.key != header.sender_key {
            Some("key")
        } else {
            None
        }
    }

    /// By the key that signed the outside, which [`Inside::same_letter`] compares.
    fn is_signed(&self, verdict: &mut Verdict) -> bool {
        let context = Context::of(self.notice.network, self.notice.environment);
        let SignedNotice { notice, signature, .. } = self.signed;
        if self.authority.key.verify(Domain::Notice, &context, notice, signature).is_ok() {
            let words = format!("The notice is signed by {}.", self.arrived.header().sender);
            verdict.holds(Clause::Signature, words);
            return true;
        }
        let words = format!("The notice is not signed by {}.", self.arrived.header().sender);
        verdict.fails(Clause::Signature, "POUCH-VER-11", words, ASK_AGAIN, 10);
        false
    }

    fn mandate_in(&self, view: &View<'_>) -> Mandate {
        let entry = view.contact_point(&self.notice.sender, self.notice.environment);
        entry.map_or_else(|| self.authority.mandate.clone(), |entry| entry.mandate.clone())
    }

    /// What the office and the officers that released it might say, by both directories that bind them.
    fn scope(&self, release: &Release, rules: &Rules<'_>, facts: &Facts<'_>) -> Scope {
        let counts = |approval: &&Approval| {
            matches!(self.officer_in_time(approval, facts), None | Some(InTime::Before))
        };
        let approvals: Vec<Approval> = self.signed.approvals.iter().filter(counts).cloned().collect();
        let surely = Release::judge(self.notice, &self.signed.notice, &approvals, &rules.surely);
        Scope {
            mandates: [self.mandate_in(&rules.by_word), self.mandate_in(&rules.surely)],
            officers: [release.approved_by.clone(), surely.approved_by],
        }
    }

    fn mandate(&self, rules: &Rules<'_>, facts: &Facts<'_>, verdict: &mut Verdict) {
        let sender = &self.notice.sender;
        let mandate_in = |view: &View<'_>| self.mandate_in(view);
        let mandate = mandate_in(&rules.by_word);
        let next = "do not treat it as the state's word; ask the state's other office";
        // The notice's own date may lie; the relay's does not lie for the sender.
        if self.anchor.heard_until() >= mandate.until {
            let words = format!("Authentic, but the mandate of {sender} was over when this was accepted.");
            return verdict.fails(Clause::Mandate, "POUCH-VER-43", words, next, 11);
        }
        let error = within_mandate(self.notice, &mandate).err();
        let as_cited = within_mandate(self.notice, &mandate_in(&rules.cited));
        if let (Some(error), Ok(())) = (&error, as_cited) {
            let words =
                format!("Authentic, but its state had taken from {sender} the right to say it: {error}.");
            return verdict.fails(Clause::Mandate, "POUCH-VER-47", words, next, 11);
        }
        let surely = mandate_in(&rules.surely);
        let over = self.anchor.heard_at_most_until(facts.now) >= surely.until;
        if error.is_none() && (over || within_mandate(self.notice, &surely).is_err()) {
            let words = format!(
                "The mandate of {sender} does not allow this any more; that it came while it did rests on {} alone.",
                self.anchor.word
            );
            return verdict.unsure(Clause::Mandate, "POUCH-VER-45", words, CONFIRM_ELSEWHERE, 11);
        }
        judge_mandate(self.notice, &mandate, verdict);
    }

    /// An officer whose key was revoked with effect from before, or whose mandate was over, counts for
    /// nothing; one whose right ended at about that time counts with a reservation.
    fn release(&self, rules: &Rules<'_>, facts: &Facts<'_>, verdict: &mut Verdict) -> Release {
        let stands = |approval: &Approval| self.officer_in_time(approval, facts);
        let judged = |counts: fn(Option<InTime>) -> bool, view: &View<'_>| {
            let approvals: Vec<Approval> =
                self.signed.approvals.iter().filter(|a| counts(stands(a))).cloned().collect();
            Release::judge(self.notice, &self.signed.notice, &approvals, view)
        };
        let break_glass = self.notice.break_glass;
        let sure = judged(|stands| matches!(stands, None | Some(InTime::Before)), &rules.by_word);
        let counts: fn(Option<InTime>) -> bool = |stands| stands != Some(InTime::After);
        let likely = judged(counts, &rules.by_word);
        if !sure.is_met(break_glass)
            && let Some(confirmed) =
                self.confirmed.filter(|c| c.officers(self.notice) >= usize::from(sure.needed))
        {
            let words =
                format!("Approved by the officers of {}, which confirms this very notice.", confirmed.by());
            verdict.holds(Clause::Release, words);
            return sure;
        }
        if !sure.is_met(break_glass) && likely.is_met(break_glass) {
            let words = "Approved, but the right of an officer who approved it ended at about that time.";
            verdict.unsure(Clause::Release, "POUCH-VER-44", words, CONFIRM_ELSEWHERE, 11);
            return likely;
        }
        if !likely.is_met(break_glass) && judged(|_| true, &rules.by_word).is_met(break_glass) {
            let words = "Authentic, but not released: the right of an officer who approved it had ended before this was accepted.";
            verdict.fails(Clause::Release, "POUCH-VER-48", words, ASK_OTHER, 11);
            return likely;
        }
        if !likely.is_met(break_glass) && judged(counts, &rules.cited).is_met(break_glass) {
            let words = "Authentic, but not released: its state had changed its release rule.";
            verdict.fails(Clause::Release, "POUCH-VER-47", words, ASK_OTHER, 11);
            return likely;
        }
        if sure.is_met(break_glass) && !judged(counts, &rules.surely).is_met(break_glass) {
            let words = format!(
                "Its state's release rule has changed; that this came before rests on {} alone.",
                self.anchor.word
            );
            verdict.unsure(Clause::Release, "POUCH-VER-46", words, CONFIRM_ELSEWHERE, 11);
            return sure;
        }
        judge_release(self.notice, &sure, verdict);
        sure
    }

    /// How the message stands to the end of an officer's right to approve; `None` while that has none.
    fn officer_in_time(&self, approval: &Approval, facts: &Facts<'_>) -> Option<InTime> {
        let newest = facts.directory.now_view();
        let revoked = newest.revocation(approval.officer).map(|revocation| revocation.effective);
        let records = newest.officer_records(&self.notice.sender, self.notice.environment);
        let entry = records.iter().find(|record| record.entry.key.id() == approval.officer);
        // The notice's own date may lie. Who holds it before the end needs nobody's word that it came before.
        let over = entry.map(|record| record.entry.mandate.until);
        let over =
            over.filter(|until| facts.inclusion.is_some() || !facts.time_is_sure || facts.now >= *until);
        let ends = revoked.into_iter().chain(over).map(|end| self.anchor.against(end));
        ends.max_by_key(|in_time| match in_time {
            InTime::Before => 0,
            InTime::ByWord => 1,
            InTime::About => 2,
            InTime::After => 3,
        })
    }

    fn whole(&self, verdict: &mut Verdict) {
        if let Err(error) = check_form(self.notice) {
            let exit = if matches!(error, DraftError::NotOurs(_)) { 11 } else { 10 };
            let words = format!("It breaks a rule of notices: {error}.");
            return verdict.fails(Clause::Whole, error.code(), words, ASK_AGAIN, exit);
        }
        let same = self.notice.attachments.len() == self.attachments.len()
            && self.notice.attachments.iter().zip(self.attachments).all(|(named, bytes)| {
                u64::try_from(bytes.len()) == Ok(named.len) && sha256(bytes) == named.digest
            });
        if same {
            verdict.holds(Clause::Whole, "Nothing was added, altered or cut off.");
        } else {
            let words = "The attachments are not those that the sender signed.";
            verdict.fails(Clause::Whole, "POUCH-VER-24", words, ASK_AGAIN, 10);
        }
    }

    /// Nobody accepts what has expired. What expired since is kept for the record.
    fn time(&self, facts: &Facts<'_>, verdict: &mut Verdict) {
        let ahead = self.notice.created.0.saturating_sub(facts.now.0);
        if ahead > limits::CLOCK_SKEW_MS_MAX {
            let words = "It is dated in the future.";
            verdict.fails(Clause::Time, "POUCH-VER-50", words, "check this node's clock", 31);
        } else if self.anchor.against(self.notice.not_after) == InTime::After {
            let words = "It had expired before a relay accepted it, or a courier brought it.";
            verdict.fails(Clause::Time, "POUCH-VER-52", words, "ask the office whether it still holds", 13);
        } else if facts.now >= self.notice.not_after {
            let words = "It has expired: it is kept for the record and not to be acted on.";
            verdict.unsure(Clause::Time, "POUCH-VER-51", words, "ask the office whether it still holds", 13);
        } else {
            verdict.holds(Clause::Time, "It is current.");
        }
    }
}
