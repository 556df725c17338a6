//! This node's keys, and what the directory says of each.

use pouch_control::KeyView;
use pouch_crypto::KeyFingerprint;
use pouch_directory::Revocation;
use pouch_notice::visible;
use pouch_store::Prekeys as _;
use pouch_wire::{Environment, Timestamp};

use crate::desk::Desk;
use crate::exercises::may_speak;
use crate::refusals::Failed;

pub(crate) async fn keys(desk: &Desk) -> Result<Vec<KeyView>, Failed> {
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    let history = view.key_history(&desk.me, Environment::Live);
    let mut keys = Vec::new();
    let (current, next) = desk.signing_publics();
    let since = history.iter().rev().find(|p| p.key == current).map(|p| p.from);
    let named = view.contact_point(&desk.me, Environment::Live).is_some_and(|e| e.signing == current);
    let state = match view.revocation(current.id()) {
        Some(revocation) => revoked(revocation),
        None if named => "current".to_owned(),
        None => "not named by the directory".to_owned(),
    };
    keys.push(key_view("signing", current.id(), &state, since, None));
    if let Some(next) = next {
        keys.push(key_view("next signing", next.id(), "waiting for the directory", None, None));
    }
    let mut until = None;
    for period in history.iter().rev() {
        // The directory may name the next key a moment before it is in use.
        if period.key != current && Some(period.key) != next {
            let state = period.revoked.as_ref().map_or_else(|| "no longer used".to_owned(), revoked);
            keys.push(key_view("former signing", period.key.id(), &state, Some(period.from), until));
        }
        until = Some(period.from);
    }
    for exercise in view.exercises() {
        let environment = Environment::Exercise(exercise.id);
        let Some(key) = desk.key_in(environment) else { continue };
        let speaks = may_speak(environment, desk);
        let name = visible(&exercise.name, true);
        let state = match &speaks {
            Ok(_) => format!("current in EXERCISE {name}"),
            Err(refusal) => format!("does not speak in EXERCISE {name}: {} ({})", refusal.what, refusal.code),
        };
        let (from, until) = (Some(exercise.from), Some(exercise.until));
        keys.push(key_view("exercise signing", key.public().id(), &state, from, until));
    }
    for row in desk.store.prekeys().await? {
        let published = view.prekey_stands(row.id);
        let state = match (row.usable_until <= now, published) {
            (true, _) => "over; destroyed soon",
            (false, true) => "published",
            (false, false) => "not published yet",
        };
        let kind = if row.environment == Environment::Live { "sealing" } else { "exercise sealing" };
        keys.push(key_view(kind, row.id, state, Some(row.usable_from), Some(row.usable_until)));
    }
    Ok(keys)
}

fn revoked(revocation: &Revocation) -> String {
    format!("revoked by entry {} ({})", revocation.index, revocation.reason.as_str())
}

fn key_view(
    kind: &str,
    id: pouch_wire::KeyId,
    state: &str,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
) -> KeyView {
    let fingerprint = KeyFingerprint::of(&id).to_string();
    KeyView { kind: kind.to_owned(), id, state: state.to_owned(), from, until, fingerprint }
}
