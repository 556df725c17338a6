//! A directory log as years of use leave it.

use std::collections::BTreeMap;

use pouch_crypto::{PrekeySecret, SigningKey, sha256};
use pouch_directory::{
    Act, ContactPointEntry, Directory, NetworkChange, OfficerEntry, Outcome, Prekey, ReleaseRule,
    RevocationReason, SignedCharter, Statement,
};
use pouch_wire::{
    Canonical as _, ContactPoint, Environment, ExerciseId, List, Member, NoticeType, Precedence, Set,
    Timestamp,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::founding::{Made, charter, mandate, seed, text, witness, wrong};

/// 2026-11-24T03:00:00Z.
pub(crate) const FOUNDED: u64 = 1_795_489_200_000;
pub(crate) const DAY: u64 = 24 * 3600 * 1000;
const MEMBERS: u8 = 20;
const OFFICES: [&str; 2] = ["policy", "technical"];
/// More than half of the founders.
pub(crate) const ADMISSION: u8 = 11;
pub(crate) const NETWORK: u8 = 15;

/// A log, and how many of its statements do what.
pub(crate) struct Grown {
    pub(crate) charter: SignedCharter,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) kinds: BTreeMap<&'static str, u32>,
}

/// An office with the key that signs for it now.
struct Office {
    point: ContactPoint,
    member: usize,
    signing: SigningKey,
}

/// A member's root, and the one that it committed to.
pub(crate) struct Roots {
    pub(crate) member: Member,
    pub(crate) current: SigningKey,
    pub(crate) next: SigningKey,
}

struct Gardener {
    rng: StdRng,
    directory: Directory,
    entries: Vec<Vec<u8>>,
    kinds: BTreeMap<&'static str, u32>,
    now: u64,
    roots: Vec<Roots>,
    offices: Vec<Office>,
    officers: Vec<(usize, SigningKey)>,
    exercise: Option<(ExerciseId, usize)>,
    suspended: Option<usize>,
    made: u64,
}

/// Grows a log of so many statements, each with an effect.
pub(crate) fn grow(statements: u32, random: u64) -> Made<Grown> {
    let codes = (0..MEMBERS).map(|n| format!("{}{}", char::from(b'A'.saturating_add(n)), 'Q'));
    let roots = codes
        .map(|code| {
            Ok(Roots {
                member: code.parse().map_err(wrong)?,
                current: SigningKey::from_seed(&seed(&format!("{code} root"))),
                next: SigningKey::from_seed(&seed(&format!("{code} next root"))),
            })
        })
        .collect::<Made<Vec<Roots>>>()?;
    let charter = charter(&roots)?;
    let mut gardener = Gardener {
        rng: StdRng::seed_from_u64(random),
        directory: Directory::found(&charter).map_err(wrong)?,
        entries: Vec::new(),
        kinds: BTreeMap::new(),
        now: FOUNDED,
        roots,
        offices: Vec::new(),
        officers: Vec::new(),
        exercise: None,
        suspended: None,
        made: 0,
    };
    gardener.offices()?;
    while u32::try_from(gardener.entries.len()).is_ok_and(|have| have < statements) {
        gardener.one()?;
    }
    let Gardener { entries, kinds, .. } = gardener;
    Ok(Grown { charter, entries, kinds })
}

impl Gardener {
    fn key(&mut self) -> SigningKey {
        self.made = self.made.saturating_add(1);
        SigningKey::from_seed(&seed(&format!("key {}", self.made)))
    }

