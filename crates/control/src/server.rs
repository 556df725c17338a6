//! The agent's end: a Unix socket that only its owner can open.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream, unix};

use crate::{Answer, Call, LineError, line};

/// Why the socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another agent answers there.
    #[error("another agent is running on {0}")]
    InUse(PathBuf),
    /// Something that is not a socket stands there.
    #[error("{0} exists and is not a socket")]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("socket {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Listens for users. The socket file goes when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Makes the socket with mode 0600, replacing one that nobody answers on.
    ///
    /// # Errors
    /// When another agent answers there, or the system refuses.
    pub async fn bind(path: &Path) -> Result<Self, ServerError> {
        let io = |source| ServerError::Io { path: path.to_owned(), source };
        if let Ok(found) = std::fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(ServerError::NotASocket(path.to_owned()));
            }
            if UnixStream::connect(path).await.is_ok() {
                return Err(ServerError::InUse(path.to_owned()));
            }
            std::fs::remove_file(path).map_err(io)?;
        }
        // Bound under another name first: the socket is never reachable with a looser mode.
        let unready = path.with_extension("sock-new");
        drop(std::fs::remove_file(&unready));
        let listener = UnixListener::bind(&unready).map_err(io)?;
        std::fs::set_permissions(&unready, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
        std::fs::rename(&unready, path).map_err(io)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The next user.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn accept(&self) -> Result<Connection, std::io::Error> {
        let (stream, _) = self.listener.accept().await?;
        let (read, write) = stream.into_split();
        Ok(Connection { read: BufReader::new(read), write })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// One user's call and its answers.
#[derive(Debug)]
pub struct Connection {
    read: BufReader<unix::OwnedReadHalf>,
    write: unix::OwnedWriteHalf,
}

impl Connection {
    /// The call; `None` when the user hung up without one.
    ///
    /// # Errors
    /// When the line is too long or not a call.
    pub async fn call(&mut self) -> Result<Option<Call>, LineError> {
        line::read(&mut self.read).await
    }

    /// Answers.
    ///
    /// # Errors
    /// When the user hung up.
    pub async fn answer(&mut self, answer: &Answer) -> Result<(), LineError> {
        line::write(&mut self.write, answer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, ClientError};

    fn socket() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        (dir, path)
    }

    #[tokio::test]
    async fn only_the_owner_can_open_the_socket_and_it_goes_with_the_server() {
        let (_dir, path) = socket();
        let server = Server::bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(server);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_second_agent_is_refused_and_a_dead_ones_socket_is_replaced() {
        let (_dir, path) = socket();
        let server = Server::bind(&path).await.unwrap();
        let second = Server::bind(&path).await;
        assert!(matches!(&second, Err(ServerError::InUse(at)) if *at == path), "{second:?}");
        // A killed agent leaves its socket.
        drop(server);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Server::bind(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_left_alone() {
        let (_dir, path) = socket();
        std::fs::write(&path, b"mine").unwrap();
        let refused = Server::bind(&path).await;
        assert!(matches!(refused, Err(ServerError::NotASocket(_))), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn a_call_is_answered_or_refused_and_silence_is_named() {
        let (_dir, path) = socket();
        let client = Client::new(&path);
        let gone = client.call(&Call::Status).await;
        assert!(matches!(gone, Err(ClientError::NotRunning { .. })), "{gone:?}");
        let server = Server::bind(&path).await.unwrap();
        let agent = tokio::spawn(async move {
            let mut first = server.accept().await.unwrap();
            assert!(matches!(first.call().await.unwrap(), Some(Call::Keys)));
            first.answer(&Answer::Published(7)).await.unwrap();
            let mut second = server.accept().await.unwrap();
            second.call().await.unwrap();
            let refusal = crate::Refusal {
                code: "POUCH-AGT-30".into(),
                what: "nothing here is called \"x\"".into(),
                why: String::new(),
                next: String::new(),
                exit: 4,
            };
            second.answer(&Answer::Refused(refusal)).await.unwrap();
            let mut third = server.accept().await.unwrap();
            third.call().await.unwrap();
        });
        assert!(matches!(client.call(&Call::Keys).await, Ok(Answer::Published(7))));
        let refused = client.call(&Call::Status).await;
        assert!(matches!(&refused, Err(ClientError::Refused(r)) if r.exit == 4), "{refused:?}");
        let silent = client.call(&Call::Status).await;
        assert!(matches!(silent, Err(ClientError::HungUp)), "{silent:?}");
        agent.await.unwrap();
    }
}
