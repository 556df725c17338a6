//! Who signed a joint statement, and whether it is in force.

use pouch_control::JointView;

use super::{drill, safe};
use crate::clock::utc;

pub(crate) fn joint(view: &JointView) -> String {
    let force = if view.in_force { "IN FORCE" } else { "PROPOSED, NOT IN FORCE" };
    let invited: Vec<&str> = view.invited.iter().map(|member| member.as_str()).collect();
    let mut lines = vec![
        format!("{}{}  {}: {force}", drill(view.exercise.as_ref()), safe(&view.number), safe(&view.subject)),
        format!("  {}", safe(&view.sentence)),
        format!("  {} of {} must sign; id {}", view.threshold, invited.join(", "), view.statement),
    ];
    lines.extend(view.text.lines().map(|line| format!("  | {}", safe(line))));
    lines.extend(view.signed.iter().map(|signature| {
        let (by, number) = (&signature.contact_point, safe(&signature.number));
        format!("  signed by {by} with {number}, {}", utc(signature.at))
    }));
    lines.extend(view.not_counted.iter().map(|left| {
        let notice = left.notice.map(|id| format!(" {}", id.short())).unwrap_or_default();
        let (by, why, code) = (&left.contact_point, safe(&left.why), safe(&left.code));
        format!("  NOT COUNTED: {by}{notice}: {why} ({code})")
    }));
    lines.join("\n")
}
