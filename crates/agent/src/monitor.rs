//! Watches the directory for statements about this node's own member: whoever holds the root key, or
//! stole it, is seen by the state whose key it is.

use pouch_directory::{Act, SignedStatement, Statement};
use pouch_wire::{Canonical as _, ContactPoint};

/// What a statement does to our member, in words; `None` when it concerns others, or is daily business.
pub(crate) fn about_us(entry: &[u8], me: &ContactPoint) -> Option<String> {
    let signed = SignedStatement::from_bytes(entry).ok()?;
    let statement = Statement::from_bytes(&signed.statement).ok()?;
    let ours = |point: &ContactPoint| point.member == me.member;
    match &statement.act {
        Act::AuthoriseContactPoint(entry) if ours(&entry.contact_point) => {
            Some(format!("{} signs with key {}", entry.contact_point, entry.signing.id().short()))
        }
        Act::AuthoriseOfficer(entry) if ours(&entry.contact_point) => {
            Some("an officer was authorised".to_owned())
        }
        Act::SetReleaseRules { contact_point, .. } if ours(contact_point) => {
            Some("the release rules were changed".to_owned())
        }
        Act::RotateRoot { member, .. } if *member == me.member => Some("the root key was rotated".to_owned()),
        Act::RecoverRoot { member, .. } if *member == me.member => {
            Some("others began to recover our root key; veto it if we did not ask".to_owned())
        }
        Act::VetoRecovery { member, .. } if *member == me.member => Some("a recovery was vetoed".to_owned()),
        Act::SuspendMember { member, .. } if *member == me.member => Some("we were suspended".to_owned()),
        Act::ReinstateMember { member } if *member == me.member => Some("we were reinstated".to_owned()),
        _ => None,
    }
}
