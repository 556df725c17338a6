//! What happens at a node, in words without content: kept in the database, told to whoever watches.

use pouch_control::{Event, EventKind};
use pouch_store::{AgentStore, NewEvent, StoreError};
use pouch_wire::{EnvelopeId, Precedence, Timestamp};
use tokio::sync::broadcast;

/// How many events a slow watcher may be behind before it must read them from the database.
const BEHIND: usize = 1024;

/// Something that happened, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) kind: EventKind,
    pub(crate) code: String,
    pub(crate) words: String,
    pub(crate) envelope: Option<EnvelopeId>,
    pub(crate) number: Option<String>,
    pub(crate) precedence: Option<Precedence>,
}

impl Happening {
    pub(crate) fn new(kind: EventKind, code: &str, words: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.to_owned(),
            words: words.into(),
            envelope: None,
            number: None,
            precedence: None,
        }
    }

    pub(crate) fn of(mut self, envelope: EnvelopeId) -> Self {
        self.envelope = Some(envelope);
        self
    }

    pub(crate) fn numbered(mut self, number: impl Into<String>, precedence: Precedence) -> Self {
        self.number = Some(number.into());
        self.precedence = Some(precedence);
        self
    }
}

/// Keeps and tells events.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    store: AgentStore,
    tx: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new(store: AgentStore) -> Self {
        Self { store, tx: broadcast::channel(BEHIND).0 }
    }

    /// Keeps an event and tells it.
    pub(crate) async fn tell(&self, happening: Happening, at: Timestamp) -> Result<(), StoreError> {
        let detail = serde_json::to_string(&Detail {
            kind: happening.kind,
            envelope: happening.envelope,
            number: happening.number.clone(),
            precedence: happening.precedence,
        })
        .unwrap_or_default();
        let event = NewEvent { at, code: happening.code.clone(), words: happening.words.clone(), detail };
        let number = self.store.put_event(event).await?;
        // Nobody may be watching.
        self.tx
            .send(Event {
                number,
                at,
                kind: happening.kind,
                code: happening.code,
                words: happening.words,
                envelope: happening.envelope,
                number_of_notice: happening.number,
                precedence: happening.precedence,
            })
            .ok();
        Ok(())
    }

    /// New events from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Event> {
        self.tx.subscribe()
    }

    /// Events after a number, oldest first.
    pub(crate) async fn after(&self, number: u64, count: u32) -> Result<Vec<Event>, StoreError> {
        Ok(self.store.events(number, count).await?.into_iter().filter_map(view).collect())
    }

    /// The newest alarms, newest first.
    pub(crate) async fn alarms(&self, count: usize) -> Result<Vec<String>, StoreError> {
        let recent = self.store.newest_events(ALARM_WINDOW).await?;
        let alarms = recent.into_iter().filter_map(view).filter(|event| event.kind == EventKind::Alarm);
        Ok(alarms.map(|event| format!("{} ({})", event.words, event.code)).take(count).collect())
    }
}

/// How many of the newest events are looked at for alarms.
const ALARM_WINDOW: u32 = 500;

#[derive(serde::Serialize, serde::Deserialize)]
struct Detail {
    kind: EventKind,
    envelope: Option<EnvelopeId>,
    number: Option<String>,
    precedence: Option<Precedence>,
}

fn view(row: pouch_store::EventRow) -> Option<Event> {
    let detail: Detail = serde_json::from_str(&row.detail).ok()?;
    Some(Event {
        number: row.number,
        at: row.at,
        kind: detail.kind,
        code: row.code,
        words: row.words,
        envelope: detail.envelope,
        number_of_notice: detail.number,
        precedence: detail.precedence,
    })
}
