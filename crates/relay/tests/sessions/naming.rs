//! What the directory says that a relay is, and what its key files let it be.

use std::net::SocketAddr;

use pouch_relay::{Relay, RelayError, run};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::harness::{pair, relay, soon};
use crate::world::{DIRECTORY_LOG, SECOND, World, key, later};

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Starts a relay that must not come up; why it does not.
async fn refused(change: impl FnOnce(&mut Relay), name: &str, world: &World) -> RelayError {
    let dir = tempfile::tempdir().unwrap();
    let mut relay = relay(dir.path().into(), anywhere(), name, world);
    change(&mut relay);
    let running = run(relay, || panic!("it came up"), CancellationToken::new());
    soon("the relay stops", running).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_start_as_what_it_has_no_keys_for() {
    let world = World::new();
    let other = || key("somebody else's");
    let error = refused(|relay| relay.keys.directory_log = None, "relay-1", &world).await;
    assert_eq!(error.code(), "POUCH-RLY-35", "{error}");
    for error in [
        refused(|relay| relay.keys.directory_log = Some(pair("elsewhere")), "relay-1", &world).await,
        refused(|relay| relay.keys.transport = other(), "relay-1", &world).await,
        refused(|relay| relay.keys.receipts = other(), "relay-2", &world).await,
        refused(|relay| relay.keys.message_log = pair("elsewhere"), "relay-2", &world).await,
    ] {
        assert_eq!(error.code(), "POUCH-RLY-31", "{error}");
    }
    let mut changed = world.clone();
    changed.drop_the_first_relay(later(SECOND));
    let error = refused(|_| {}, "relay-1", &changed).await;
    assert_eq!(error.code(), "POUCH-RLY-30", "{error}");
    let error = refused(|_| {}, "relay-2", &changed).await;
    assert_eq!(error.code(), "POUCH-RLY-35", "it is the first now: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_first_follows_whatever_keys_it_has() {
    for pair in [None, Some(pair(DIRECTORY_LOG))] {
        let dir = tempfile::tempdir().unwrap();
        let mut relay = relay(dir.path().into(), anywhere(), "relay-2", &World::new());
        relay.keys.directory_log = pair;
        let (ready, is_ready) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(relay, || ready.send(()).unwrap(), shutdown.clone()));
        soon("the relay serves", is_ready).await.unwrap();
        shutdown.cancel();
        soon("the relay stops", running).await.unwrap().unwrap();
        let published = std::fs::read_dir(dir.path().join("log/directory")).unwrap();
        let names: Vec<_> = published.map(|file| file.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name == "checkpoint"), "it signed nothing: {names:?}");
    }
}
