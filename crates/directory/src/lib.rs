//! Who is a member, which key speaks for which office with which mandate, and since when.
//!
//! Trust starts from a charter that travelled by hand; everything later is a statement in a witnessed
//! log. Folding the log is pure: the same entries give everyone the same directory, and an entry that
//! breaks a rule has no effect anywhere. Nothing here has a clock, a file or a socket.

mod answers;
mod apply;
mod ceremonies;
mod charter;
mod confusable;
mod consequences;
mod directory;
mod governance;
mod mandate;
mod message_log;
mod period;
mod plain;
mod policies;
mod refusal;
mod sign;
mod state;
mod statement;
mod timing;
mod view;
mod words;

pub use answers::{Authority, KeyPeriod, NotInRole, OfficerAuthority, TransportOwner};
pub use apply::Outcome;
pub use ceremonies::WaitingRecovery;
pub use charter::{
    Charter, CharterFile, CharterSignature, Founder, LogKeys, Relay, SignedCharter, Thresholds, Witness,
};
pub use directory::Directory;
pub use governance::OfficerRecord;
pub use mandate::{Audience, Mandate, ReleaseRule};
pub use plain::is_person;
pub use refusal::{CharterRefused, StatementRefused};
pub use state::{Exercise, MemberRecord, Revocation};
pub use statement::{
    Act, ContactPointEntry, DisplayName, NetworkChange, OfficerEntry, Prekey, RevocationReason,
    SignedStatement, Statement, StatementSignature,
};
pub use view::View;
