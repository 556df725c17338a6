//! What is done on a line that loses packets: each is sent again unasked, a little later.
//!
//! QUIC sends a lost packet again when it hears that later ones came, a round trip later at best; and when nothing is
//! heard it waits twice as long each time (RFC 9002, section 6.2). On a line that loses three packets of ten each way,
//! with 600 ms round trips, a flash of a few packets takes ten seconds by that rule alone. Here [`Line`] measures what
//! is lost, and [`Socket`] sends every packet twice or three times on lines where much is; whoever receives one twice
//! drops it unread (RFC 9000, section 12.3). Lines that lose little are not touched, nor those that lose what does not fit
//! into them; and what is sent unasked is never more than twice what was seen to arrive.

mod line;
mod lines;
mod socket;

pub(crate) use line::{Line, Losses};
pub(crate) use lines::{Known, Lines};
pub(crate) use socket::Socket;
