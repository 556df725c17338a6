//! The user's end.

use std::path::{Path, PathBuf};

use tokio::io::BufReader;
use tokio::net::{UnixStream, unix};

use crate::{Answer, Call, Event, LineError, Refusal, line};

/// Why a call was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No agent answers on the socket.
    #[error("no agent answers on {path}: {source}")]
    NotRunning {
        /// Which socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The agent refused.
    #[error("{}", .0.what)]
    Refused(Refusal),
    /// The connection broke, or the answer was not understood.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The agent hung up without an answer.
    #[error("the agent hung up without an answer")]
    HungUp,
    /// The agent answered something else.
    #[error("the agent answered something else than was asked; are both of one version?")]
    Unexpected,
}

/// Calls an agent, one connection per call.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

/// Events as they happen.
#[derive(Debug)]
pub struct Events {
    read: BufReader<unix::OwnedReadHalf>,
    _write: unix::OwnedWriteHalf,
}

impl Client {
    /// A client of the agent on this socket.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    async fn connect(&self, call: &Call) -> Result<Events, ClientError> {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|source| ClientError::NotRunning { path: self.path.clone(), source })?;
        let (read, mut write) = stream.into_split();
        line::write(&mut write, call).await?;
        Ok(Events { read: BufReader::new(read), _write: write })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When no agent answers, or it refuses.
    pub async fn call(&self, call: &Call) -> Result<Answer, ClientError> {
        let mut connection = self.connect(call).await?;
        match line::read(&mut connection.read).await? {
            None => Err(ClientError::HungUp),
            Some(Answer::Refused(refusal)) => Err(ClientError::Refused(refusal)),
            Some(answer) => Ok(answer),
        }
    }

    /// Watches events.
    ///
    /// # Errors
    /// When no agent answers.
    pub async fn watch(&self, after: Option<u64>) -> Result<Events, ClientError> {
        self.connect(&Call::Watch { after }).await
    }
}

impl Events {
    /// The next event; `None` when the agent stopped.
    ///
    /// # Errors
    /// When the connection broke or the agent refused.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        match line::read(&mut self.read).await? {
            None => Ok(None),
            Some(Answer::Event(event)) => Ok(Some(*event)),
            Some(Answer::Refused(refusal)) => Err(ClientError::Refused(refusal)),
            Some(_) => Err(ClientError::Unexpected),
        }
    }
}
