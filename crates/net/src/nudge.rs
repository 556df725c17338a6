//! Small packets that bring out what was lost, while a flash waits for its answer.
//!
//! When acknowledgements are lost too, QUIC waits twice as long before each further attempt: on a line that loses a
//! third both ways, a minute is soon gone. But whatever is sent and acknowledged shows at once what of all before
//! is missing. So while the answer to a flash is due, an empty stream is opened and ended about twice a round
//! trip. It is no request, and whoever gets it does nothing. On a good line the answer comes first.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::carrier::Link;
use crate::code::ResetCode;

/// Empty streams that are not over at a time: streams are few, and meant for requests.
const AT_A_TIME: usize = 4;
/// As often as that and no more: a peer that answers nothing has no use for them.
const MOST: u32 = 200;
/// The shortest time between two.
const SHORTEST: Duration = Duration::from_millis(100);

/// How many are under way on a session.
#[derive(Debug, Default)]
pub(crate) struct Nudges(Arc<AtomicUsize>);

/// One that is under way.
struct Nudge(Arc<AtomicUsize>);

impl Drop for Nudge {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Nudges {
    /// Sends some for as long as this is polled; TCP repairs its losses by itself.
    pub(crate) async fn keep_on(&self, link: &Link) {
        if let Link::Quic(connection) = link {
            tokio::time::sleep(first(connection.rtt())).await;
            for _ in 0..MOST {
                self.one(connection).await;
                tokio::time::sleep(next(connection.rtt())).await;
            }
        }
        core::future::pending().await
    }

    async fn one(&self, connection: &quinn::Connection) {
        if self.0.load(Ordering::Relaxed) >= AT_A_TIME {
            return;
        }
        // Requests go first when there are no more streams.
        let opened = tokio::select! {
            biased;
            opened = connection.open_bi() => opened.ok(),
            () = core::future::ready(()) => None,
        };
        let Some((mut send, mut recv)) = opened else { return };
        self.0.fetch_add(1, Ordering::Relaxed);
        let nudge = Nudge(Arc::clone(&self.0));
        tokio::spawn(async move {
            send.finish().ok();
            // The peer lets it go as soon as it has seen it; until then it counts.
            recv.received_reset().await.ok();
            recv.stop(ResetCode::Done.varint()).ok();
            drop(nudge);
        });
    }
}

/// When an answer is late: a good line has brought it by then.
fn first(round_trip: Duration) -> Duration {
    round_trip.saturating_mul(5).checked_div(4).unwrap_or_default().max(SHORTEST)
}

fn next(round_trip: Duration) -> Duration {
    round_trip.checked_div(2).unwrap_or_default().max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_line_sees_none_and_a_long_one_two_a_round_trip() {
        let long = Duration::from_millis(600);
        assert_eq!((first(long), next(long)), (Duration::from_millis(750), Duration::from_millis(300)));
        assert_eq!((first(Duration::ZERO), next(Duration::ZERO)), (SHORTEST, SHORTEST));
    }
}
