//! A frame on its way in: its head, then its body, piece by piece.
//!
//! It asks for exactly the bytes that are missing, keeps what came when a reader is cancelled, and
//! grows with what came, never with what was announced.

use pouch_wire::{Frame, FrameError, FrameKind};

/// Bytes of a frame's head, see [`Frame::parse_head`].
const HEAD: usize = 5;

/// The part of a frame that has come.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    head: Vec<u8>,
    rest: Option<(FrameKind, usize)>,
    body: Vec<u8>,
}

impl Inbound {
    /// Whether the next byte is the first of a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.head.is_empty()
    }

    /// How many bytes are missing until the next decision: the head's end, or the body's.
    pub(crate) fn missing(&self) -> usize {
        match self.rest {
            None => HEAD.saturating_sub(self.head.len()),
            Some((_, len)) => len.saturating_sub(self.body.len()),
        }
    }

    /// The body's announced length, once the head is whole.
    pub(crate) fn announced(&self) -> Option<usize> {
        self.rest.map(|(_, len)| len)
    }

    /// How many of how many bytes have come, head included.
    pub(crate) fn came(&self) -> (usize, usize) {
        let expected = self.announced().unwrap_or(0).saturating_add(HEAD);
        (self.head.len().saturating_add(self.body.len()), expected)
    }

    /// Takes bytes, at most [`Self::missing`] of them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.rest.is_some() {
            self.body.extend_from_slice(bytes);
            return Ok(());
        }
        self.head.extend_from_slice(bytes);
        if let Ok(head) = <[u8; HEAD]>::try_from(self.head.as_slice()) {
            self.rest = Some(Frame::parse_head(head)?);
        }
        Ok(())
    }

    /// The frame, when nothing is missing.
    pub(crate) fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        match self.rest {
            Some((kind, len)) if self.body.len() >= len => {
                self.rest = None;
                self.head.clear();
                Frame::from_parts(kind, core::mem::take(&mut self.body)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> Vec<Frame> {
        vec![Frame::chunk(&[1; 300]).unwrap(), Frame::chunk(&[]).unwrap(), Frame::chunk(&[2; 7]).unwrap()]
    }

    #[test]
    fn a_head_over_its_limit_is_refused_before_its_body() {
        let mut inbound = Inbound::default();
        let error = inbound.push(&[FrameKind::Chunk.number(), 0, 1, 0, 1]).unwrap_err();
        assert_eq!(error, FrameError::TooLong { kind: FrameKind::Chunk, len: 65_537, max: 65_536 });
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(cuts in proptest::collection::vec(1usize..50, 1..20)) {
            let bytes: Vec<u8> = frames().iter().flat_map(Frame::to_bytes).collect();
            let (mut inbound, mut rest, mut got) = (Inbound::default(), bytes.as_slice(), Vec::new());
            for cut in cuts.iter().cycle() {
                while let Some(frame) = inbound.take().unwrap() { got.push(frame); }
                if rest.is_empty() { break; }
                let (piece, later) = rest.split_at((*cut).min(rest.len()).min(inbound.missing()));
                inbound.push(piece).unwrap();
                rest = later;
            }
            prop_assert!(inbound.is_between_frames());
            prop_assert_eq!(got, frames());
        }
    }
}
