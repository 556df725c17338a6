//! The TCP connections of one end: how many there are, and one word that ends them all.

use core::time::Duration;
use std::sync::Arc;

use tokio::sync::watch;

use crate::listener::StillOpen;

/// Counts connections, and tells them when the end shuts down.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    count: Arc<watch::Sender<usize>>,
    closing: Arc<watch::Sender<bool>>,
}

/// One connection's place in the count, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Place {
    count: Arc<watch::Sender<usize>>,
    closing: watch::Receiver<bool>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)), closing: Arc::new(watch::Sender::new(false)) }
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until this end shuts down.
    pub(crate) async fn closing(&self) {
        until_closing(&mut self.closing.subscribe()).await;
    }

    /// Counts one more; `None` when there are `max` or none is wanted any more.
    pub(crate) fn enter(&self, max: usize) -> Option<Place> {
        let entered = self.count.send_if_modified(|count| {
            let room = *count < max && !self.is_closing();
            if room {
                *count = count.saturating_add(1);
            }
            room
        });
        entered.then(|| Place { count: Arc::clone(&self.count), closing: self.closing.subscribe() })
    }

    /// Ends all connections, and waits until the peers were told.
    pub(crate) async fn close(&self, within: Duration) -> Result<(), StillOpen> {
        self.closing.send_replace(true);
        let mut count = self.count.subscribe();
        match tokio::time::timeout(within, count.wait_for(|count| *count == 0)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(StillOpen { sessions: self.count(), within }),
        }
    }
}

impl Place {
    /// Waits until this end shuts down.
    pub(crate) async fn closing(&mut self) {
        until_closing(&mut self.closing).await;
    }
}

async fn until_closing(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        // The end itself is gone; its sessions live for as long as somebody holds them.
        core::future::pending().await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_or_closing_end_takes_nobody_and_waits_for_those_it_has() {
        let registry = Registry::new();
        let place = registry.enter(1).unwrap();
        assert!(registry.enter(1).is_none(), "full");
        let open = registry.close(Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(open.sessions, 1);
        assert!(registry.enter(9).is_none(), "closing");
        drop(place);
        registry.close(Duration::from_secs(9)).await.unwrap();
    }
}
