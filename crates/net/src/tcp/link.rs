//! The handles of a session over TCP: what [`crate::Session`] and [`crate::Stream`] hold.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::code::{CloseCode, ResetCode};
use crate::session::SessionError;
use crate::stream_error::StreamError;
use crate::tcp::mux::{Mux, Read, Wrote};

/// A session over TCP. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub(crate) struct TcpLink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mux: Mutex<Mux>,
    /// There may be something to send.
    wake: Notify,
    over: watch::Sender<Option<SessionError>>,
    peer_addr: SocketAddr,
    round_trip_micros: AtomicU64,
    begun: Instant,
}

impl TcpLink {
    pub(super) fn new(mux: Mux, peer_addr: SocketAddr, round_trip: Duration) -> Self {
        let link = Self(Arc::new(Shared {
            mux: Mutex::new(mux),
            wake: Notify::new(),
            over: watch::Sender::new(None),
            peer_addr,
            round_trip_micros: AtomicU64::new(0),
            begun: Instant::now(),
        }));
        link.measured(round_trip);
        link
    }

    pub(super) fn mux(&self) -> MutexGuard<'_, Mux> {
        self.0.mux.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.0.wake.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// The session's age in milliseconds: what a ping is marked with.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn measured(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.0.round_trip_micros.store(micros, Ordering::Relaxed);
    }

    /// Says once why the session is over, and wakes whoever waits.
    pub(super) fn end(&self, error: SessionError) {
        self.0.over.send_if_modified(|over| {
            let first = over.is_none();
            if first {
                *over = Some(error);
            }
            first
        });
        self.mux().wake_all();
        self.wake();
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.0.peer_addr
    }

    pub(crate) fn round_trip(&self) -> Duration {
        Duration::from_micros(self.0.round_trip_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn why_closed(&self) -> Option<SessionError> {
        self.0.over.borrow().clone()
    }

    pub(crate) async fn closed(&self) -> SessionError {
        let mut over = self.0.over.subscribe();
        let ended = over.wait_for(Option::is_some).await.ok().and_then(|over| over.clone());
        ended.unwrap_or(SessionError::ClosedHere)
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        if self.why_closed().is_none() {
            self.mux().close(code.number(), reason.as_bytes());
            self.end(SessionError::ClosedHere);
        }
    }

    /// Waits until no more than so many streams are not over.
    pub(crate) async fn until_streams(&self, at_most: usize) {
        let changed = self.mux().changed();
        loop {
            let waiting = changed.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            if self.mux().streams() <= at_most || self.why_closed().is_some() {
                return;
            }
            waiting.await;
        }
    }

    pub(crate) async fn open(&self) -> Result<(TcpSend, TcpRecv), SessionError> {
        self.next(Mux::open).await
    }

    pub(crate) async fn accept(&self) -> Result<(TcpSend, TcpRecv), SessionError> {
        self.next(Mux::accept).await
    }

    async fn next(
        &self,
        mut step: impl FnMut(&mut Mux) -> Option<u64>,
    ) -> Result<(TcpSend, TcpRecv), SessionError> {
        let changed = self.mux().changed();
        loop {
            let waiting = changed.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            if let Some(error) = self.why_closed() {
                return Err(error);
            }
            let found = step(&mut self.mux());
            if let Some(key) = found {
                let held = Arc::new(Held { link: self.clone(), key });
                return Ok((TcpSend(held.clone()), TcpRecv(held)));
            }
            waiting.await;
        }
    }
}

/// A stream that somebody holds.
#[derive(Debug)]
struct Held {
    link: TcpLink,
    key: u64,
}

impl Held {
    /// Tries until there is an answer, or the session is over.
    async fn until<T>(&self, mut step: impl FnMut(&mut Mux) -> Option<T>) -> Result<T, StreamError> {
        let changed = self.link.mux().line_changed(self.key).ok_or(StreamError::Closed)?;
        loop {
            let waiting = changed.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            if let Some(error) = self.link.why_closed() {
                return Err(error.into());
            }
            let found = step(&mut self.link.mux());
            if let Some(found) = found {
                self.link.wake();
                return Ok(found);
            }
            waiting.await;
        }
    }

    fn tell(&self, step: impl FnOnce(&mut Mux)) {
        step(&mut self.link.mux());
        self.link.wake();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.tell(|mux| mux.leave(self.key));
    }
}

/// Our direction of a stream.
#[derive(Debug)]
pub(crate) struct TcpSend(Arc<Held>);

/// The peer's direction of a stream.
#[derive(Debug)]
pub(crate) struct TcpRecv(Arc<Held>);

impl TcpSend {
    /// Takes bytes to send. Cancelled, it has taken all of them or none.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<(), StreamError> {
        let key = self.0.key;
        self.0
            .until(|mux| match mux.write(key, &bytes) {
                Wrote::Taken => Some(Ok(())),
                Wrote::Wait => None,
                Wrote::Stopped(code) => {
                    Some(Err(StreamError::Stopped { code: ResetCode::from_number(code) }))
                }
                Wrote::Closed => Some(Err(StreamError::Closed)),
            })
            .await?
    }

    pub(crate) fn finish(&self) -> Result<(), StreamError> {
        let finished = self.0.link.mux().finish(self.0.key);
        self.0.link.wake();
        if finished { Ok(()) } else { Err(StreamError::Closed) }
    }

    pub(crate) fn reset(&self, code: ResetCode) {
        self.0.tell(|mux| mux.reset(self.0.key, code.number()));
    }

    pub(crate) fn set_priority(&self, priority: i32) {
        self.0.tell(|mux| mux.set_priority(self.0.key, priority));
    }

    #[cfg(test)]
    pub(crate) fn priority(&self) -> Option<i32> {
        self.0.link.mux().priority(self.0.key)
    }
}

impl TcpRecv {
    /// The next bytes, at most `max`; `None` at the peer's end.
    pub(crate) async fn read(&self, max: usize) -> Result<Option<Bytes>, StreamError> {
        let key = self.0.key;
        self.0
            .until(|mux| match mux.read(key, max) {
                Read::Bytes(bytes) => Some(Ok(Some(bytes))),
                Read::End => Some(Ok(None)),
                Read::Reset(code) => Some(Err(StreamError::Reset { code: ResetCode::from_number(code) })),
                Read::Wait => None,
                Read::Closed => Some(Err(StreamError::Closed)),
            })
            .await?
    }

    pub(crate) fn stop(&self, code: ResetCode) {
        self.0.tell(|mux| mux.stop(self.0.key, code.number()));
    }
}
