//! A relay's epoch: senders bring again what they sent in another one and nobody confirmed.
//!
//! It is raised when this relay may have lost something that it accepted: an older copy of its database was
//! put back, or a stored message is damaged.

use crate::contracts::Epoch;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::relay::RelayStore;

impl Epoch for RelayStore {
    async fn epoch(&self) -> Result<u64, StoreError> {
        self.0
            .call(|db| {
                let sql = "SELECT epoch FROM epoch WHERE sound(whole, 'epoch')";
                Ok(db.prepare_cached(sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
            })
            .await
    }

    async fn raise_epoch(&self, at_least: u64) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                // Written whole: a damaged one is raised by the time alone.
                let sql = "INSERT OR REPLACE INTO epoch (one, epoch)
                    VALUES (1, max(?1, coalesce((SELECT epoch + 1 FROM epoch WHERE kept(whole, 'epoch')), 0)))
                    RETURNING epoch";
                Ok(db.prepare_cached(sql)?.query_row([int(at_least)], |row| Ok(uint(row.get(0)?)))?)
            })
            .await
    }
}
