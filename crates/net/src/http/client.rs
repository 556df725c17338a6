//! Asks one server by POST. An answer is bounded and has a deadline; nothing is followed elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::HttpAnswer;
use crate::tls;

/// Why an address cannot be asked. The configuration is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadUrl {
    /// Not `http://` or `https://` with a host, or with more than a path after it.
    #[error("{0:?} is no http or https address")]
    Malformed(String),
    /// No certificate is there that a server could be known by.
    #[error("no usable root certificate for {0:?}")]
    NoRoots(String),
}

impl BadUrl {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "POUCH-NET-70",
            Self::NoRoots(_) => "POUCH-NET-71",
        }
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection, or its certificate is not good.
    #[error("not reached")]
    Unreachable,
    /// It hung up, or what it says is not HTTP.
    #[error("no whole answer")]
    Broken,
    /// The answer is larger than any good one.
    #[error("an answer that is too large")]
    TooLarge,
    /// Nothing in time.
    #[error("no answer in time")]
    Late,
}

impl HttpError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable => "POUCH-NET-72",
            Self::Broken => "POUCH-NET-73",
            Self::TooLarge => "POUCH-NET-74",
            Self::Late => "POUCH-NET-75",
        }
    }
}

/// Reaches one server. Connections are kept for the next question.
pub struct HttpClient {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.uri)
    }
}

impl HttpClient {
    /// A client of the server at `url`. For https it is known by the system's root certificates, or by
    /// those of `roots` (PEM) and no others.
    ///
    /// # Errors
    /// When the address is none, or there are no roots.
    pub fn new(url: &str, roots: Option<&[u8]>) -> Result<Self, BadUrl> {
        let malformed = || BadUrl::Malformed(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let plain = match uri.scheme_str() {
            Some("http") => true,
            Some("https") => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(malformed)?;
        if uri.query().is_some() {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let tls = if plain {
            None
        } else {
            let name = ServerName::try_from(host.clone()).map_err(|_| malformed())?;
            Some((connector(roots).ok_or_else(|| BadUrl::NoRoots(url.to_owned()))?, name))
        };
        Ok(Self { uri, host, port, tls, idle: Mutex::default() })
    }

    /// Asks, and waits for the answer's `most` bytes.
    ///
    /// # Errors
    /// When there is no whole answer within its limits.
    pub async fn post(&self, body: Vec<u8>, most: usize, within: Duration) -> Result<HttpAnswer, HttpError> {
        timeout(within, self.ask(Bytes::from(body), most)).await.unwrap_or(Err(HttpError::Late))
    }

    async fn ask(&self, body: Bytes, most: usize) -> Result<HttpAnswer, HttpError> {
        // A connection that was kept may have ended meanwhile; then a new one is asked.
        while let Some(kept) = self.kept() {
            if let Ok((response, kept)) = send(kept, self.request(&body)?).await {
                return self.read(response, kept, most).await;
            }
        }
        let (response, kept) = send(self.connect().await?, self.request(&body)?).await?;
        self.read(response, kept, most).await
    }

    fn request(&self, body: &Bytes) -> Result<Request<Full<Bytes>>, HttpError> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        Request::post(self.uri.path())
            .header(HOST, authority)
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
            .body(Full::new(body.clone()))
            .map_err(|_| HttpError::Broken)
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        kept: SendRequest<Full<Bytes>>,
        most: usize,
    ) -> Result<HttpAnswer, HttpError> {
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = Limited::new(response.into_body(), most).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                HttpError::TooLarge
            } else {
                HttpError::Broken
            }
        })?;
        self.keep(kept);
        Ok(HttpAnswer { status, content_type, body: body.to_bytes().into() })
    }

    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(kept) = idle.pop() {
            if !kept.is_closed() {
                return Some(kept);
            }
        }
        None
    }

    fn keep(&self, kept: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX && !kept.is_closed() {
            idle.push(kept);
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|_| HttpError::Unreachable)?;
        stream.set_nodelay(true).ok();
        match &self.tls {
            None => open(TokioIo::new(stream)).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                open(TokioIo::new(stream.map_err(|_| HttpError::Unreachable)?)).await
            }
        }
    }
}

async fn open<T>(io: T) -> Result<SendRequest<Full<Bytes>>, HttpError>
where
    T: Read + Write + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(io).await.map_err(|_| HttpError::Broken)?;
    // It ends with the sender, or with the server; whoever asks hears of it.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

async fn send(
    mut on: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, SendRequest<Full<Bytes>>), HttpError> {
    on.ready().await.map_err(|_| HttpError::Broken)?;
    let response = on.send_request(request).await.map_err(|_| HttpError::Broken)?;
    Ok((response, on))
}

/// TLS 1.3, as everywhere, to a server with a certificate.
fn connector(roots: Option<&[u8]>) -> Option<TlsConnector> {
    let certificates: Vec<CertificateDer<'static>> = match roots {
        Some(pem) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 {
        return None;
    }
    tls::web_client(store).map(|config| TlsConnector::from(Arc::new(config)))
}

/// Connections that are kept while nothing is asked.
const KEPT_MAX: usize = 2;