    fn any(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below.max(1))
    }

    /// Enters a statement, which must have an effect.
    fn enter(&mut self, kind: &'static str, act: Act, keys: &[&SigningKey]) -> Made<()> {
        let nonce = sha256(&self.directory.size().to_be_bytes());
        let network = self.directory.network();
        let statement = Statement { network, created: Timestamp(self.now), nonce, act };
        let entry = statement.sign(keys).map_err(wrong)?.to_bytes().map_err(wrong)?;
        let index = self.directory.size();
        if let Outcome::NoEffect(refused) = self.directory.apply(index, &entry) {
            return Err(format!("entry {index} ({kind}) has no effect: {refused}"));
        }
        self.entries.push(entry);
        let count = self.kinds.entry(kind).or_default();
        *count = count.saturating_add(1);
        Ok(())
    }

    /// A statement that a member's root alone signs.
    fn by_root(&mut self, kind: &'static str, member: usize, act: Act) -> Made<()> {
        let root = self.roots.get(member).ok_or("no member")?.current.seed();
        self.enter(kind, act, &[&SigningKey::from_seed(&root)])
    }

    /// A statement that so many members sign, `except` not among them, and a key more.
    fn together(
        &mut self,
        kind: &'static str,
        act: Act,
        needed: u8,
        except: Option<usize>,
        more: Option<&SigningKey>,
    ) -> Made<()> {
        let able = self.roots.iter().enumerate();
        let able = able.filter(|(n, _)| Some(*n) != except && Some(*n) != self.suspended);
        let seeds: Vec<SigningKey> = able
            .take(usize::from(needed))
            .map(|(_, roots)| SigningKey::from_seed(&roots.current.seed()))
            .collect();
        self.enter(kind, act, &seeds.iter().chain(more).collect::<Vec<_>>())
    }

    fn entry(&self, point: &ContactPoint, signing: &SigningKey) -> Made<ContactPointEntry> {
        Ok(ContactPointEntry {
            contact_point: point.clone(),
            environment: Environment::Live,
            signing: signing.public(),
            transport: SigningKey::from_seed(&seed(&format!("{point} transport"))).public(),
            home_relays: List::new(vec![text("relay-1")?]).map_err(wrong)?,
            telephone: text("+31 70 555 0100")?,
            display_names: Set::default(),
            mandate: mandate()?,
        })
    }

    fn offices(&mut self) -> Made<()> {
        for member in 0..self.roots.len() {
            for office in OFFICES {
                let code = self.roots.get(member).ok_or("no member")?.member.clone();
                let point: ContactPoint = format!("{code}/{office}").parse().map_err(wrong)?;
                let signing = self.key();
                let entry = self.entry(&point, &signing)?;
                self.by_root("office", member, Act::AuthoriseContactPoint(Box::new(entry)))?;
                self.offices.push(Office { point, member, signing });
            }
        }
        Ok(())
    }

    /// A round of the network's life: a day in which every office enters a sealing key, and something else
    /// happens now and then.
    fn one(&mut self) -> Made<()> {
        self.now = self.now.saturating_add(DAY);
        for office in 0..self.offices.len() {
            self.sealing_key(office)?;
        }
        for _ in 0..8 {
            match self.rng.random_range(0..100_u8) {
                0..35 => self.new_signing_key()?,
                35..60 => self.officer()?,
                60..82 => self.revocation()?,
                82..92 => self.rules()?,
                92..95 => self.drill()?,
                95..97 => self.root()?,
                97..99 => self.suspension()?,
                _ => self.network()?,
            }
        }
        Ok(())
    }

    fn sealing_key(&mut self, office: usize) -> Made<()> {
        let Office { point, member, signing } = self.offices.get(office).ok_or("no office")?;
        if Some(*member) == self.suspended {
            return Ok(());
        }
        let (contact_point, signing) = (point.clone(), SigningKey::from_seed(&signing.seed()));
        let secret = PrekeySecret::from_seed(&seed(&format!("{contact_point} prekey {}", self.now)));
        let from = self.now.saturating_add(DAY.saturating_mul(3));
        let prekey = Prekey {
            public: secret.public().clone(),
            usable_from: Timestamp(from),
            usable_until: Timestamp(from.saturating_add(DAY)),
        };
        let prekeys = List::new(vec![prekey]).map_err(wrong)?;
        let act = Act::PublishPrekeys { contact_point, environment: Environment::Live, prekeys };
        self.enter("sealing key", act, &[&signing])
    }

    fn office_that_speaks(&mut self) -> usize {
        loop {
            let office = self.any(self.offices.len());
            let speaks = self.offices.get(office).is_some_and(|o| Some(o.member) != self.suspended);
            if speaks {
                return office;
            }
        }
    }

    fn new_signing_key(&mut self) -> Made<()> {
        let which = self.office_that_speaks();
        let signing = self.key();
        let office = self.offices.get_mut(which).ok_or("no office")?;
        let (point, member) = (office.point.clone(), office.member);
        office.signing = SigningKey::from_seed(&signing.seed());
        let entry = self.entry(&point, &signing)?;
        self.by_root("signing key", member, Act::AuthoriseContactPoint(Box::new(entry)))
    }

    fn officer(&mut self) -> Made<()> {
        let which = self.office_that_speaks();
        let key = self.key();
        let office = self.offices.get(which).ok_or("no office")?;
        let member = office.member;
        let entry = OfficerEntry {
            contact_point: office.point.clone(),
            environment: Environment::Live,
            key: key.public(),
            title: text("Duty officer")?,
            person: text(&format!("person-{}", self.made))?,
            mandate: mandate()?,
        };
        self.officers.push((member, key));
        self.by_root("officer", member, Act::AuthoriseOfficer(Box::new(entry)))
    }

    fn revocation(&mut self) -> Made<()> {
        let Some(place) = self.officers.iter().position(|(member, _)| Some(*member) != self.suspended) else {
            return Ok(());
        };
        let (member, key) = self.officers.swap_remove(place);
        let effective = Timestamp(self.now);
        let act = Act::RevokeKey { key: key.public().id(), reason: RevocationReason::LeftOffice, effective };
        self.by_root("revocation", member, act)
    }

    fn rules(&mut self) -> Made<()> {
        let which = self.office_that_speaks();
        let office = self.offices.get(which).ok_or("no office")?;
        let (contact_point, member) = (office.point.clone(), office.member);
        let rule = ReleaseRule {
            types: Set::new([NoticeType::IncidentNotice, NoticeType::Inquiry]).map_err(wrong)?,
            at_or_above: Precedence::Immediate,
            officers: 2,
            break_glass: true,
        };
        let rules = List::new(vec![rule]).map_err(wrong)?;
        self.by_root("release rules", member, Act::SetReleaseRules { contact_point, rules })
    }

    fn drill(&mut self) -> Made<()> {
        if let Some((exercise, member)) = self.exercise {
            if Some(member) == self.suspended {
                return Ok(());
            }
            self.exercise = None;
            return self.by_root("exercise", member, Act::CloseExercise { exercise });
        }
        let member = self.any(self.roots.len());
        let speaks = self.roots.iter().enumerate().filter(|(n, _)| Some(*n) != self.suspended);
        let participants = Set::new(speaks.map(|(_, r)| r.member.clone())).map_err(wrong)?;
        if Some(member) == self.suspended {
            return Ok(());
        }
        // Two may begin at one moment; no two have one name.
        let name = text(&format!("Exercise {}", self.directory.size()))?;
        let act = Act::OpenExercise {
            name: name.clone(),
            participants,
            from: Timestamp(self.now),
            until: Timestamp(self.now.saturating_add(DAY)),
        };
        self.by_root("exercise", member, act)?;
        let newest = self.directory.now_view().exercises().find(|e| e.name == name).map(|e| e.id);
        self.exercise = newest.map(|id| (id, member));
        Ok(())
    }

    fn root(&mut self) -> Made<()> {
        let member = self.any(self.roots.len());
        if Some(member) == self.suspended {
            return Ok(());
        }
        let after = self.key();
        let roots = self.roots.get_mut(member).ok_or("no member")?;
        let act = Act::RotateRoot {
            member: roots.member.clone(),
            new_root: roots.next.public(),
            next_root: after.public().id(),
        };
        roots.current = core::mem::replace(&mut roots.next, after);
        self.by_root("root rotation", member, act)
    }

    fn suspension(&mut self) -> Made<()> {
        if let Some(member) = self.suspended {
            let code = self.roots.get(member).ok_or("no member")?.member.clone();
            self.together(
                "suspension",
                Act::ReinstateMember { member: code },
                ADMISSION,
                Some(member),
                None,
            )?;
            self.suspended = None;
            return Ok(());
        }
        let member = self.any(self.roots.len());
        let code = self.roots.get(member).ok_or("no member")?.member.clone();
        let act = Act::SuspendMember { member: code, reason: text("It asked for it")? };
        self.together("suspension", act, ADMISSION, Some(member), None)?;
        self.suspended = Some(member);
        Ok(())
    }

    /// A witness comes and another goes.
    fn network(&mut self) -> Made<()> {
        let view = self.directory.now_view();
        let joining = witness(&format!("w{}.example/w", view.size()))?;
        let mut witnesses = view.witnesses().to_vec();
        witnesses.remove(0);
        witnesses.push(joining);
        let change =
            NetworkChange::to(&view, view.relays(), &witnesses, 3, view.thresholds()).map_err(wrong)?;
        self.together("network", Act::ChangeNetwork(Box::new(change)), NETWORK, None, None)
    }
}
