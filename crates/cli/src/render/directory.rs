//! Who is who, how many must agree to what, and what waits.

use pouch_control::{DirectoryView, MemberView};
use pouch_directory::Thresholds;
use pouch_wire::Timestamp;

use super::{counted, safe};
use crate::clock::{age, utc};

pub(crate) fn directory(view: &DirectoryView, now: Timestamp) -> String {
    let witnessed = match view.cosigned_at {
        Some(at) => format!("witnessed {}", age(at, now)),
        None => "not witnessed yet".into(),
    };
    let mut lines = vec![format!(
        "{}: {} entries, {witnessed} by at least {} of {} witnesses",
        safe(&view.name),
        view.size,
        view.quorum,
        view.witnesses.len()
    )];
    if let Some(t) = &view.thresholds {
        let t = Thresholds {
            admission: t.admission,
            network: t.network,
            recovery: t.recovery,
            recovery_after_veto: t.recovery_after_veto,
            recovery_delay_ms: t.recovery_delay_ms,
        };
        lines.push(t.words());
    }
    for member in &view.members {
        let suspended = if member.suspended { "  SUSPENDED" } else { "" };
        lines.push(format!(
            "{}  {}{suspended}  root {}",
            member.member,
            safe(&member.name),
            member.root.short()
        ));
        lines.extend(recovery(member));
        for point in &member.contact_points {
            lines.push(format!(
                "  {}  {}  telephone {}",
                point.contact_point,
                safe(&point.name),
                safe(&point.telephone)
            ));
            lines.push(format!(
                "    key {} since entry {} ({})",
                point.signing_key.short(),
                point.since_index,
                age(point.since, now)
            ));
            lines.push(format!("    digits {}", point.fingerprint));
            lines.push(format!("    may: {}", safe(&point.mandate)));
            lines.push(format!(
                "    collects at {}; {} usable now",
                safe(&point.home_relays.join(", ")),
                counted(point.live_prekeys, "sealing key")
            ));
            if !point.officers.is_empty() {
                lines.push(format!("    officers: {}", safe(&point.officers.join(", "))));
            }
        }
    }
    lines.join("\n")
}

/// What waits for a member's root, and what was refused it.
fn recovery(member: &MemberView) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(waiting) = &member.recovery {
        let endorsers: Vec<&str> = waiting.endorsers.iter().map(|m| m.as_str()).collect();
        lines.push(format!(
            "  RECOVERY WAITS since entry {}: new root {}, endorsed by {}",
            waiting.index,
            waiting.new_root.short(),
            endorsers.join(", ")
        ));
        lines.push(format!(
            "    can take effect from {} on, with the next entry of a member that did not endorse it; until it has, {}'s \
             next root stops it: pouch keys veto",
            utc(waiting.effective),
            member.member
        ));
    }
    lines.extend(
        member
            .vetoed
            .map(|index| format!("  vetoed a recovery by entry {index}: the next needs more members")),
    );
    lines
}
