//! What the peer sends, taken in or refused.

use bytes::Bytes;

use super::{End, Line, Mux, Receiving, Sending};
use crate::tcp::frame::{Broken, Frame, Signal};

impl Mux {
    /// Takes a frame in.
    pub(crate) fn on_frame(&mut self, frame: Frame) -> Result<(), Broken> {
        let Frame { stream, signal } = frame;
        match signal {
            Signal::Streams(total) => self.on_streams(total),
            Signal::Ping(mark) => {
                // Only the newest is answered: a peer that asks without end is owed one word.
                self.pong_due = Some(mark);
                Ok(())
            }
            Signal::Pong(mark) => {
                self.ponged = Some(mark);
                Ok(())
            }
            Signal::Close { code, reason } => {
                self.closed_by_peer = Some((code, reason));
                Ok(())
            }
            Signal::Window(more) if stream == 0 => {
                self.may_send = grow(self.may_send, more)?;
                Ok(())
            }
            Signal::Data(bytes) => self.on_data(stream, &bytes),
            signal => self.on_stream(stream, &signal),
        }
    }

    fn on_streams(&mut self, total: u32) -> Result<(), Broken> {
        if total < self.may_open {
            return Err(Broken("a number of streams that was taken back"));
        }
        if self.may_open == 0 && self.end == End::Dials {
            self.streams_due = true;
        }
        self.may_open = total;
        self.changed.notify_waiters();
        Ok(())
    }

    fn on_data(&mut self, stream: u32, bytes: &Bytes) -> Result<(), Broken> {
        let len = u32::try_from(bytes.len()).map_err(|_| Broken("more data than a frame has"))?;
        self.may_come =
            self.may_come.checked_sub(len).ok_or(Broken("more data than the session may have"))?;
        let line = self.known(stream)?.and_then(|key| self.lines.get_mut(&key));
        let Some(line) = line else {
            // Of a stream that is over here, and was not there.
            self.read = self.read.saturating_add(len);
            return Ok(());
        };
        if line.peer_over {
            return Err(Broken("data after the end of a stream"));
        }
        line.may_come = line.may_come.checked_sub(len).ok_or(Broken("more data than a stream may have"))?;
        if line.receiving == Receiving::Stopped {
            self.read = self.read.saturating_add(len);
        } else {
            line.inbox.extend_from_slice(bytes);
            line.changed.notify_waiters();
        }
        Ok(())
    }

    fn on_stream(&mut self, stream: u32, signal: &Signal) -> Result<(), Broken> {
        let Some(key) = self.known(stream)? else { return Ok(()) };
        let Some(line) = self.lines.get_mut(&key) else { return Ok(()) };
        match signal {
            Signal::Window(more) => line.may_send = grow(line.may_send, *more)?,
            Signal::Stop(code) if line.sending != Sending::Over => {
                line.stopped = Some(*code);
                line.out = Bytes::new();
                line.sending = Sending::Over;
                line.reset_due = Some(*code);
            }
            Signal::End | Signal::Reset(_) if line.peer_over => {
                return Err(Broken("a second end of a stream"));
            }
            Signal::End => {
                line.peer_over = true;
                if line.receiving == Receiving::Open {
                    line.receiving = Receiving::Ended;
                }
            }
            Signal::Reset(code) => {
                line.peer_over = true;
                let unread = u32::try_from(line.inbox.len()).unwrap_or(u32::MAX);
                self.read = self.read.saturating_add(unread);
                line.inbox.clear();
                if line.receiving == Receiving::Open {
                    line.receiving = Receiving::Reset(*code);
                }
            }
            _ => {}
        }
        if line.peer_over {
            line.stop_due = None;
        }
        line.changed.notify_waiters();
        self.tidy(key);
        Ok(())
    }

    /// The stream of a number; `None` when it is over. The peer's next number opens one.
    fn known(&mut self, stream: u32) -> Result<Option<u64>, Broken> {
        if let Some(key) = self.by_wire.get(&stream) {
            return Ok(Some(*key));
        }
        let odd = stream & 1 == 1;
        let theirs = odd != (self.end == End::Dials);
        // Numbers from one on: 1, 3, 5 are the first, second and third of the one who dials.
        let place = stream.div_ceil(2);
        if !theirs {
            return if place <= self.opened { Ok(None) } else { Err(Broken("a stream that nobody opened")) };
        }
        if place <= self.came {
            return Ok(None);
        }
        if place != self.came.saturating_add(1) {
            return Err(Broken("a stream out of turn"));
        }
        if place > self.allowed {
            return Err(Broken("more streams than are allowed"));
        }
        self.came = place;
        let key = self.add(Line::new(Some(stream), true));
        self.by_wire.insert(stream, key);
        self.waiting.push_back(key);
        self.changed.notify_waiters();
        Ok(Some(key))
    }
}

/// No peer lets us send more than this at a time; a sum beyond it is a trick.
const WINDOW_MAX: u64 = u32::MAX as u64;

fn grow(window: u64, more: u32) -> Result<u64, Broken> {
    let grown = window.saturating_add(more.into());
    if grown > WINDOW_MAX { Err(Broken("a window without end")) } else { Ok(grown) }
}
