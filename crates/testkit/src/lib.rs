//! What the demo and the tests share: networks of real processes, founded by the real commands.
//!
//! Nothing here is used by a relay or a node that serves a state.

pub mod stage;
