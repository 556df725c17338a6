//! The directory: founded by a charter, grown by statements, and the same for everyone.

use std::collections::BTreeSet;
use std::sync::Arc;

use pouch_crypto::{Context, Domain, sha256};
use pouch_tlog::{LeafHash, MemoryTree};
use pouch_wire::{Canonical as _, Digest, Environment, KeyId, Member, NetworkId, Timestamp};

use crate::apply::{NetworkRules, Outcome, log_services, quorum, services, thresholds};
use crate::charter::{Charter, CharterFile, SignedCharter};
use crate::confusable::confusable;
use crate::plain::unplain_of_charter;
use crate::policies::policies;
use crate::refusal::CharterRefused as Refused;
use crate::state::{MemberRecord, Network, Service, State};
use crate::view::View;

/// Who is a member, which key speaks for which office with which mandate, and since when.
#[derive(Debug, Clone)]
pub struct Directory {
    network: NetworkId,
    charter: Arc<Charter>,
    pub(crate) founding: Network,
    pub(crate) size: u64,
    /// The tree of the log that was folded.
    pub(crate) tree: MemoryTree,
    pub(crate) state: State,
}

impl Directory {
    /// The directory of a charter alone: one entry.
    ///
    /// # Errors
    /// When the charter is not signed by every founder, or breaks a rule.
    pub fn found(signed: &SignedCharter) -> Result<Self, Refused> {
        let charter = Charter::from_bytes(&signed.charter).map_err(Refused::Malformed)?;
        if charter.version != 1 {
            return Err(Refused::Version(charter.version));
        }
        if let Some(name) = unplain_of_charter(&charter) {
            return Err(Refused::NotPlain(name.to_owned()));
        }
        check_members(&charter)?;
        check_network(&charter)?;
        check_keys(&charter)?;
        check_signatures(&charter, signed)?;
        let founding = Network {
            directory_log: charter.directory_log.clone(),
            relays: charter.relays.to_vec(),
            witnesses: charter.witnesses.to_vec(),
            quorum: charter.quorum,
            thresholds: charter.thresholds,
            policies: policies(&charter.directory_log, &charter.relays, &charter.witnesses, charter.quorum)
                .map_err(Refused::Names)?,
        };
        // A charter that is too large for an entry stands in no log.
        let entry = signed.to_bytes().unwrap_or_default();
        let mut directory = Self {
            network: NetworkId(sha256(&signed.charter)),
            charter: Arc::new(charter),
            founding,
            size: 1,
            tree: [LeafHash::of(&entry)].into_iter().collect(),
            state: State::default(),
        };
        directory.begin();
        Ok(directory)
    }

    fn begin(&mut self) {
        let charter = self.charter.clone();
        self.bind_services(charter_services(&charter));
        for founder in &charter.founders {
            self.put_member(
                0,
                MemberRecord {
                    member: founder.member.clone(),
                    name: founder.name.clone(),
                    root: founder.root,
                    next_root: founder.next_root,
                    suspended: false,
                },
            );
        }
        self.state.network.set(0, self.founding.clone());
        self.state.log_time = charter.created;
    }

    /// The network's id: SHA-256 of the charter's bytes.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// The charter.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// How many entries were folded.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the log's first `size` entries; `None` when fewer were folded.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        self.tree.root_at(size).ok()
    }

    /// The context of signatures in an environment of this network.
    #[must_use]
    pub fn context(&self, environment: Environment) -> Context {
        Context::of(self.network, environment)
    }

    /// The directory as it is now.
    #[must_use]
    pub const fn now_view(&self) -> View<'_> {
        View::new(self, self.size)
    }

    /// The directory as if only its first `size` entries were there (or all, when it has fewer).
    #[must_use]
    pub fn as_of(&self, size: u64) -> View<'_> {
        View::new(self, size.clamp(1, self.size))
    }

    /// Until when the member can veto a recovery of its root that waits, by the newest entry.
    #[must_use]
    pub fn recovery_waits_until(&self, member: &Member) -> Option<Timestamp> {
        self.state.recoveries.get(member).map(|recovery| recovery.effective)
    }

    /// A digest of everything that the fold knows: two folds of one log agree in it.
    #[must_use]
    pub fn state_digest(&self) -> Digest {
        sha256(format!("{:?}", (&self.network, self.size, &self.state)).as_bytes())
    }
}

impl CharterFile {
    /// Founds the directory and takes the first statements, all of which must have an effect.
    ///
    /// # Errors
    /// When the charter is not good, or a first statement has no effect.
    pub fn found(&self) -> Result<Directory, Refused> {
        let mut directory = Directory::found(&self.charter)?;
        for statement in &self.first_statements {
            let index = directory.size();
            if let Outcome::NoEffect(refused) = directory.apply(index, statement) {
                return Err(Refused::FirstStatement(index, refused));
            }
        }
        Ok(directory)
    }
}

fn check_members(charter: &Charter) -> Result<(), Refused> {
    if charter.founders.len() < 2 {
        return Err(Refused::TooFew);
    }
    for (place, founder) in charter.founders.iter().enumerate() {
        if charter
            .founders
            .iter()
            .skip(place.saturating_add(1))
            .any(|f| confusable(&f.member, &founder.member))
        {
            return Err(Refused::Confusable(founder.member.clone()));
        }
    }
    thresholds(&charter.thresholds, charter.founders.len()).map_err(Refused::Thresholds)
}

fn check_network(charter: &Charter) -> Result<(), Refused> {
    if charter.relays.is_empty() {
        return Err(Refused::Relays);
    }
    quorum(charter.quorum, charter.witnesses.len()).map_err(|()| Refused::Quorum)?;
    let rules = NetworkRules { relays: &charter.relays, witnesses: &charter.witnesses };
    rules.check(&charter.directory_log).map_err(Refused::Names)
}

fn charter_services(charter: &Charter) -> Vec<(KeyId, Service)> {
    let mut keys = services(&charter.relays, &charter.witnesses);
    keys.extend(log_services(&charter.directory_log));
    keys
}

fn check_keys(charter: &Charter) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    let founders = charter.founders.iter().flat_map(|f| [f.root.id(), f.next_root]);
    for key in charter_services(charter).into_iter().map(|(key, _)| key).chain(founders) {
        if !seen.insert(key) {
            return Err(Refused::KeyTwice(key));
        }
    }
    Ok(())
}

fn check_signatures(charter: &Charter, signed: &SignedCharter) -> Result<(), Refused> {
    for founder in &charter.founders {
        let mut own = signed.signatures.iter().filter(|s| s.member == founder.member).peekable();
        if own.peek().is_none() {
            return Err(Refused::Unsigned(founder.member.clone()));
        }
        for signature in own {
            founder
                .root
                .verify(Domain::Charter, &Context::CHARTER, &signed.charter, &signature.signature)
                .map_err(|_| Refused::BadSignature(founder.member.clone()))?;
        }
    }
    let stranger = signed.signatures.iter().find(|s| !charter.founders.iter().any(|f| f.member == s.member));
    stranger.map_or(Ok(()), |s| Err(Refused::BadSignature(s.member.clone())))
}
