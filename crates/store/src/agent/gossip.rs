//! What others say of the directory's log, and what relays promised of it.
//!
//! A contradiction and a broken promise are evidence and are never deleted. Both are bounded: of one office
//! a few contradictions are kept, and promises are made to statements of this node alone.

use pouch_wire::{ContactPoint, Digest, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::agent::{AgentStore, events};
use crate::contracts::{Gossip, Promises};
use crate::db::{int, kept, point, uint};
use crate::error::StoreError;
use crate::rows::{CitedRow, ContradictionRow, NewContradiction, NewEvent, PromiseRow};

/// Contradictions that are kept of one office. Each is as large as a header.
const OF_ONE_OFFICE: u64 = 16;

impl Gossip for AgentStore {
    async fn put_cited(&self, row: CitedRow) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO cited (office, size, root, signed, at) VALUES (?1, ?2, ?3, ?4, ?5)
                    ON CONFLICT (office) DO UPDATE SET size = ?2, root = ?3, signed = ?4, at = ?5
                    WHERE size < ?2";
                let CitedRow { office, size, root, signed, at } = &row;
                let values = params![office.to_string(), int(*size), root.as_bytes(), signed, int(at.0)];
                db.prepare_cached(sql)?.execute(values)?;
                Ok(())
            })
            .await
    }

    async fn cited(&self) -> Result<Vec<CitedRow>, StoreError> {
        self.0
            .call(|db| {
                let sql = "SELECT office, size, root, signed, at FROM cited WHERE kept(whole, 'cited by', office) ORDER BY office";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([], cited_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn forget_cited(&self, office: &ContactPoint, size: u64) -> Result<(), StoreError> {
        let office = office.to_string();
        self.0
            .call(move |db| {
                let sql = "DELETE FROM cited WHERE office = ?1 AND size <= ?2";
                db.prepare_cached(sql)?.execute(params![office, int(size)])?;
                Ok(())
            })
            .await
    }

    async fn put_refuted(&self, office: &ContactPoint, size: u64) -> Result<(), StoreError> {
        let office = office.to_string();
        self.0
            .call(move |db| {
                let sql = "INSERT INTO refuted (office, size) VALUES (?1, ?2)
                    ON CONFLICT (office) DO UPDATE SET size = max(size, ?2)";
                db.prepare_cached(sql)?.execute(params![office, int(size)])?;
                db.prepare_cached("DELETE FROM cited WHERE office = ?1")?.execute([&office])?;
                Ok(())
            })
            .await
    }

    async fn refuted(&self) -> Result<Vec<(ContactPoint, u64)>, StoreError> {
        self.0
            .call(|db| {
                let mut statement = db.prepare_cached(
                    "SELECT office, size FROM refuted
                    WHERE kept(whole, 'refuted of', office) ORDER BY office",
                )?;
                let mut rows = statement.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let size = uint(row.get(1)?);
                    let office = point(&row.get::<_, String>(0)?).map(|office| (office, size));
                    found.extend(kept(office, "refuted")?);
                }
                Ok(found)
            })
            .await
    }

    async fn forget_refuted(&self, office: &ContactPoint) -> Result<(), StoreError> {
        let office = office.to_string();
        self.0
            .call(move |db| {
                db.prepare_cached("DELETE FROM refuted WHERE office = ?1")?.execute([&office])?;
                Ok(())
            })
            .await
    }

    async fn put_contradiction(&self, new: NewContradiction) -> Result<Vec<u64>, StoreError> {
        self.0
            .call(move |db| {
                put_contradiction(db, &new)?;
                events::put_all(db, &new.events)
            })
            .await
    }

    async fn settle_contradiction(
        &self,
        office: &ContactPoint,
        at: Timestamp,
        event: NewEvent,
    ) -> Result<Vec<u64>, StoreError> {
        let office = office.to_string();
        self.0
            .call(move |db| {
                let sql = "UPDATE contradiction SET settled_at = ?2 WHERE office = ?1 AND settled_at IS NULL";
                db.prepare_cached(sql)?.execute(params![office, int(at.0)])?;
                Ok(vec![events::put(db, &event)?])
            })
            .await
    }

    async fn contradictions(&self) -> Result<Vec<ContradictionRow>, StoreError> {
        self.0
            .call(|db| {
                let sql = "SELECT office, size, root, signed, at, ours, note, agreed, settled_at
                    FROM contradiction WHERE kept(whole, 'contradiction', number) ORDER BY number";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([], |row| {
                    let settled: Option<i64> = row.get(8)?;
                    Ok(ContradictionRow {
                        cited: cited_row(row)?,
                        ours: Digest::new(row.get(5)?),
                        note: row.get(6)?,
                        agreed: uint(row.get(7)?),
                        settled_at: settled.map(|at| Timestamp(uint(at))),
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

fn put_contradiction(db: &Connection, new: &NewContradiction) -> Result<(), StoreError> {
    let office = new.cited.office.to_string();
    let sql = "SELECT count(*), coalesce(max(number), 0) FROM contradiction WHERE office = ?1";
    let (kept, newest): (i64, i64) =
        db.prepare_cached(sql)?.query_row([&office], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if uint(kept) >= OF_ONE_OFFICE {
        let sql = "UPDATE contradiction SET settled_at = NULL WHERE number = ?1";
        db.prepare_cached(sql)?.execute([newest])?;
        return Ok(());
    }
    let CitedRow { size, root, signed, at, .. } = &new.cited;
    let sql = "INSERT INTO contradiction (office, size, root, signed, at, ours, note, agreed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute(params![
        office,
        int(*size),
        root.as_bytes(),
        signed,
        int(at.0),
        new.ours.as_bytes(),
        new.note,
        int(new.agreed)
    ])?;
    Ok(())
}

fn cited_row(row: &Row<'_>) -> rusqlite::Result<CitedRow> {
    let office: String = row.get(0)?;
    Ok(CitedRow {
        office: office.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
        size: uint(row.get(1)?),
        root: Digest::new(row.get(2)?),
        signed: row.get(3)?,
        at: Timestamp(uint(row.get(4)?)),
    })
}

impl Promises for AgentStore {
    async fn put_promise(&self, row: PromiseRow) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO promise (idx, relay, statement, at) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO NOTHING";
                let values = params![int(row.index), row.relay, row.statement, int(row.at.0)];
                db.prepare_cached(sql)?.execute(values)?;
                Ok(())
            })
            .await
    }

    async fn promises(&self) -> Result<Vec<PromiseRow>, StoreError> {
        self.promise_rows("kept = 0").await
    }

    async fn keep_promise(&self, row: &PromiseRow) -> Result<(), StoreError> {
        let (index, statement) = (row.index, row.statement.clone());
        self.0
            .call(move |db| {
                let which = params![int(index), statement];
                let sql = "DELETE FROM promise WHERE idx = ?1 AND statement = ?2 AND broken_at IS NULL";
                db.prepare_cached(sql)?.execute(which)?;
                let sql = "UPDATE promise SET kept = 1 WHERE idx = ?1 AND statement = ?2";
                db.prepare_cached(sql)?.execute(which)?;
                Ok(())
            })
            .await
    }

    async fn break_promise(
        &self,
        row: &PromiseRow,
        at: Timestamp,
        event: NewEvent,
    ) -> Result<Vec<u64>, StoreError> {
        let (index, statement) = (row.index, row.statement.clone());
        self.0
            .call(move |db| {
                let sql = "UPDATE promise SET broken_at = ?3
                    WHERE idx = ?1 AND statement = ?2 AND broken_at IS NULL";
                let found = db.prepare_cached(sql)?.execute(params![int(index), statement, int(at.0)])?;
                if found == 0 { Ok(Vec::new()) } else { Ok(vec![events::put(db, &event)?]) }
            })
            .await
    }

    async fn broken_promises(&self) -> Result<Vec<PromiseRow>, StoreError> {
        self.promise_rows("broken_at IS NOT NULL").await
    }
}

impl AgentStore {
    async fn promise_rows(&self, which: &'static str) -> Result<Vec<PromiseRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = format!(
                    "SELECT idx, relay, statement, at, broken_at FROM promise WHERE {which} AND kept(whole, 'promise', idx) ORDER BY idx, at"
                );
                let mut statement = db.prepare_cached(&sql)?;
                let rows = statement.query_map([], |row| {
                    let broken: Option<i64> = row.get(4)?;
                    Ok(PromiseRow {
                        index: uint(row.get(0)?),
                        relay: row.get(1)?,
                        statement: row.get(2)?,
                        at: Timestamp(uint(row.get(3)?)),
                        broken_at: broken.map(|at| Timestamp(uint(at))),
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
