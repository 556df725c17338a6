//! The UDP socket that sends packets again unasked on lossy lines.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime as _, TokioRuntime, UdpPoller};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lines::Lines;

/// How much later each copy goes: what loses a packet often loses its neighbours.
const LATER: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(40)];
/// Packets that may wait to be sent again; what is beyond is not sent again.
const WAITING: usize = 1024;

/// A packet to be sent again.
struct Copy {
    due: Instant,
    to: SocketAddr,
    ecn: Option<EcnCodepoint>,
    bytes: Box<[u8]>,
    segment: Option<usize>,
    from: Option<IpAddr>,
}

/// The system's socket, and the packets that go out again.
pub(crate) struct Socket {
    system: Arc<dyn AsyncUdpSocket>,
    lines: Arc<Lines>,
    again: [mpsc::Sender<Copy>; 2],
}

impl Socket {
    /// Takes a bound socket; must be called within a tokio runtime.
    pub(crate) fn new(socket: std::net::UdpSocket, lines: Arc<Lines>) -> io::Result<Arc<Self>> {
        let system = TokioRuntime.wrap_udp_socket(socket)?;
        let again = LATER.map(|_| {
            let (again, waiting) = mpsc::channel(WAITING);
            tokio::spawn(send_again(Arc::clone(&system), waiting));
            again
        });
        Ok(Arc::new(Self { system, lines, again }))
    }
}

/// Ends with the socket.
async fn send_again(system: Arc<dyn AsyncUdpSocket>, mut waiting: mpsc::Receiver<Copy>) {
    while let Some(Copy { due, to, ecn, bytes, segment, from }) = waiting.recv().await {
        tokio::time::sleep_until(due).await;
        let transmit =
            Transmit { destination: to, ecn, contents: &bytes, segment_size: segment, src_ip: from };
        // A copy that has no room is not needed enough to wait for it.
        drop(system.try_send(&transmit));
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.system).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.system.try_send(transmit)?;
        let extra = self.lines.extra(transmit.destination, transmit.contents.len());
        for (again, later) in self.again.iter().zip(LATER).take(extra.into()) {
            let Some(due) = Instant::now().checked_add(later) else { break };
            let copy = Copy {
                due,
                to: transmit.destination,
                ecn: transmit.ecn,
                bytes: transmit.contents.into(),
                segment: transmit.segment_size,
                from: transmit.src_ip,
            };
            drop(again.try_send(copy));
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.system.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.system.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.system.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.system.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.system.may_fragment()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({:?})", self.system.local_addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lossy::{Line, Losses};

    #[tokio::test]
    async fn on_a_lossy_line_every_packet_comes_more_than_once() {
        let lines = Arc::new(Lines::default());
        let [good, bad] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let line = Arc::new(Line::new(lines.lossy()));
        let mut losses = Losses::of(Arc::clone(&line));
        losses.lost(2 * 1200);
        lines.learn(bad.local_addr().unwrap(), &line);
        let socket = Socket::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), lines).unwrap();
        let mut poller = Arc::clone(&socket).create_io_poller();
        for (to, contents) in [(&bad, b"first"), (&bad, b"other"), (&good, b"alone"), (&good, b"after")] {
            std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
            let destination = to.local_addr().unwrap();
            let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
            socket.try_send(&transmit).unwrap();
        }
        let came = |at: std::net::UdpSocket, packets: usize| async move {
            at.set_nonblocking(true).unwrap();
            let at = tokio::net::UdpSocket::from_std(at).unwrap();
            let mut came = Vec::new();
            let mut bytes = [0; 5];
            for _ in 0..packets {
                let next = tokio::time::timeout(Duration::from_secs(10), at.recv(&mut bytes));
                next.await.expect("a packet in time").unwrap();
                came.push(bytes);
            }
            came
        };
        let mut twice = came(bad, 4).await;
        twice.sort_unstable();
        assert_eq!(twice, [*b"first", *b"first", *b"other", *b"other"]);
        assert_eq!(came(good, 2).await, [*b"alone", *b"after"], "the second comes right after the first");
    }
}
