//! Reads the files of known answers: records of `name: value` lines, with an empty line between.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rand::{TryCryptoRng, TryRng};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// One record.
pub(crate) struct Record(BTreeMap<String, String>);

impl Record {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0.keys()))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    pub(crate) fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.text(name).parse().unwrap()
    }
}

/// The records of a file, at least one.
pub(crate) fn records(file: &str) -> Vec<Record> {
    let mut records = vec![BTreeMap::new()];
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(':') {
            Some((name, value)) => {
                records.last_mut().unwrap().insert(name.to_owned(), value.trim().to_owned());
            }
            None => records.push(BTreeMap::new()),
        }
    }
    records.retain(|record| !record.is_empty());
    assert!(!records.is_empty());
    records.into_iter().map(Record).collect()
}

/// Seeded randomness: every run sees the same.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// "Randomness" that gives the bytes of a vector, and no more.
pub(crate) struct Scripted(Vec<u8>);

impl Scripted {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(to.len());
        to.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}
