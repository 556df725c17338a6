//! What a witness cosigned last, per log; written before the cosignature leaves the house.
//!
//! It never goes back, and no size gets a second root: a witness that forgot is worse than none.

use pouch_wire::Digest;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::db::{Db, int, uint};
use crate::error::StoreError;
use crate::rows::WitnessBirth;

pub(crate) async fn state(db: &Db, origin: &str) -> Result<Option<(u64, Digest)>, StoreError> {
    let origin = origin.to_owned();
    db.call(move |db| known(db, &origin)).await
}

pub(crate) async fn put_state(
    db: &Db,
    origin: &str,
    old: Option<u64>,
    size: u64,
    root: Digest,
) -> Result<(), StoreError> {
    let origin = origin.to_owned();
    db.call(move |db| {
        let known = known(db, &origin)?;
        if known.map(|(size, _)| size) != old {
            return Err(StoreError::Conflict("the witness moved on meanwhile"));
        }
        match known {
            Some((cosigned, _)) if cosigned > size => {
                return Err(StoreError::Conflict("a larger log was cosigned"));
            }
            Some((cosigned, other)) if cosigned == size && other != root => {
                return Err(StoreError::Conflict("another root was cosigned for this size"));
            }
            _ => {}
        }
        let sql = "INSERT INTO witness (origin, size, root) VALUES (?1, ?2, ?3)
            ON CONFLICT (origin) DO UPDATE SET size = ?2, root = ?3";
        db.prepare_cached(sql)?.execute(params![origin, int(size), root.as_bytes()])?;
        Ok(())
    })
    .await
}

fn known(db: &Connection, origin: &str) -> Result<Option<(u64, Digest)>, StoreError> {
    let sql = "SELECT size, root FROM witness WHERE origin = ?1 AND sound(whole, 'witness', origin)";
    let row = |row: &rusqlite::Row<'_>| Ok((uint(row.get(0)?), Digest::new(row.get(1)?)));
    Ok(db.prepare_cached(sql)?.query_row([origin], row).optional()?)
}

pub(crate) async fn birth(db: &Db) -> Result<Option<WitnessBirth>, StoreError> {
    db.call(born).await
}

fn born(db: &Connection) -> Result<Option<WitnessBirth>, StoreError> {
    let row = |row: &rusqlite::Row<'_>| {
        let mark: Option<[u8; 32]> = row.get(0)?;
        Ok(WitnessBirth { mark: mark.map(Digest::new), stopped: row.get(1)? })
    };
    Ok(db
        .prepare_cached(
            "SELECT mark, stopped FROM witness_life WHERE one = 1 AND sound(whole, 'witness life')",
        )?
        .query_row([], row)
        .optional()?)
}

pub(crate) async fn begin(db: &Db, mark: Digest) -> Result<(), StoreError> {
    db.call(move |db| {
        if born(db)?.and_then(|life| life.mark).is_some_and(|known| known != mark) {
            return Err(StoreError::Conflict("this is another witness's memory"));
        }
        let sql =
            "INSERT INTO witness_life (one, mark) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET mark = ?1";
        db.prepare_cached(sql)?.execute([mark.as_bytes()])?;
        Ok(())
    })
    .await
}

pub(crate) async fn stop(db: &Db, reason: &str) -> Result<(), StoreError> {
    let reason = reason.to_owned();
    db.call(move |db| {
        let sql = "UPDATE witness_life SET stopped = coalesce(stopped, ?1) WHERE one = 1 AND sound(whole, 'witness life')";
        match db.prepare_cached(sql)?.execute([&reason])? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("no witness began this memory")),
        }
    })
    .await
}
