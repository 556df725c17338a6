//! What adversaries try, and that it fails for its own reason: members with valid keys, operators with
//! a relay's keys and disk, and outsiders with none.
//!
//! Beside each attempt stands its honest twin, made by the same code, which is accepted and shown: so it
//! is the one changed thing that is refused, and not a mistake of the test.

mod captured;
mod keys;
mod letter;
mod line;
mod puppet;
mod scene;
mod wild;

mod exercises;
mod followed;
mod frames;
mod gossip;
mod inside;
mod logs;
mod officers;
mod receipts;
mod relayed;
mod statements;
mod strangers;
mod submitted;

pub(crate) use captured::store_of;
pub(crate) use keys::KeyFolder;
pub(crate) use letter::Parcel;
pub(crate) use logs::Log;
pub(crate) use scene::{Scene, now};
