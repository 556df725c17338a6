//! What goes next: the session's own words first, then the most urgent stream's next piece.

use bytes::Bytes;

use super::{End, Mux, PIECE, SESSION_WINDOW, STREAM_WINDOW, Sending};
use crate::tcp::frame::{Frame, Signal};

impl Mux {
    /// The next frame to send, when there is one. After a close there is none.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        if self.silent {
            return None;
        }
        self.of_session().or_else(|| self.of_streams()).or_else(|| self.data())
    }

    fn of_session(&mut self) -> Option<Frame> {
        if let Some((code, reason)) = self.close_due.take() {
            self.silent = true;
            return Some(Frame::of(0, Signal::Close { code, reason }));
        }
        if self.end == End::Dials && self.may_open == 0 {
            return None;
        }
        if core::mem::take(&mut self.streams_due) {
            return Some(Frame::of(0, Signal::Streams(self.allowed)));
        }
        if let Some(mark) = self.pong_due.take() {
            return Some(Frame::of(0, Signal::Pong(mark)));
        }
        if let Some(mark) = self.ping_due.take() {
            return Some(Frame::of(0, Signal::Ping(mark)));
        }
        if self.read >= SESSION_WINDOW / 2 {
            let more = core::mem::take(&mut self.read);
            self.may_come = self.may_come.saturating_add(more);
            return Some(Frame::of(0, Signal::Window(more)));
        }
        None
    }

    /// What streams say of themselves: small, and never held up by their data.
    fn of_streams(&mut self) -> Option<Frame> {
        let key = self.lines.iter().find(|(_, line)| {
            let window_due = line.read >= STREAM_WINDOW / 2 && !line.peer_over;
            line.reset_due.is_some() || line.stop_due.is_some() || window_due
        });
        let key = *key?.0;
        let wire = self.number(key)?;
        let line = self.lines.get_mut(&key)?;
        let signal = if let Some(code) = line.stop_due.take() {
            Signal::Stop(code)
        } else if let Some(code) = line.reset_due.take() {
            Signal::Reset(code)
        } else {
            let more = core::mem::take(&mut line.read);
            line.may_come = line.may_come.saturating_add(more);
            Signal::Window(more)
        };
        self.tidy(key);
        Some(Frame::of(wire, signal))
    }

    /// The next piece of the most urgent stream that may send; streams of the same precedence take turns.
    fn data(&mut self) -> Option<Frame> {
        let session = self.may_send;
        let ready = self.lines.iter().filter(|(_, line)| match line.sending {
            Sending::Over => false,
            Sending::Finishing if line.out.is_empty() => true,
            _ => !line.out.is_empty() && line.may_send > 0 && session > 0,
        });
        let key = *ready.min_by_key(|(_, line)| (core::cmp::Reverse(line.priority), line.served))?.0;
        let wire = self.number(key)?;
        self.turn = self.turn.saturating_add(1);
        let line = self.lines.get_mut(&key)?;
        line.served = self.turn;
        if line.out.is_empty() {
            line.sending = Sending::Over;
            self.tidy(key);
            return Some(Frame::of(wire, Signal::End));
        }
        let window = usize::try_from(line.may_send.min(session)).unwrap_or(usize::MAX);
        let piece = line.out.split_to(line.out.len().min(PIECE).min(window));
        let len = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        line.may_send = line.may_send.saturating_sub(len);
        self.may_send = self.may_send.saturating_sub(len);
        if line.out.is_empty() {
            line.out = Bytes::new();
            line.changed.notify_waiters();
        }
        Some(Frame::of(wire, Signal::Data(piece)))
    }

    /// The stream's number on the wire, which it gets with its first frame.
    fn number(&mut self, key: u64) -> Option<u32> {
        let line = self.lines.get_mut(&key)?;
        if let Some(wire) = line.wire {
            return Some(wire);
        }
        self.opened = self.opened.saturating_add(1);
        self.reserved = self.reserved.saturating_sub(1);
        let even = self.opened.checked_mul(2)?;
        let wire = if self.end == End::Dials { even.checked_sub(1)? } else { even };
        line.wire = Some(wire);
        self.by_wire.insert(wire, key);
        Some(wire)
    }
}
