//! Answers strangers: nothing is allocated by what they announce, nothing waits for them without end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::HttpAnswer;
use crate::socket::BindError;

/// What strangers may take up.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Largest body of a request, in bytes.
    pub body: usize,
    /// Connections at a time; more wait until one is over.
    pub connections: usize,
    /// Requests on one connection.
    pub requests: u32,
    /// How long the head of a request may take; a connection on which nothing is asked ends then too.
    pub head_within: Duration,
    /// How long the body may take.
    pub body_within: Duration,
    /// How long a connection lasts, whatever happens on it.
    pub life: Duration,
}

impl HttpLimits {
    /// The limits for bodies of so many bytes.
    #[must_use]
    pub const fn for_bodies(body: usize) -> Self {
        Self {
            body,
            connections: 64,
            requests: 1000,
            head_within: Duration::from_secs(15),
            body_within: Duration::from_secs(15),
            life: Duration::from_secs(300),
        }
    }
}

/// Listens for HTTP/1.1.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpListener {
    /// Takes an address.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub async fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        let failed = |error: std::io::Error| BindError::Address { addr, kind: error.kind() };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers every POST to `path` with what `answer` makes of its body, until this is dropped. Whatever
    /// else is asked is refused before its body is read.
    pub async fn serve<F, A>(self, path: &'static str, limits: HttpLimits, answer: F)
    where
        F: Fn(Vec<u8>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = HttpAnswer> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(limits.connections));
        let mut connections = JoinSet::new();
        loop {
            // The system keeps waiting what there is no room for, and no more than its own backlog.
            let Ok(place) = room.clone().acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    debug!(kind = ?error.kind(), "connection not taken");
                    // Out of descriptors, most likely: what is open ends within its deadline.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let answer = answer.clone();
            connections.spawn(async move {
                connection(stream, path, limits, answer).await;
                drop(place);
            });
        }
    }
}

async fn connection<F, A>(stream: TcpStream, path: &'static str, limits: HttpLimits, answer: F)
where
    F: Fn(Vec<u8>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = HttpAnswer> + Send + 'static,
{
    // An answer is small and waited for.
    stream.set_nodelay(true).ok();
    let asked = Arc::new(AtomicU32::new(0));
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, asked) = (answer.clone(), asked.clone());
        async move {
            let last = asked.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= limits.requests;
            Ok::<_, Infallible>(response(request, path, limits, last, answer).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(limits.life, served).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => debug!(%error, "connection ended"),
    }
}

async fn response<F, A>(
    request: Request<Incoming>,
    path: &str,
    limits: HttpLimits,
    last: bool,
    answer: F,
) -> Response<Full<Bytes>>
where
    F: Fn(Vec<u8>) -> A,
    A: Future<Output = HttpAnswer>,
{
    let (answered, whole) = if request.uri().path() != path {
        (HttpAnswer::words(404, "nothing is here"), false)
    } else if request.method() != Method::POST {
        (HttpAnswer::words(405, "only POST"), false)
    } else {
        match body(request, limits).await {
            Ok(body) => (answer(body).await, true),
            Err(refused) => (refused, false),
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(answered.body)));
    *response.status_mut() =
        StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&answered.content_type)
        && !kind.is_empty()
    {
        headers.insert(CONTENT_TYPE, kind);
    }
    if answered.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    // What is left of a body that was not read is not waited for.
    if last || !whole {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The body, if it is within its limit and comes in time. What it announces is compared before a byte of
/// it is kept; what announces nothing is counted.
async fn body(request: Request<Incoming>, limits: HttpLimits) -> Result<Vec<u8>, HttpAnswer> {
    let too_large = || HttpAnswer::words(413, &format!("at most {} bytes", limits.body));
    let most = u64::try_from(limits.body).unwrap_or(u64::MAX);
    if request.body().size_hint().lower() > most {
        return Err(too_large());
    }
    match timeout(limits.body_within, Limited::new(request.into_body(), limits.body).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(HttpAnswer::words(400, "the body did not come whole")),
        Err(_) => Err(HttpAnswer::words(408, "the body came too slowly")),
    }
}

/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long nothing is taken after a connection could not be.
const PAUSE: Duration = Duration::from_millis(100);
