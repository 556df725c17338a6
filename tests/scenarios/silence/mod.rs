//! Silence: messages that a relay holds back, senders that are gone, relays that are, and none of it
//! claimed of a network that is only slow.

mod dead;
mod impaired;
mod proxy;
mod stage;
mod withheld;
