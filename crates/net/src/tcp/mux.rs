//! Many streams over one connection: what each end may send, and in which order it goes.
//!
//! Nothing here reads a socket or a clock. Both ends have a window per stream and one for the session, and a
//! number of streams that the other may open, as in QUIC; so what a peer can make us hold is bounded whatever
//! it does. What waits to be sent goes by precedence, a piece of 4 KiB at a time: a flash passes a large
//! message within it.

mod coming;
mod going;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

/// What one stream may have on its way to us.
pub(crate) const STREAM_WINDOW: u32 = 256 * 1024;
/// What all streams of a session together may have on their way to us.
pub(crate) const SESSION_WINDOW: u32 = 2 * 1024 * 1024;
/// What goes at a time before a more urgent stream may pass.
pub(crate) const PIECE: usize = 4 * 1024;

/// Which end it is; the one who dials numbers its streams odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Dials,
    Answers,
}

/// Our direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Open,
    /// What is left goes, and then the end.
    Finishing,
    /// The end or a reset was sent, or is about to be.
    Over,
}

/// The peer's direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiving {
    Open,
    Ended,
    Reset(u64),
    /// We want no more; what comes is thrown away.
    Stopped,
}

/// One stream.
#[derive(Debug)]
struct Line {
    /// Its number on the wire; none before its first frame went.
    wire: Option<u32>,
    theirs: bool,
    priority: i32,
    sending: Sending,
    /// What of the last write is not sent yet.
    out: Bytes,
    reset_due: Option<u64>,
    /// The peer wants no more.
    stopped: Option<u64>,
    /// How much more the peer lets us send.
    may_send: u64,
    /// When it was last served.
    served: u64,
    receiving: Receiving,
    inbox: BytesMut,
    stop_due: Option<u64>,
    /// The peer's end or reset came.
    peer_over: bool,
    /// How much more the peer may send.
    may_come: u32,
    /// What was read and not yet granted anew.
    read: u32,
    /// Nobody holds it any more.
    gone: bool,
    changed: Arc<Notify>,
}

impl Line {
    fn new(wire: Option<u32>, theirs: bool) -> Self {
        Self {
            wire,
            theirs,
            priority: 0,
            sending: Sending::Open,
            out: Bytes::new(),
            reset_due: None,
            stopped: None,
            may_send: STREAM_WINDOW.into(),
            served: 0,
            receiving: Receiving::Open,
            inbox: BytesMut::new(),
            stop_due: None,
            peer_over: false,
            may_come: STREAM_WINDOW,
            read: 0,
            gone: false,
            changed: Arc::new(Notify::new()),
        }
    }

    fn is_over(&self) -> bool {
        self.gone && self.peer_over && self.sending == Sending::Over && self.reset_due.is_none()
    }
}

/// What comes of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    Taken,
    /// What was written before is not sent yet.
    Wait,
    Stopped(u64),
    Closed,
}

/// What comes of a read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(Bytes),
    End,
    Reset(u64),
    Wait,
    Closed,
}

/// The streams of one session.
#[derive(Debug)]
pub(crate) struct Mux {
    end: End,
    /// By numbers of our own, never used twice.
    lines: BTreeMap<u64, Line>,
    by_wire: BTreeMap<u32, u64>,
    next: u64,
    /// Streams of ours that have a number on the wire.
    opened: u32,
    /// Streams of ours that have none yet.
    reserved: u32,
    /// How many we may open, in all.
    may_open: u32,
    /// Streams that the peer opened.
    came: u32,
    /// How many it may open, in all.
    allowed: u32,
    streams_due: bool,
    /// Opened by the peer and not yet accepted here.
    waiting: VecDeque<u64>,
    may_send: u64,
    may_come: u32,
    read: u32,
    ping_due: Option<u64>,
    pong_due: Option<u64>,
    /// The peer's answer to a ping.
    ponged: Option<u64>,
    close_due: Option<(u64, Bytes)>,
    /// Our last word is said.
    silent: bool,
    closed_by_peer: Option<(u64, Bytes)>,
    turn: u64,
    /// A stream may be opened, or was.
    changed: Arc<Notify>,
}

impl Mux {
    /// A session's streams, of which the peer may have so many open at a time.
    pub(crate) fn new(end: End, streams: u32) -> Self {
        Self {
            end,
            lines: BTreeMap::new(),
            by_wire: BTreeMap::new(),
            next: 0,
            opened: 0,
            reserved: 0,
            may_open: 0,
            came: 0,
            allowed: streams,
            // The one who dials stays silent until the other has accepted its key: what it sent would
            // lie unread, and the refusal be lost with it.
            streams_due: end == End::Answers,
            waiting: VecDeque::new(),
            may_send: SESSION_WINDOW.into(),
            may_come: SESSION_WINDOW,
            read: 0,
            ping_due: None,
            pong_due: None,
            ponged: None,
            close_due: None,
            silent: false,
            closed_by_peer: None,
            turn: 0,
            changed: Arc::new(Notify::new()),
        }
    }

    /// Told when a stream may be opened or accepted.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Told when something of a stream changed.
    pub(crate) fn line_changed(&self, key: u64) -> Option<Arc<Notify>> {
        self.lines.get(&key).map(|line| Arc::clone(&line.changed))
    }

    /// How many streams are not over.
    pub(crate) fn streams(&self) -> usize {
        self.lines.len()
    }

