//! Whether the directory names this node's office, and the wait of a new one until it does.

use std::sync::Arc;

use pouch_crypto::SigningKey;
use pouch_wire::{ContactPoint, Environment};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::AgentConfig;
use crate::error::AgentError;
use crate::mirror::Believed;

/// Whether the directory names this office with this key; `false` while it has no such office, which may have
/// come after what is believed so far.
pub(crate) fn is_named(
    config: &AgentConfig,
    key: &SigningKey,
    believed: &Believed,
) -> Result<bool, AgentError> {
    let view = believed.directory.now_view();
    let point = &config.contact_point;
    if view.contact_point(point, Environment::Live).is_none() {
        return Ok(false);
    }
    let known = view.key_history(point, Environment::Live).iter().any(|period| period.key == key.public());
    if known { Ok(true) } else { Err(AgentError::OtherKey) }
}

fn not_named(point: &ContactPoint) -> AgentError {
    AgentError::Charter(format!("the directory has no contact point {point}"))
}

/// An office that came after the founding is not in the charter file: its node hears of itself from a relay,
/// which knows its transport key then, and serves nobody before. What it hears first may be the end of an earlier
/// network, in which it did not exist yet.
/// Gives nothing when it is named; otherwise what the node ends with, which is no error when it was stopped.
pub(crate) async fn until_named(
    config: &AgentConfig,
    key: &SigningKey,
    mut believed: watch::Receiver<Arc<Believed>>,
    shutdown: &CancellationToken,
) -> Option<Result<(), AgentError>> {
    info!(contact_point = %config.contact_point, "not in the directory; asking the relays for a newer one");
    let named = async {
        while believed.changed().await.is_ok() {
            let newest = believed.borrow_and_update().clone();
            match is_named(config, key, &newest) {
                Ok(true) => return None,
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Err(not_named(&config.contact_point)))
    };
    tokio::select! {
        () = shutdown.cancelled() => Some(Ok(())),
        waited = tokio::time::timeout(NAMED_WITHIN, named) => {
            waited.unwrap_or_else(|_| Some(Err(not_named(&config.contact_point))))
        }
    }
}

/// How long a new office's node waits for a relay to tell it of itself.
const NAMED_WITHIN: core::time::Duration = core::time::Duration::from_secs(15);
