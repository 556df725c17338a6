//! What is urgent passes what is large, on one session, whichever way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_net::{Dialer, Limits, Session};
use pouch_wire::session::Published;
use pouch_wire::{Precedence, limits};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::ends::*;

const LARGE: usize = 1024 * 1024;
const SMALL: usize = 16 * 1024;
const LONG: Duration = Duration::from_secs(15);

/// Asks with a payload, on a task of its own.
fn asks(
    session: &Session,
    bytes: usize,
    precedence: Precedence,
) -> tokio::task::JoinHandle<Result<Published, pouch_net::RequestError>> {
    let session = session.clone();
    let index = u64::try_from(bytes).unwrap();
    tokio::spawn(async move {
        session.request_with_payload(&Published { index }, &vec![7; bytes], precedence, LONG).await
    })
}

async fn nobody_reads(near: &Session, far: &Session) {
    let mut unread = Vec::new();
    let mut large = Vec::new();
    for _ in 0..10 {
        large.push(asks(near, LARGE, Precedence::Routine));
        let mut stream = soon(far.accept()).await.unwrap();
        soon(stream.recv_message::<Published>()).await.unwrap();
        unread.push(stream);
    }
    let flash = asks(near, SMALL, Precedence::Flash);
    let mut stream = soon(far.accept()).await.unwrap();
    let question: Published = soon(stream.recv_message()).await.unwrap();
    let payload = soon(stream.recv_payload(question.index, question.index)).await.unwrap();
    assert_eq!(payload.len(), SMALL);
    stream.answer(&question).await.unwrap();
    soon(flash).await.unwrap().unwrap();
    assert!(large.iter().all(|large| !large.is_finished()), "nobody read them");
    for mut stream in unread {
        let payload = soon(stream.recv_payload(LARGE as u64, LARGE as u64)).await.unwrap();
        assert_eq!(payload.len(), LARGE);
        stream.answer(&Published { index: 1 }).await.unwrap();
    }
    for large in large {
        soon(large).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn large_messages_that_nobody_reads_yet_keep_no_flash_from_coming() {
    let (_relay, _dialer, ours, theirs) = pair(Limits::default()).await;
    nobody_reads(&ours, &theirs).await;
    nobody_reads(&theirs, &ours).await;
}

/// A link that passes a packet a millisecond each way, and has room for a few: a 1 MiB message takes a second.
async fn narrow(to: SocketAddr) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind(local()).await.unwrap());
    let back = Arc::new(UdpSocket::bind(local()).await.unwrap());
    back.connect(to).await.unwrap();
    let address = front.local_addr().unwrap();
    let client: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
    for outward in [true, false] {
        let (front, back, client) = (front.clone(), back.clone(), client.clone());
        let (queue, mut packets) = mpsc::channel::<Vec<u8>>(32);
        let sides = (front.clone(), back.clone(), client.clone());
        tokio::spawn(async move {
            let (front, back, client) = sides;
            let mut pace = tokio::time::interval(Duration::from_millis(1));
            while let Some(packet) = packets.recv().await {
                pace.tick().await;
                let known = *client.lock().unwrap();
                match known {
                    _ if outward => drop(back.send(&packet).await),
                    Some(client) => drop(front.send_to(&packet, client).await),
                    None => {}
                }
            }
        });
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let len = if outward {
                    let Ok((len, from)) = front.recv_from(&mut buffer).await else { return };
                    *client.lock().unwrap() = Some(from);
                    len
                } else {
                    let Ok(len) = back.recv(&mut buffer).await else { return };
                    len
                };
                // What finds no room is lost, as on a real link.
                queue.try_send(buffer[..len].to_vec()).ok();
            }
        });
    }
    address
}

/// Sends a large message, and when its first piece has come a flash; in which order they were whole.
async fn order_of(near: &Session, far: &Session) -> Vec<usize> {
    let (whole, mut came) = mpsc::channel(2);
    let large = asks(near, LARGE, Precedence::Routine);
    let mut stream = soon(far.accept()).await.unwrap();
    soon(stream.recv_message::<Published>()).await.unwrap();
    let first = soon(stream.recv()).await.unwrap().unwrap();
    assert_eq!(first.body().len(), limits::FRAME_BYTES);
    let flash = asks(near, SMALL, Precedence::Flash);
    let done = whole.clone();
    let reading = tokio::spawn(async move {
        let rest = LARGE - limits::FRAME_BYTES;
        let payload = stream.recv_payload(rest as u64, rest as u64).await.unwrap();
        done.send(payload.len() + limits::FRAME_BYTES).await.unwrap();
        stream.answer(&Published { index: 1 }).await.unwrap();
    });
    let mut stream = soon(far.accept()).await.unwrap();
    let question: Published = soon(stream.recv_message()).await.unwrap();
    soon(stream.recv_payload(question.index, question.index)).await.unwrap();
    whole.send(SMALL).await.unwrap();
    stream.answer(&question).await.unwrap();
    soon(flash).await.unwrap().unwrap();
    soon(reading).await.unwrap();
    soon(large).await.unwrap().unwrap();
    vec![came.recv().await.unwrap(), came.recv().await.unwrap()]
}

#[tokio::test]
async fn a_flash_passes_a_large_message_on_a_narrow_link() {
    let mut relay = Relay::start();
    let link = narrow(relay.addr()).await;
    let dialer = Dialer::bind(local(), identity(NL), Limits::default()).unwrap();
    let ours = soon(dialer.connect(link, key(RELAY))).await.unwrap();
    let theirs = relay.session().await;
    assert_eq!(order_of(&ours, &theirs).await, [SMALL, LARGE]);
    assert_eq!(order_of(&theirs, &ours).await, [SMALL, LARGE]);
}
