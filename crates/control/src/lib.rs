//! The local API between an agent and its users.
