//! What a node tells its people, and when: every event that `pouch watch` prints, with the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pouch_testkit::stage::{StageError, Watcher, is};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// An event and the moment at which it was printed.
pub type Told = (Instant, Value);

/// All that a node told so far. Ends with the node.
#[derive(Debug, Clone)]
pub struct Journal {
    told: Arc<Mutex<Vec<Told>>>,
    grown: watch::Receiver<usize>,
}

/// Longer than any run: a watcher that is silent is not over.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

impl Journal {
    /// Writes down what a watcher prints.
    #[must_use]
    pub fn of(mut watcher: Watcher) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (grows, grown) = watch::channel(0);
        let pages = told.clone();
        tokio::spawn(async move {
            while let Ok(event) = watcher.wait_for("an event", FOREVER, |_| true).await {
                let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
                pages.push((Instant::now(), event));
                grows.send_replace(pages.len());
            }
        });
        Self { told, grown }
    }

    /// Every event so far that fits.
    pub fn all(&self, fits: impl Fn(&Value) -> bool) -> Vec<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(_, event)| fits(event)).cloned().collect()
    }

    /// The alarms so far.
    #[must_use]
    pub fn alarms(&self) -> Vec<Told> {
        self.all(|event| is(event, "kind", "alarm"))
    }

    /// How many events were told so far.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.grown.borrow()
    }

    /// Waits for an event after the first so many.
    ///
    /// # Errors
    /// When none comes, in time.
    pub async fn next_after(&self, told: usize, what: &str, within: Duration) -> Result<(), StageError> {
        let mut grown = self.grown.clone();
        let until = Instant::now().checked_add(within).unwrap_or_else(Instant::now);
        match timeout_at(until, grown.wait_for(|count| *count > told)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(StageError(format!("{what} was not told in {within:?}"))),
        }
    }

    /// The first event that fits, told before the deadline; `None` when there is none.
    pub async fn first(&self, until: Instant, fits: impl Fn(&Value) -> bool) -> Option<Told> {
        let mut grown = self.grown.clone();
        loop {
            grown.borrow_and_update();
            if let Some(found) = self.all(&fits).into_iter().next() {
                return Some(found);
            }
            timeout_at(until, grown.changed()).await.ok()?.ok()?;
        }
    }

    /// The same, for what must come.
    ///
    /// # Errors
    /// When it does not, in time.
    pub async fn wait(
        &self,
        what: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Told, StageError> {
        let until = Instant::now().checked_add(within).unwrap_or_else(Instant::now);
        self.first(until, fits).await.ok_or_else(|| StageError(format!("{what} was not told in {within:?}")))
    }
}