    /// A new stream, when the peer allows one more.
    pub(crate) fn open(&mut self) -> Option<u64> {
        if self.opened.saturating_add(self.reserved) >= self.may_open {
            return None;
        }
        self.reserved = self.reserved.saturating_add(1);
        Some(self.add(Line::new(None, false)))
    }

    /// The next stream that the peer opened.
    pub(crate) fn accept(&mut self) -> Option<u64> {
        self.waiting.pop_front()
    }

    fn add(&mut self, line: Line) -> u64 {
        let key = self.next;
        self.next = self.next.saturating_add(1);
        self.lines.insert(key, line);
        key
    }

    /// Takes bytes to send, when those before have gone.
    pub(crate) fn write(&mut self, key: u64, bytes: &Bytes) -> Wrote {
        let Some(line) = self.lines.get_mut(&key) else { return Wrote::Closed };
        if let Some(code) = line.stopped {
            return Wrote::Stopped(code);
        }
        if line.sending != Sending::Open {
            return Wrote::Closed;
        }
        if !line.out.is_empty() {
            return Wrote::Wait;
        }
        line.out = bytes.clone();
        Wrote::Taken
    }

    /// Ends our direction once all has gone.
    pub(crate) fn finish(&mut self, key: u64) -> bool {
        match self.lines.get_mut(&key) {
            Some(line) if line.sending == Sending::Open => {
                line.sending = Sending::Finishing;
                true
            }
            // Whom the peer stopped has nothing left to finish.
            Some(line) => line.stopped.is_some(),
            None => false,
        }
    }

    /// Cuts our direction off.
    pub(crate) fn reset(&mut self, key: u64, code: u64) {
        if let Some(line) = self.lines.get_mut(&key)
            && line.sending != Sending::Over
        {
            line.sending = Sending::Over;
            line.reset_due = Some(code);
            line.out = Bytes::new();
        }
    }

    /// Wants no more of the peer's direction.
    pub(crate) fn stop(&mut self, key: u64, code: u64) {
        let Some(line) = self.lines.get_mut(&key) else { return };
        if line.receiving == Receiving::Stopped {
            return;
        }
        let unread = u32::try_from(line.inbox.len()).unwrap_or(u32::MAX);
        line.inbox = BytesMut::new();
        line.receiving = Receiving::Stopped;
        if !line.peer_over {
            line.stop_due = Some(code);
        }
        self.read = self.read.saturating_add(unread);
    }

    /// Higher numbers go first.
    pub(crate) fn set_priority(&mut self, key: u64, priority: i32) {
        if let Some(line) = self.lines.get_mut(&key) {
            line.priority = priority;
        }
    }

    #[cfg(test)]
    pub(crate) fn priority(&self, key: u64) -> Option<i32> {
        self.lines.get(&key).map(|line| line.priority)
    }

    /// At most `max` bytes of what came.
    pub(crate) fn read(&mut self, key: u64, max: usize) -> Read {
        let Some(line) = self.lines.get_mut(&key) else { return Read::Closed };
        if line.receiving == Receiving::Stopped {
            return Read::Closed;
        }
        if let Receiving::Reset(code) = line.receiving {
            return Read::Reset(code);
        }
        if line.inbox.is_empty() {
            return if line.receiving == Receiving::Ended { Read::End } else { Read::Wait };
        }
        let len = line.inbox.len().min(max);
        let bytes = line.inbox.split_to(len).freeze();
        let read = u32::try_from(len).unwrap_or(u32::MAX);
        line.read = line.read.saturating_add(read);
        self.read = self.read.saturating_add(read);
        Read::Bytes(bytes)
    }

    /// Nobody holds the stream any more: what was not ended is cut off before.
    pub(crate) fn leave(&mut self, key: u64) {
        let Some(line) = self.lines.get_mut(&key) else { return };
        line.gone = true;
        let never_went = line.wire.is_none() && line.out.is_empty() && line.sending == Sending::Over;
        if never_went {
            // The peer never heard of it, and need not.
            self.reserved = self.reserved.saturating_sub(1);
            self.lines.remove(&key);
            self.changed.notify_waiters();
        } else {
            self.tidy(key);
        }
    }

    /// Asks the peer for a sign of life.
    pub(crate) fn ping(&mut self, mark: u64) {
        self.ping_due = Some(mark);
    }

    /// The mark of the newest ping that the peer answered since this was asked.
    pub(crate) fn take_pong(&mut self) -> Option<u64> {
        self.ponged.take()
    }

    /// Ends the session: the next frame is the last.
    pub(crate) fn close(&mut self, code: u64, reason: &[u8]) {
        if self.close_due.is_none() {
            self.close_due = Some((code, Bytes::copy_from_slice(reason)));
        }
    }

    /// What the peer said when it closed.
    pub(crate) fn closed_by_peer(&self) -> Option<&(u64, Bytes)> {
        self.closed_by_peer.as_ref()
    }

    /// Wakes whoever waits for anything: the session is over.
    pub(crate) fn wake_all(&self) {
        self.changed.notify_waiters();
        self.lines.values().for_each(|line| line.changed.notify_waiters());
    }

    /// Forgets a stream that is over both ways, and lets the peer open another.
    fn tidy(&mut self, key: u64) {
        let Some(line) = self.lines.get(&key).filter(|line| line.is_over()) else { return };
        if let Some(wire) = line.wire {
            self.by_wire.remove(&wire);
        }
        if line.theirs {
            self.allowed = self.allowed.saturating_add(1);
            self.streams_due = true;
        }
        self.lines.remove(&key);
        self.changed.notify_waiters();
    }
}
