//! What a change of the network means for those whom it does not name: what becomes different from now, who must
//! hold which keys, whose messages lose their place.

use pouch_wire::{ContactPoint, Environment};

use crate::apply::changed;
use crate::refusal::StatementRefused as Refused;
use crate::statement::NetworkChange;
use crate::view::View;

impl View<'_> {
    /// The relay that keeps the directory log, and the one that would by a change, when they are two.
    #[must_use]
    pub fn another_first(&self, change: &NetworkChange) -> Option<(String, String)> {
        let after = changed(self.network(), change).ok()?;
        let (old, new) = (self.relays().first()?, after.relays.first()?);
        (old.name != new.name).then(|| (old.name.to_string(), new.name.to_string()))
    }

    /// What a change means, in words, one line each. Names in it are as they were written.
    ///
    /// # Errors
    /// When it is about another state of the network, or makes none.
    pub fn consequences(&self, change: &NetworkChange) -> Result<Vec<String>, Refused> {
        let since = self.network_since();
        if change.since != since {
            return Err(Refused::NetworkChanged(change.since, since));
        }
        let (before, after) = (self.network(), changed(self.network(), change)?);
        let mut lines = Vec::new();
        lines.push(differs(
            "quorum",
            &format!("{} of {}", before.quorum, before.witnesses.len()),
            &format!("{} of {}", after.quorum, after.witnesses.len()),
        ));
        let witnesses = after.witnesses.len();
        if witnesses >= usize::from(after.quorum).saturating_mul(2) {
            lines.push(format!(
                "WARNING: {} of {witnesses} is half or less: two groups of witnesses that share none could each vouch \
                 for another directory, and nobody who sees one of them alone would notice",
                after.quorum
            ));
        }
        let (old, new) = (before.thresholds, after.thresholds);
        for (what, was, becomes) in [
            ("members for an admission", u64::from(old.admission), u64::from(new.admission)),
            ("members for a change of the network", u64::from(old.network), u64::from(new.network)),
            ("members for a recovery", u64::from(old.recovery), u64::from(new.recovery)),
            (
                "members for a recovery after a veto",
                u64::from(old.recovery_after_veto),
                u64::from(new.recovery_after_veto),
            ),
            ("milliseconds that a recovery waits", old.recovery_delay_ms, new.recovery_delay_ms),
        ] {
            if was != becomes {
                lines.push(differs(what, &was.to_string(), &becomes.to_string()));
            }
        }
        if old == new {
            lines.push("thresholds: as they are".to_owned());
        }
        if let (Some(was), Some(first)) = (before.relays.first(), after.relays.first()) {
            let log = &after.directory_log;
            let keys = format!("{} and {}", log.ed25519.id(), log.mldsa.id());
            let fresh = if *log == before.directory_log { "present" } else { "new" };
            if was.name != first.name {
                lines.push(format!(
                    "{} keeps the directory log no more, and {} does: it decides what comes in, and in which order",
                    &*was.name, &*first.name
                ));
            }
            if was != first || *log != before.directory_log {
                lines.push(format!(
                    "whoever runs {} must hold the {fresh} keys of the directory log when it is in effect: {keys}",
                    &*first.name
                ));
            }
            if was.transport != first.transport && *log == before.directory_log {
                lines.push(format!("whoever ran {} until then still has copies of those keys", &*was.name));
            }
        }
        let stays = |name: &str| after.relays.iter().any(|relay| *relay.name == *name);
        lines.extend(self.homeless(stays).into_iter().map(|point| {
            format!("{point} collects at no relay that stays: give it another one before, or it gets nothing")
        }));
        Ok(lines)
    }

    /// Offices that collect at relays of which none stays.
    fn homeless(&self, stays: impl Fn(&str) -> bool) -> Vec<ContactPoint> {
        let offices = self.contact_points(Environment::Live);
        let lost = offices.filter(|office| {
            let had = office.home_relays.iter().any(|name| self.relay(name).is_some());
            had && !office.home_relays.iter().any(|name| stays(name))
        });
        lost.map(|office| office.contact_point.clone()).collect()
    }
}

fn differs(what: &str, was: &str, becomes: &str) -> String {
    if was == becomes {
        format!("{what}: {was}, as it is")
    } else {
        format!("{what}: {was} now, {becomes} then")
    }
}
