//! The inside of a message: compose, approve, sign, seal, open, verify.
