//! Small values by name that a relay keeps across restarts, such as the keys of QUIC's reset tokens.

use rusqlite::{OptionalExtension as _, params};

use crate::contracts::SmallValues;
use crate::error::StoreError;
use crate::relay::RelayStore;

impl SmallValues for RelayStore {
    async fn meta(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT value FROM meta WHERE name = ?1 AND kept(whole, 'value', name)";
                Ok(db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn put_meta(&self, name: &'static str, value: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
                db.prepare_cached(sql)?.execute(params![name, value])?;
                Ok(())
            })
            .await
    }
}
