//! Numbers of notices: per year and list of addressees, from 1 on, without a gap and never twice.

use pouch_wire::Digest;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::agent::AgentStore;
use crate::contracts::Numbers;
use crate::error::StoreError;

impl Numbers for AgentStore {
    async fn next_number(&self, year: u16, addressees: Digest) -> Result<u32, StoreError> {
        self.0
            .call(move |db| {
                let n = next(db, year, addressees)?;
                take(db, year, addressees, n)?;
                Ok(n)
            })
            .await
    }

    async fn give_back_number(&self, year: u16, addressees: Digest, n: u32) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "UPDATE number SET last = last - 1 WHERE year = ?1 AND addressees = ?2 AND last = ?3";
                db.prepare_cached(sql)?.execute(params![year, addressees.as_bytes(), n])?;
                Ok(())
            })
            .await
    }
}

fn next(db: &Connection, year: u16, addressees: Digest) -> Result<u32, StoreError> {
    let sql = "SELECT last FROM number WHERE year = ?1 AND addressees = ?2 AND sound(whole, 'number', year)";
    let values = params![year, addressees.as_bytes()];
    let last: Option<u32> = db.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0).saturating_add(1))
}

fn take(db: &Connection, year: u16, addressees: Digest, n: u32) -> Result<(), StoreError> {
    let sql = "INSERT INTO number (year, addressees, last) VALUES (?1, ?2, ?3)
        ON CONFLICT (year, addressees) DO UPDATE SET last = ?3";
    db.prepare_cached(sql)?.execute(params![year, addressees.as_bytes(), n])?;
    Ok(())
}
