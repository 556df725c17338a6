//! The door of HTTP: strangers take up no more than its limits, whatever they announce or leave out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pouch_net::{BadUrl, HttpAnswer, HttpClient, HttpError, HttpLimits, HttpListener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(30);

/// A door that answers with what it was told, and counts.
struct Door {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Door {
    async fn open(limits: HttpLimits) -> Self {
        let listener = HttpListener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move |body: Vec<u8>| {
            count.fetch_add(1, Ordering::SeqCst);
            async move { HttpAnswer { status: 200, content_type: "text/plain".into(), body } }
        };
        Self { address, asked, serving: tokio::spawn(listener.serve("/ask", limits, answer)) }
    }

    /// Everything that comes back until the server hangs up.
    async fn says(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut said = Vec::new();
        // A reset after the answer is as good as an end.
        tokio::time::timeout(LONG, stream.read_to_end(&mut said)).await.expect("the server hangs up").ok();
        String::from_utf8_lossy(&said).into_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn limits() -> HttpLimits {
    HttpLimits::for_bodies(100)
}

#[tokio::test]
async fn only_post_to_the_one_path_is_answered() {
    let door = Door::open(limits()).await;
    for (request, status) in [
        ("GET /ask HTTP/1.1\r\nhost: x\r\n\r\n", "405"),
        ("HEAD /ask HTTP/1.1\r\nhost: x\r\n\r\n", "405"),
        ("PUT /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi", "405"),
        ("POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi", "404"),
        ("POST /ask/ HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi", "404"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let said = door.says(request).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {said}");
        assert_eq!(said.contains("allow: POST"), status == "405", "{said}");
    }
    assert_eq!(door.asked.load(Ordering::SeqCst), 0);
    let said =
        door.says("POST /ask HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi").await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\nhi"), "{said}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let door = Door::open(limits()).await;
    let announced = "POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 101\r\n\r\n";
    assert!(door.says(announced).await.starts_with("HTTP/1.1 413 "), "before a byte of it came");
    let huge = "POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\n";
    assert!(!door.says(huge).await.starts_with("HTTP/1.1 2"));
    let chunk = format!("64\r\n{}\r\n", "a".repeat(100));
    let chunked =
        format!("POST /ask HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    assert!(door.says(chunked).await.starts_with("HTTP/1.1 413 "));
    let head = format!("POST /ask HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "a".repeat(64 * 1024));
    assert!(!door.says(head).await.starts_with("HTTP/1.1 2"));
    assert_eq!(door.asked.load(Ordering::SeqCst), 0);
    let client = HttpClient::new(&door.url("/ask"), None).unwrap();
    let answer = client.post(vec![b'a'; 100], 100, LONG).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, vec![b'a'; 100]));
}

#[tokio::test]
async fn who_says_nothing_or_only_a_part_is_hung_up_on() {
    let short = Duration::from_millis(50);
    let door = Door::open(HttpLimits { head_within: short, body_within: short, ..limits() }).await;
    for part in ["", "POST /ask HT", "POST /ask HTTP/1.1\r\nhost: x\r\n"] {
        let said = door.says(part).await;
        assert!(!said.starts_with("HTTP/1.1 2"), "{part:?}: {said}");
    }
    let half = "POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
    assert!(door.says(half).await.starts_with("HTTP/1.1 408 "));
    assert_eq!(door.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_has_a_life_and_a_number_of_requests() {
    let door = Door::open(HttpLimits { life: Duration::from_millis(100), ..limits() }).await;
    // It hangs up although nothing is late.
    assert_eq!(door.says("POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n").await, "");
    let door = Door::open(HttpLimits { requests: 2, ..limits() }).await;
    let one = "POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
    let said = door.says(one.repeat(5)).await;
    assert_eq!((said.matches("HTTP/1.1 200 ").count(), said.matches("connection: close").count()), (2, 1));
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait_and_are_answered() {
    let door = Door::open(HttpLimits { connections: 1, head_within: Duration::from_millis(100), ..limits() });
    let door = door.await;
    let silent = TcpStream::connect(door.address).await.unwrap();
    let client = HttpClient::new(&door.url("/ask"), None).unwrap();
    assert_eq!(client.post(b"hi".to_vec(), 10, LONG).await.unwrap().body, b"hi");
    drop(silent);
}

#[tokio::test]
async fn a_client_uses_a_connection_again_and_makes_another_when_it_ended() {
    let door = Door::open(HttpLimits { requests: 2, ..limits() }).await;
    let client = HttpClient::new(&door.url("/ask"), None).unwrap();
    for n in 0..5_u8 {
        assert_eq!(client.post(vec![b'a' + n], 10, LONG).await.unwrap().body, [b'a' + n]);
    }
    assert_eq!(door.asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn an_answer_has_limits_too() {
    let door = Door::open(limits()).await;
    let client = HttpClient::new(&door.url("/ask"), None).unwrap();
    assert_eq!(client.post(vec![b'a'; 20], 19, LONG).await, Err(HttpError::TooLarge));
    // A server that takes the question and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HttpClient::new(&format!("http://{}/", silent.local_addr().unwrap()), None).unwrap();
    assert_eq!(client.post(Vec::new(), 10, Duration::from_millis(50)).await, Err(HttpError::Late));
    drop(silent);
    assert_eq!(client.post(Vec::new(), 10, LONG).await, Err(HttpError::Unreachable));
}

#[test]
fn only_whole_http_addresses_are_taken() {
    for good in ["http://w.example/", "http://w.example:8080/a/b", "http://[::1]:80/", "http://127.0.0.1"] {
        HttpClient::new(good, None).unwrap();
    }
    for bad in
        ["", "w.example", "ftp://w.example/", "http://", "http://me@w.example/", "http://w.example/?a=b"]
    {
        assert!(matches!(HttpClient::new(bad, None), Err(BadUrl::Malformed(_))), "{bad}");
    }
    let none = HttpClient::new("https://w.example/", Some(b"no certificate"));
    assert!(matches!(none, Err(BadUrl::NoRoots(_))));
}
