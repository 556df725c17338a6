//! What happens at a node, in words without content: kept in the database, told to whoever watches.

use pouch_control::{Event, EventKind};
use pouch_notice::visible;
use pouch_store::{AgentStore, EventLog as _, NewEvent, StoreError};
use pouch_wire::{EnvelopeId, Environment, Precedence, Timestamp};
use tokio::sync::watch;

use crate::desk::Desk;
use crate::exercises;

/// Something that happened, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) kind: EventKind,
    pub(crate) code: String,
    pub(crate) words: String,
    pub(crate) envelope: Option<EnvelopeId>,
    pub(crate) number: Option<String>,
    pub(crate) precedence: Option<Precedence>,
    pub(crate) exercise: Option<String>,
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
            exercise: None,
        }
    }

    /// Marks what happened in an exercise, in its words too: nobody reads of a drill as of the real thing.
    pub(crate) fn within(mut self, environment: Environment, desk: &Desk) -> Self {
        if let Some(name) = exercises::name_of(environment, desk) {
            self.words = format!("EXERCISE {name}: {}", self.words);
            self.exercise = Some(name);
        }
        self
    }

    pub(crate) fn of(mut self, envelope: EnvelopeId) -> Self {
        self.envelope = Some(envelope);
        self
    }

    /// As it is kept.
    pub(crate) fn row(&self, at: Timestamp) -> NewEvent {
        let detail = serde_json::to_string(&Detail {
            kind: self.kind,
            envelope: self.envelope,
            number: self.number.clone(),
            precedence: self.precedence,
            exercise: self.exercise.clone(),
        })
        .unwrap_or_default();
        NewEvent {
            at,
            // Relays choose some of it.
            code: visible(&self.code, true),
            words: visible(&self.words, true),
            alarm: self.kind == EventKind::Alarm,
            detail,
        }
    }

    pub(crate) fn numbered(mut self, number: impl Into<String>, precedence: Precedence) -> Self {
        self.number = Some(number.into());
        self.precedence = Some(precedence);
        self
    }
}

/// Keeps and tells events. What is told is read from where it is kept, so nobody misses any.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    store: AgentStore,
    /// Up to which number they may be told: an event is kept in the same step as what it tells of, and
    /// told when everybody sees that.
    told: watch::Sender<u64>,
}

impl Events {
    pub(crate) async fn new(store: AgentStore) -> Result<Self, StoreError> {
        let newest = store.newest_events(1).await?.first().map_or(0, |row| row.number);
        Ok(Self { store, told: watch::Sender::new(newest) })
    }

    /// Keeps an event and tells it.
    pub(crate) async fn tell(&self, happening: &Happening, at: Timestamp) -> Result<(), StoreError> {
        let number = self.store.put_event(happening.row(at)).await?;
        self.announce(&[number]);
        Ok(())
    }

    /// Tells events that are kept already, together with what they tell of.
    pub(crate) fn announce(&self, numbers: &[u64]) {
        let newest = numbers.iter().copied().max().unwrap_or(0);
        self.told.send_if_modified(|told| {
            let more = newest > *told;
            *told = newest.max(*told);
            more
        });
    }

    /// The newest number that may be told, as it rises.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Events after a number, oldest first.
    pub(crate) async fn after(&self, number: u64, count: u32) -> Result<Vec<Event>, StoreError> {
        Ok(self.store.events(number, count).await?.into_iter().filter_map(view).collect())
    }

    /// The newest alarms, newest first, without those of a state that may be over since.
    pub(crate) async fn alarms(&self, count: usize) -> Result<Vec<String>, StoreError> {
        let alarms = self.store.newest_alarms(LOOKED_AT).await?.into_iter();
        let stand = alarms.filter(|alarm| !STATES.contains(&alarm.code.as_str()));
        Ok(stand.take(count).map(|alarm| format!("{} ({})", alarm.words, alarm.code)).collect())
    }
}

/// Alarms of what is missing: whether it still is, is a state of its own, shown as it is now.
const STATES: [&str; 2] = ["POUCH-ORD-01", "POUCH-BCN-20"];
/// How many alarms are looked at for those that stand.
const LOOKED_AT: u32 = 256;

#[derive(serde::Serialize, serde::Deserialize)]
struct Detail {
    kind: EventKind,
    envelope: Option<EnvelopeId>,
    number: Option<String>,
    precedence: Option<Precedence>,
    #[serde(default)]
    exercise: Option<String>,
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
        exercise: detail.exercise,
    })
}
