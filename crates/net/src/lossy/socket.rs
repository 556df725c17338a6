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
            let copy = Copy {
                due: Instant::now() + later,
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
