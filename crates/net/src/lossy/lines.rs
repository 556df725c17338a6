//! The lines of an endpoint, by the address at their other end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quinn::Connection;

use super::line::Line;
use crate::congestion::line_of;

/// What an endpoint's socket knows of its lines: those of sessions, whose peers proved their keys.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// How many are lossy, so that nobody looks further while none is.
    lossy: Arc<AtomicUsize>,
    known: RwLock<HashMap<SocketAddr, Arc<Line>>>,
}

impl Lines {
    /// The count that the lines of this endpoint keep.
    pub(crate) fn lossy(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.lossy)
    }

    /// How many copies of a packet go out after it.
    pub(crate) fn extra(&self, to: SocketAddr, bytes: usize) -> u8 {
        if self.lossy.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&to).map_or(0, |line| line.extra(bytes))
    }

    pub(super) fn learn(&self, at: SocketAddr, line: &Arc<Line>) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(at, Arc::clone(line));
    }

    fn forget(&self, at: SocketAddr, line: &Arc<Line>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another session may be there since.
        if known.get(&at).is_some_and(|other| Arc::ptr_eq(other, line)) {
            known.remove(&at);
        }
    }
}

/// A session's line, for as long as it is known to the socket.
#[derive(Debug)]
pub(crate) struct Known {
    lines: Arc<Lines>,
    now: Mutex<Option<(SocketAddr, Arc<Line>)>>,
}

impl Known {
    pub(crate) fn new(lines: Arc<Lines>, connection: &Connection) -> Self {
        let known = Self { lines, now: Mutex::new(None) };
        known.follow(connection);
        known
    }

    /// The peer may have another address since, and with it another line.
    pub(crate) fn follow(&self, connection: &Connection) {
        let at = connection.remote_address();
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_ref().is_some_and(|(known, _)| *known == at) {
            return;
        }
        let Some(line) = line_of(connection) else { return };
        self.lines.learn(at, &line);
        if let Some((before, line)) = now.replace((at, line)) {
            self.lines.forget(before, &line);
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        if let Some((at, line)) = self.now.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.lines.forget(at, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lossy::Losses;

    #[test]
    fn packets_to_others_are_not_touched_and_a_successor_stays_known() {
        let lines = Lines::default();
        let [here, there] = ["192.0.2.1:1", "192.0.2.2:1"].map(|addr| addr.parse().unwrap());
        let lossy = || {
            let line = Arc::new(Line::new(lines.lossy()));
            let mut losses = Losses::of(Arc::clone(&line));
            losses.lost(2400);
            line
        };
        let (before, after) = (lossy(), lossy());
        lines.learn(here, &before);
        assert_eq!((lines.extra(here, 1200), lines.extra(there, 1200)), (1, 0));
        lines.learn(here, &after);
        lines.forget(here, &before);
        assert_eq!(lines.extra(here, 1200), 1);
        lines.forget(here, &after);
        assert_eq!(lines.extra(here, 1200), 0);
    }
}
