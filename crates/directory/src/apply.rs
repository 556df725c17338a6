//! The fold: what each statement does, and every rule that it must keep.
//!
//! Pure and total: the same log gives the same directory everywhere, whatever a hostile log holds. A
//! statement that breaks a rule is counted and has no effect: every act judges first and changes after.

mod exercises;
mod keys;
mod members;
mod network;
mod offices;
mod prekeys;
mod roots;
mod signed;
mod time;

use std::collections::BTreeSet;

use pouch_crypto::sha256;
use pouch_tlog::LeafHash;
use pouch_wire::{Canonical as _, Digest, Environment, ExerciseId, Member};

pub(crate) use network::{NetworkRules, changed, log_services, quorum, services, thresholds};

use crate::directory::Directory;
use crate::plain::unplain_of_act;
use crate::refusal::StatementRefused as Refused;
use crate::state::{MemberRecord, Revocation};
use crate::statement::{Act, SignedStatement, Statement};
use exercises::NewExercise;
use signed::Signed;

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It had its effect.
    Applied,
    /// It stays in the log without one.
    NoEffect(Refused),
}

/// The members whose keys signed what had an effect.
type Speakers = BTreeSet<Member>;

/// A statement that was judged good, and what it will change. It borrows nothing of the directory: who
/// judges changes nothing, and who changes has judged before.
struct Judged<'a> {
    speakers: Speakers,
    effect: Box<dyn FnOnce(&mut Directory) + 'a>,
}

impl<'a> Judged<'a> {
    fn new(speakers: impl IntoIterator<Item = Member>, effect: impl FnOnce(&mut Directory) + 'a) -> Self {
        Self { speakers: speakers.into_iter().collect(), effect: Box::new(effect) }
    }
}

/// An entry that is well-formed, not yet judged.
struct Read {
    envelope: SignedStatement,
    statement: Statement,
    digest: Digest,
}

impl Directory {
    /// Whether an entry would have an effect, if it came next.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, entry: &[u8]) -> Result<(), Refused> {
        let read = self.read(entry)?;
        let signed = Signed::new(self.context(Environment::Live), &read.envelope)?;
        self.judge(self.size(), &read.statement, &signed, read.digest).map(|_| ())
    }

    /// Takes the next entry of the log; `index` is its place there.
    pub fn apply(&mut self, index: u64, entry: &[u8]) -> Outcome {
        let outcome = match self.enter(index, entry) {
            Ok(()) => Outcome::Applied,
            Err(refused) => Outcome::NoEffect(refused),
        };
        self.size = index.saturating_add(1);
        self.tree.append(LeafHash::of(entry));
        outcome
    }

    fn enter(&mut self, index: u64, entry: &[u8]) -> Result<(), Refused> {
        let Read { envelope, statement, digest } = self.read(entry)?;
        let signed = Signed::new(self.context(Environment::Live), &envelope)?;
        let Judged { speakers, effect } = self.judge(index, &statement, &signed, digest)?;
        effect(self);
        self.state.seen.insert(digest, index);
        self.state.logged_from.insert(index, self.not_before(statement.created));
        self.tick(statement.created, &speakers);
        self.remember_change(&statement.act, statement.created);
        self.end_delays(index, statement.created, &speakers);
        Ok(())
    }

    fn read(&self, entry: &[u8]) -> Result<Read, Refused> {
        let envelope = SignedStatement::from_bytes(entry).map_err(Refused::Malformed)?;
        let statement = Statement::from_bytes(&envelope.statement).map_err(Refused::Malformed)?;
        if statement.network != self.network() {
            return Err(Refused::OtherNetwork);
        }
        if statement.created < self.charter().created {
            return Err(Refused::BeforeCharter);
        }
        if let Some(name) = unplain_of_act(&statement.act) {
            return Err(Refused::NotPlain(name.to_owned()));
        }
        let digest = sha256(&envelope.statement);
        if let Some(earlier) = self.state.seen.get(&digest) {
            return Err(Refused::Repeated(*earlier));
        }
        Ok(Read { envelope, statement, digest })
    }

    fn judge<'a>(
        &self,
        index: u64,
        statement: &'a Statement,
        signed: &Signed<'_>,
        digest: Digest,
    ) -> Result<Judged<'a>, Refused> {
        let created = statement.created;
        match &statement.act {
            Act::AdmitMember { member, name, root, next_root } => {
                let (member, name, next_root) = (member.clone(), name.clone(), *next_root);
                let record = MemberRecord { member, name, root: *root, next_root, suspended: false };
                self.admit(index, signed, record)
            }
            Act::AuthoriseContactPoint(entry) => self.authorise(index, signed, entry, created),
            Act::AuthoriseOfficer(entry) => self.authorise_officer(index, signed, entry),
            Act::SetReleaseRules { contact_point, rules } => {
                self.set_release_rules(index, signed, contact_point, rules)
            }
            Act::PublishPrekeys { contact_point, environment, prekeys } => {
                let place = (contact_point.clone(), *environment);
                self.publish_prekeys(index, signed, place, prekeys, created)
            }
            Act::RotateRoot { member, new_root, next_root } => {
                self.rotate_root(index, signed, member, *new_root, *next_root)
            }
            Act::RecoverRoot { member, new_root, next_root } => {
                self.recover_root(index, signed, member, (*new_root, *next_root), created)
            }
            Act::VetoRecovery { member, next_root } => self.veto(index, signed, member, next_root),
            Act::RevokeKey { key, reason, effective } => {
                let revocation = Revocation { index, created, reason: *reason, effective: *effective };
                self.revoke(signed, *key, revocation)
            }
            Act::OpenExercise { name, participants, from, until } => {
                let exercise = NewExercise { name, participants, from: *from, until: *until };
                self.open_exercise(index, signed, &exercise, ExerciseId(digest))
            }
            Act::CloseExercise { exercise } => self.close_exercise(index, signed, *exercise),
            Act::SuspendMember { member, .. } => self.suspend(index, signed, member, (true, created)),
            Act::ReinstateMember { member } => self.suspend(index, signed, member, (false, created)),
            Act::ChangeNetwork(change) => self.change_network(index, signed, change),
        }
    }
}
