//! Which key signs: the one in use, until the directory names the one that waits.

use std::sync::{Arc, PoisonError};

use pouch_control::EventKind;
use pouch_wire::Environment;

use crate::desk::{Desk, Signing};
use crate::error::AgentError;
use crate::events::Happening;
use crate::exercises;

/// Reads the key files again.
pub(crate) fn reload(desk: &Desk) -> Result<(), AgentError> {
    let current = Arc::new(desk.keeper.signing()?);
    let next = desk.keeper.next_signing()?.map(Arc::new);
    *desk.signing.write().unwrap_or_else(PoisonError::into_inner) = Signing { current, next };
    exercises::load(desk)
}

/// Takes the waiting key into use when the directory names it.
pub(crate) async fn follow_directory(desk: &Arc<Desk>) -> Result<(), AgentError> {
    let directory = desk.directory();
    let entry = directory.now_view().contact_point(&desk.me, Environment::Live).map(|e| e.signing);
    let waiting = {
        let signing = desk.signing.read().unwrap_or_else(PoisonError::into_inner);
        signing.next.as_ref().map(|key| key.public()).filter(|public| Some(*public) == entry)
    };
    let Some(public) = waiting else { return Ok(()) };
    // Nothing is signed between the files' change and ours.
    let _turn = desk.outgoing.lock().await;
    desk.keeper.promote()?;
    reload(desk)?;
    let words = format!("the new signing key {} is in use", public.id().short());
    desk.tell(Happening::new(EventKind::Key, "POUCH-KEY-60", words)).await
}
