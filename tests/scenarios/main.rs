//! Scenarios: real `pouch` processes on real sockets, driven by the commands that people type.
//!
//! Nothing here sleeps or looks at a clock to decide: every wait is for an event, with a deadline
//! that only a failure reaches.

mod life;
mod network;
