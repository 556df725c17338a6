//! What a courier brings, and what a relay promises of it later.

use std::sync::Arc;

use pouch_control::EventKind;
use pouch_envelope::{Arrived, ReceiptRefused};
use pouch_store::{Courier as _, Inbox as _, Standing};
use tracing::info;

use super::refused::one_clause;
use super::{Judged, open_and_judge};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// What is to be done about one that a courier brought and that a relay cannot vouch for.
const COMES_AGAIN: &str = "it is here by courier; the relay brings it again";

/// Judges a message out of a courier's file as every other, but for the relay's promise, which it cannot have.
pub(crate) async fn carried(arrived: Arrived, desk: &Arc<Desk>) -> Result<Judged, AgentError> {
    desk.heard_header(&arrived).await?;
    // One at a time, as what relays bring.
    let _turn = desk.incoming.lock().await;
    if desk.store.standing(arrived.id()).await? == Some(Standing::Verified) {
        return Ok(Judged::Known);
    }
    let now = (desk.clock)();
    open_and_judge(arrived, Some(now), desk).await
}

/// A relay brings what a courier had brought before it: its promise is kept with the message, which is shown
/// once. A promise that does not count, or not yet, is given back: the relay must keep the message. The caller
/// holds the incoming turn.
pub(super) async fn promised_since(
    arrived: &Arrived,
    desk: &Desk,
) -> Result<Result<(), ReceiptRefused>, AgentError> {
    let envelope = arrived.id();
    let Some(row) = desk.store.arrival(envelope).await? else { return Ok(Ok(())) };
    if row.courier_at.is_none() || row.log.is_some() || row.damaged || row.stored.is_empty() {
        return Ok(Ok(()));
    }
    let promise = arrived.accepted(&desk.directory());
    let promise = match promise.and_then(|it| it.timely(arrived.header().created, (desk.clock)())) {
        Ok(promise) => promise,
        Err(refused) => return Ok(Err(refused)),
    };
    let damaged = |error: String| AgentError::Damaged(error);
    // The bytes that were verified, with the promise: the relay's copy may have another signature.
    let kept = Arrived::from_bytes(&row.stored).map_err(|error| damaged(error.to_string()))?;
    let kept = kept.with_receipt(arrived.receipt()).map_err(|error| damaged(error.to_string()))?;
    let log = (promise.relay.to_string(), promise.index);
    if desk.store.promised_since(envelope, kept.to_bytes()?, log).await? {
        let words = format!(
            "message {}, which a courier had brought, came over {} too; it is shown once",
            envelope.short(),
            &*promise.relay
        );
        let happening = Happening::new(EventKind::Progress, "", words).of(envelope);
        desk.tell(happening.within(arrived.header().environment, desk)).await?;
    }
    Ok(Ok(()))
}

/// What a relay hears that brings such a message without a promise that counts. To take it would be to lose the
/// promise for good: the relay deletes what was taken, and our clock or our directory may only be late.
pub(super) fn not_promised(arrived: &Arrived, refused: &ReceiptRefused) -> Judged {
    info!(envelope = %arrived.id().short(), %refused, "a courier brought it, and this relay's promise does not count yet");
    let words = format!("No relay of the network vouches for having accepted it: {refused}.");
    Judged::NotYet(one_clause("POUCH-VER-60", words, COMES_AGAIN, 14))
}
