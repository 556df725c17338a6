//! What is told of a notice that came: that it is there, that one officer released it alone, what it
//! confirms.

use pouch_control::EventKind;
use pouch_notice::{Confirmation, Notice, Verified};
use pouch_store::Inbox as _;
use pouch_wire::NoticeType;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// Whether it corrects, withdraws or confirms another notice: it is read whenever that is.
pub(super) fn amends(notice: &Notice) -> bool {
    matches!(notice.notice_type(), NoticeType::Correction | NoticeType::Cancellation) || notice.confirms()
}

/// One officer alone released it. Another office of our own state has to hear of that.
pub(super) fn emergency(verified: &Verified<Notice>, desk: &Desk) -> Option<Happening> {
    let notice = verified.value();
    let release = verified.release().filter(|release| release.is_break_glass(notice.break_glass))?;
    let (number, needed) = (notice.full_number(), release.needed);
    let what = format!("{number} was released by one officer in an emergency, where {needed} must approve");
    Some(if notice.sender.member == desk.me.member {
        let words = format!("our own office's {what}: make sure that the holder of our root key knows");
        Happening::new(EventKind::Alarm, "POUCH-MEM-09", words)
    } else {
        Happening::new(EventKind::Key, "POUCH-MEM-14", what)
    })
}

/// A notice of the same office that confirms one that we have.
pub(super) async fn confirms(
    verified: &Verified<Notice>,
    desk: &Desk,
) -> Result<Option<Happening>, AgentError> {
    let Some(confirmation) = Confirmation::of(verified) else { return Ok(None) };
    let Some(named) = verified.value().concerns.as_ref() else { return Ok(None) };
    if !desk.store.has_notice(named.id).await? {
        return Ok(None);
    }
    let words = format!("{} confirms {named} again", confirmation.by());
    Ok(Some(Happening::new(EventKind::Key, "POUCH-MEM-12", words)))
}

pub(super) fn came(number: &str, notice: &Notice, again: bool, by_courier: bool) -> Happening {
    if again {
        let words =
            format!("{number} from {} came again in another envelope; it is shown once", notice.sender);
        return Happening::new(EventKind::Progress, "POUCH-AGT-24", words);
    }
    let carried = if by_courier { ", carried by courier" } else { "" };
    let precedence = notice.precedence.as_str().to_uppercase();
    let words = format!("{precedence} {number} from {}{carried}", notice.sender);
    Happening::new(EventKind::Received, "", words).numbered(number, notice.precedence)
}
