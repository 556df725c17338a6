//! The network that the log begins with, and what its parties are given.

use pouch_crypto::{MlDsaKey, NoteKey, SigningKey, sha256};
use pouch_directory::{
    Audience, Charter, Founder, LogKeys, Mandate, Relay, SignedCharter, Thresholds, Witness,
};
use pouch_wire::{Blob, Canonical as _, List, NoticeType, Precedence, Set, Text, Timestamp, Tlp};

use crate::log::{ADMISSION, DAY, FOUNDED, NETWORK, Roots};

pub(crate) type Made<T> = Result<T, String>;

pub(crate) fn wrong(error: impl core::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn text<const MAX: usize>(words: &str) -> Made<Text<MAX>> {
    Text::new(words).map_err(wrong)
}

pub(crate) fn seed(name: &str) -> [u8; 32] {
    *sha256(name.as_bytes()).as_bytes()
}

pub(crate) fn log_keys(origin: &str) -> Made<LogKeys> {
    let ed25519 = NoteKey::from_seed(&seed(&format!("{origin} ed25519"))).public();
    let mldsa = MlDsaKey::from_seed(&seed(&format!("{origin} ml-dsa-44"))).map_err(wrong)?.public().clone();
    Ok(LogKeys { origin: text(origin)?, ed25519, mldsa })
}

pub(crate) fn witness(name: &str) -> Made<Witness> {
    let LogKeys { origin: name, ed25519, mldsa } = log_keys(name)?;
    Ok(Witness { name, ed25519, mldsa, transport: None })
}

pub(crate) fn mandate() -> Made<Mandate> {
    Ok(Mandate {
        types: Set::new(NoticeType::ALL.iter().copied()).map_err(wrong)?,
        highest_precedence: Precedence::Flash,
        strictest_tlp: Tlp::Red,
        most_open_tlp: Tlp::Clear,
        audience: Audience::Everyone,
        from: Timestamp(FOUNDED),
        until: Timestamp(FOUNDED.saturating_add(DAY.saturating_mul(36_500))),
    })
}

pub(crate) fn charter(roots: &[Roots]) -> Made<SignedCharter> {
    let founder = |roots: &Roots| -> Made<Founder> {
        Ok(Founder {
            member: roots.member.clone(),
            name: text(&format!("State {}", roots.member))?,
            root: roots.current.public(),
            next_root: roots.next.public().id(),
        })
    };
    let relay = Relay {
        name: text("relay-1")?,
        address: text("relay.example:4433")?,
        transport: SigningKey::from_seed(&seed("relay transport")).public(),
        receipts: SigningKey::from_seed(&seed("relay receipts")).public(),
        message_log: log_keys("relay.example/messages")?,
    };
    let witnesses = (0..5).map(|n| witness(&format!("w{n}.example/w"))).collect::<Made<Vec<Witness>>>()?;
    let charter = Charter {
        version: 1,
        name: text("A network of years")?,
        created: Timestamp(FOUNDED),
        founders: Set::new(roots.iter().map(founder).collect::<Made<Vec<_>>>()?).map_err(wrong)?,
        relays: List::new(vec![relay]).map_err(wrong)?,
        directory_log: log_keys("relay.example/directory")?,
        witnesses: Set::new(witnesses).map_err(wrong)?,
        quorum: 3,
        thresholds: Thresholds {
            admission: ADMISSION,
            network: NETWORK,
            recovery: 10,
            recovery_after_veto: 14,
            recovery_delay_ms: DAY.saturating_mul(7),
        },
    };
    let signatures = roots.iter().map(|r| charter.sign(r.member.clone(), &r.current).map_err(wrong));
    Ok(SignedCharter {
        charter: Blob::new(charter.to_bytes().map_err(wrong)?).map_err(wrong)?,
        signatures: Set::new(signatures.collect::<Made<Vec<_>>>()?).map_err(wrong)?,
    })
}
