//! Authenticated sessions that carry frames over QUIC.
