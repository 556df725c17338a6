//! Sessions over real QUIC and real TCP on the loopback: who gets one, what it carries, how it ends.
//!
//! Nothing sleeps; every wait has a deadline, and no test passes because of how long something took.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

/// Runs claims about sessions over both carriers.
macro_rules! on_both {
    ($($claim:ident)*) => { $(
        mod $claim {
            #[tokio::test]
            async fn over_quic() {
                super::$claim(pouch_net::Transport::Quic).await;
            }

            #[tokio::test]
            async fn over_tcp() {
                super::$claim(pouch_net::Transport::Tcp).await;
            }
        }
    )* };
}

mod codes;
mod door;
mod ends;
mod frames;
mod handshake;
mod http;
mod life;
mod payload;
mod raw;
mod requests;
mod tcp;
mod tcp_hostile;
mod urgency;
