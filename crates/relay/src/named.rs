//! Whether the directory names this relay, as what, and what becomes of one that it no longer names.

use std::sync::Arc;
use std::time::Duration;

use pouch_crypto::{MlDsaPublic, NotePublic, PublicKey};
use pouch_directory::{Directory, LogKeys};
use tokio::sync::watch;
use tracing::{error, info};

use crate::error::RelayError;
use crate::keys::{LogKeyPair, RelayKeys};
use crate::log::Published;

/// What this relay is, by its configuration and its key files.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    name: String,
    transport: PublicKey,
    receipts: PublicKey,
    message_log: LogPublics,
    directory_log: Option<LogPublics>,
}

/// The public halves of a log's keys.
type LogPublics = (NotePublic, MlDsaPublic);

fn publics(pair: &LogKeyPair) -> LogPublics {
    (pair.ed25519.public(), pair.mldsa.public().clone())
}

fn are(keys: &LogPublics, named: &LogKeys) -> bool {
    keys.0 == named.ed25519 && keys.1 == named.mldsa
}

/// What a relay does for the directory's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It decides what enters: it is the first that the directory names.
    Sequences,
    /// It follows another's log.
    Follows,
}

impl Named {
    pub(crate) fn new(name: &str, keys: &RelayKeys) -> Self {
        Self {
            name: name.to_owned(),
            transport: keys.transport.public(),
            receipts: keys.receipts.public(),
            message_log: publics(&keys.message_log),
            directory_log: keys.directory_log.as_ref().map(publics),
        }
    }

    /// What this relay is to do; `None` when the directory does not name it.
    ///
    /// # Errors
    /// When it is named with other keys, or is to sequence and has not the log's keys.
    pub(crate) fn duty(&self, directory: &Directory) -> Result<Option<Duty>, RelayError> {
        let view = directory.now_view();
        let Some(named) = view.relay(&self.name) else { return Ok(None) };
        let same = named.transport == self.transport
            && named.receipts == self.receipts
            && are(&self.message_log, &named.message_log);
        if !same {
            return Err(RelayError::OtherKeys(self.name.clone()));
        }
        if view.relays().first() != Some(named) {
            return Ok(Some(Duty::Follows));
        }
        match &self.directory_log {
            Some(keys) if are(keys, view.directory_log()) => Ok(Some(Duty::Sequences)),
            Some(_) => Err(RelayError::OtherKeys(self.name.clone())),
            None => Err(RelayError::NoDirectoryKeys(self.name.clone())),
        }
    }

    /// The same when a relay starts. One that is not named yet follows the directory until it is; one that
    /// was named and is no more does not start.
    pub(crate) fn duty_at_start(&self, directory: &Directory) -> Result<Duty, RelayError> {
        match self.duty(directory)? {
            Some(duty) => Ok(duty),
            None if directory.now_view().former_relay(&self.transport).is_some() => {
                Err(RelayError::NoLongerNamed(self.name.clone()))
            }
            None => {
                info!(
                    relay = self.name,
                    "the directory does not name this relay yet: following until it does"
                );
                Ok(Duty::Follows)
            }
        }
    }

    /// Waits until the directory names this relay, with this duty.
    ///
    /// # Errors
    /// When it names it as something else.
    pub(crate) async fn until_named_as(
        &self,
        duty: Duty,
        directory: &mut watch::Receiver<Arc<Directory>>,
    ) -> Result<(), RelayError> {
        loop {
            let now = directory.borrow_and_update().clone();
            match self.duty(&now)? {
                Some(named) if named == duty => return Ok(()),
                Some(_) => return Err(RelayError::OtherDuty(self.name.clone())),
                None => {}
            }
            if directory.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the directory wants something else of this relay than what it does, and everybody could
    /// learn so from here: what the log's keys signed is published, and was for a while.
    pub(crate) async fn until_other(
        &self,
        duty: Duty,
        mut directory: watch::Receiver<Arc<Directory>>,
        mut published: watch::Receiver<Option<Published>>,
    ) -> RelayError {
        loop {
            let now = directory.borrow_and_update().clone();
            let other = match self.duty(&now) {
                Ok(Some(same)) if same == duty => None,
                Ok(Some(_)) => Some(RelayError::OtherDuty(self.name.clone())),
                Ok(None) => Some(RelayError::NoLongerNamed(self.name.clone())),
                Err(error) => Some(error),
            };
            let Some(other) = other else {
                if directory.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            };
            error!(relay = self.name, code = other.code(), "{other}; this relay stops when all is published");
            // Who has other keys than the log's cannot publish what says so.
            let cannot = matches!(other, RelayError::OtherKeys(_));
            let whole = |published: &Option<Published>| {
                cannot || published.as_ref().is_some_and(|p| p.size >= now.size())
            };
            if published.wait_for(whole).await.is_err() {
                return other;
            }
            tokio::time::sleep(LINGER).await;
            if directory.has_changed().is_ok_and(|changed| !changed) {
                return other;
            }
        }
    }
}

/// How long a relay that must stop still answers, so that others learn why.
const LINGER: Duration = Duration::from_secs(10);
