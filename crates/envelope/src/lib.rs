//! The outside of a message: all that relay, log and auditor may see.
