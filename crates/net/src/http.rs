//! A small door of HTTP/1.1: one question by POST, one answer, each with a limit and a deadline.
//!
//! It is for protocols that others speak too, as witnesses do. It authenticates nobody and says nothing
//! about what it carries: whoever answers must be able to answer strangers. A server here speaks no TLS;
//! a proxy in front of it does.

mod client;
mod server;

pub use client::{BadUrl, HttpClient, HttpError};
pub use server::{HttpLimits, HttpListener};

/// What is answered: a status, what the body is, and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// `Content-Type`; empty when there is none.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// An answer in words, with a newline at the end.
    #[must_use]
    pub fn words(status: u16, words: &str) -> Self {
        Self { status, content_type: TEXT.to_owned(), body: format!("{words}\n").into_bytes() }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
