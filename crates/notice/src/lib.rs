//! The inside of a message: drafted, approved, signed, sealed; opened, verified, shown.
//!
//! Each step consumes the one before. What may be shown is a [`Verified`]; nothing else has the words
//! of a notice in it, and only [`Opened::verify`] makes one.

mod approval;
pub mod body;
mod characters;
mod confirmation;
mod content;
mod courier;
mod draft;
mod evidence;
mod form;
mod freshness;
mod in_time;
mod inside;
mod joint;
mod joint_file;
mod key_doubt;
mod lines;
mod logged;
mod notice;
mod open;
mod order;
mod outside;
mod printed;
mod receipt;
mod release;
mod safe_text;
mod seal;
mod sender_watch;
pub mod sentences;
mod sequence;
mod spoken;
mod standing;
mod stanza;
mod template;
mod unheard;
mod verdict;
mod verify;

pub use approval::Approval;
pub use body::{Body, Moment};
pub use confirmation::Confirmation;
pub use content::Content;
pub use courier::{CourierFile, CourierRefused, Excerpt};
pub use draft::{Approved, Draft, Signed, SignedNotice, usual_life_ms, year_of};
pub use evidence::{Answer, EvidenceFile, EvidenceRefused, Proven};
pub use form::{DraftError, check_form};
pub use freshness::{AMBER_AFTER_MS, Doubt, Freshness, RED_AFTER_MS, WARN_AFTER_MS, compared};
pub use in_time::{InTime, by_word};
pub use joint::{JointSignature, JointState, LeftOut, Uncounted, proposed};
pub use joint_file::{JointFile, JointProven, JointRefused};
pub use key_doubt::{KeyDoubt, key_doubt};
pub use lines::{OpenGap, SenderLines};
pub use logged::{NotLogged, prove_logged};
pub use notice::{Attachment, NotANumber, Notice, NoticeNumber, Reference};
pub use open::{OpenError, Opened, open, reopen};
pub use order::Order;
pub use printed::{Preview, preview, printed, printed_own, span};
pub use receipt::{RecipientReceipt, Said};
pub use release::{OutOfMandate, Release, within_mandate};
pub use safe_text::visible;
pub use seal::{Route, SealError, SealTo, SealedOut, seal, seal_with_secrets};
pub use sender_watch::{
    Around, Came, GAP_AFTER, GAP_AFTER_BUSY, GAP_AFTER_POOR, GRACE, NotNewer, SILENT_AFTER, SenderWatch,
    TOOK_BACK_FOR, Turn,
};
pub use sequence::SequenceState;
pub use spoken::{NotHeard, compare_spoken, spoken_check};
pub use standing::{Effect, Misquote, Standing, effect, standing};
pub use stanza::StanzaSecret;
pub use template::{FieldsError, body_from_toml, body_to_toml, fields_from_text, template};
pub use unheard::{SETTLED_AFTER, Unheard};
pub use verdict::{ALL_HOLD, Clause, ClauseResult, Colour, State, Verdict};
pub use verify::{Facts, Refused, Verified, fails_by_its_time};
