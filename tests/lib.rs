//! Scenarios: real processes, real sockets.
