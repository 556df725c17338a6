//! Which carrier comes up first: QUIC has a head start, and an answer from the relay is an answer.

use core::time::Duration;

use crate::dialer::ConnectError;
use crate::session::SessionError;

/// QUIC's head start.
pub(crate) const HEAD_START: Duration = Duration::from_millis(300);

/// The first session that comes up; the other attempt is dropped, which ends it. Futures are not polled before
/// they are needed, so a relay that QUIC reaches at once sees no TCP at all.
pub(crate) async fn race<S>(
    quic: impl Future<Output = Result<S, ConnectError>>,
    tcp: impl Future<Output = Result<S, ConnectError>>,
) -> Result<S, ConnectError> {
    tokio::pin!(quic, tcp);
    let first = match tokio::time::timeout(HEAD_START, quic.as_mut()).await {
        Ok(Err(error)) if !is_answer(&error) => Some(error),
        Ok(answered) => return answered,
        Err(_) => None,
    };
    if let Some(failed) = first {
        return better(tcp.await, failed);
    }
    tokio::select! {
        done = quic.as_mut() => match done {
            Err(error) if !is_answer(&error) => better(tcp.await, error),
            answered => answered,
        },
        done = tcp.as_mut() => match done {
            Err(error) if !is_answer(&error) => better(quic.await, error),
            answered => answered,
        },
    }
}

/// Whether the relay itself has said no: it would say so on the other carrier too. That it is busy is no such
/// word, since each carrier has room of its own.
const fn is_answer(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::NotKnown { .. }
            | ConnectError::OtherKey { .. }
            | ConnectError::OtherProtocol { .. }
            | ConnectError::Session(SessionError::ClosedByPeer { .. })
    )
}

/// What the second attempt brought, or the more telling of two failures: an answer, or else the first's.
fn better<S>(second: Result<S, ConnectError>, first: ConnectError) -> Result<S, ConnectError> {
    match second {
        Err(error) if !is_answer(&error) => Err(first),
        second => second,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::code::CloseCode;

    fn addr() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 1))
    }

    async fn after<S>(millis: u64, result: Result<S, ConnectError>) -> Result<S, ConnectError> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        result
    }

    #[tokio::test(start_paused = true)]
    async fn quic_that_comes_up_within_its_head_start_is_not_raced() {
        let tried = AtomicBool::new(false);
        let tcp = async {
            tried.store(true, Ordering::Relaxed);
            Ok("tcp")
        };
        assert_eq!(race(after(299, Ok("quic")), tcp).await, Ok("quic"));
        assert!(!tried.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn tcp_takes_over_after_300_ms_and_the_faster_of_both_wins() {
        let begun = tokio::time::Instant::now();
        assert_eq!(race(after(60_000, Ok("quic")), after(50, Ok("tcp"))).await, Ok("tcp"));
        assert_eq!(begun.elapsed(), Duration::from_millis(350));
        assert_eq!(race(after(340, Ok("quic")), after(50, Ok("tcp"))).await, Ok("quic"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_carrier_that_fails_leaves_the_other_its_time() {
        let nowhere = || ConnectError::Address { addr: addr() };
        let lost = || ConnectError::Session(SessionError::CutOff);
        let begun = tokio::time::Instant::now();
        assert_eq!(race(after(10, Err(nowhere())), after(50, Ok("tcp"))).await, Ok("tcp"));
        assert_eq!(begun.elapsed(), Duration::from_millis(60), "at once, not after the head start");
        assert_eq!(race(after(900, Ok("quic")), after(50, Err(lost()))).await, Ok("quic"));
        assert_eq!(race(after(900, Err(nowhere())), after(5_000, Ok("tcp"))).await, Ok("tcp"));
        assert_eq!(race::<()>(after(9, Err(nowhere())), after(9, Err(lost()))).await, Err(nowhere()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_relay_says_is_final() {
        let no = || ConnectError::NotKnown { addr: addr() };
        assert_eq!(race(after(900, Err(no())), after(60_000, Ok(()))).await, Err(no()));
        assert_eq!(race(after(60_000, Ok(())), after(50, Err(no()))).await, Err(no()));
        let (code, reason) = (CloseCode::Busy, || "connecting too often".to_owned());
        let often = || ConnectError::Session(SessionError::ClosedByPeer { code, reason: reason() });
        assert_eq!(race(after(9, Err(often())), after(5, Ok(()))).await, Err(often()));
        assert_eq!(race(after(60_000, Ok(())), after(50, Err(often()))).await, Err(often()));
        // Full on one carrier, it may have room on the other.
        let busy = || ConnectError::Busy { addr: addr() };
        assert_eq!(race(after(9, Err(busy())), after(5, Ok("tcp"))).await, Ok("tcp"));
    }
}
