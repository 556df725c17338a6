//! The local API between an agent and its users: calls, answers and plain views.
//!
//! A view is what may be shown; nothing here can make one out of something unverified, because
//! nothing here sees a notice. The socket is a Unix socket of mode 0600: whoever can open it is the
//! operator. Each connection carries one call as one line of JSON; the answer is one line, or, for
//! [`Call::Watch`], a line per event until either side hangs up.

mod bytes;
mod call;
mod client;
mod courier;
mod disputes;
mod exercises;
mod joint;
mod line;
mod member;
mod rejudged;
mod server;
mod view;

pub use bytes::Bytes;
pub use call::{Answer, AttachmentFile, Call, Compose, Refusal, Selection};
pub use client::{Client, ClientError, Events};
pub use courier::{
    CourierArrival, CourierDirectory, CourierDirectoryTaken, CourierFileView, CourierImported,
    CourierMessage, CourierOutcome, CourierSelection, CourierWritten,
};
pub use disputes::{BrokenPromiseView, ContradictionView, DisputesView, Finding, ForkView};
pub use exercises::{ExerciseView, JoinedView};
pub use joint::{JointSignatureView, JointView, NotCountedView};
pub use line::{LINE_BYTES_MAX, LineError};
pub use member::{GovernanceView, OfficeView, OfficerView, RuleView};
pub use rejudged::{DoubtedView, RejudgedView};
pub use server::{Connection, Server, ServerError};
pub use view::{
    AttachmentView, CheckView, ContactPointView, DirectoryView, DraftView, EntryView, EquivocationView,
    Event, EventKind, GapView, InboxRow, KeyView, LadderRow, MemberView, NoticeView, OutboxRow, OutsideView,
    PeerView, RecoveryView, Rung, StatusView, ThresholdsView, VerdictView, WitnessView,
};
