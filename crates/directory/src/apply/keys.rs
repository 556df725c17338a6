//! Revocation: a key speaks for nobody any more, for ever.

use pouch_wire::{KeyId, Member};

use super::Judged;
use super::signed::Signed;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{Revocation, Role};

impl Directory {
    pub(super) fn revoke<'a>(
        &self,
        signed: &Signed<'_>,
        key: KeyId,
        revocation: Revocation,
    ) -> Result<Judged<'a>, Refused> {
        self.not_revoked(key)?;
        let owner = self.owner(key).ok_or(Refused::NotYourKey(key))?;
        let record = self.active(&owner)?;
        // A root is revoked by rotating away from it, not by itself; and the root that waits to replace
        // a stolen one is out of the thief's reach.
        let waiting = self.state.recoveries.get(&owner);
        let waits = waiting.is_some_and(|r| r.new_root.id() == key || r.next_root == key);
        if record.root.id() == key || record.next_root == key || waits {
            return Err(Refused::NotYourKey(key));
        }
        signed.by(&record.root).map_err(|error| match error {
            Refused::NotSignedBy(_) => Refused::NotYourKey(key),
            other => other,
        })?;
        Ok(Judged::new([owner], move |directory| {
            let transports = directory.state.transports.iter_mut();
            for (_, history) in transports.filter(|(public, _)| public.id() == key) {
                history.end(revocation.index);
            }
            directory.state.revoked.insert(key, revocation);
        }))
    }

    /// Whose key it is; `None` for keys of relays, logs and witnesses, which the members replace together.
    fn owner(&self, key: KeyId) -> Option<Member> {
        match self.state.roles.get(&key)? {
            Role::Service(_) => None,
            Role::Root(member) => Some(member.clone()),
            Role::Transport(point)
            | Role::Signing(point, _)
            | Role::Officer(point, _)
            | Role::Prekey(point, _) => Some(point.member.clone()),
        }
    }
}
