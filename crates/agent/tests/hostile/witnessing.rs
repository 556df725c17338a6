//! A stand-alone witness at a relay: it follows which logs the network has, and notices what it forgot.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use pouch_agent::{AgentError, WitnessConfig, WitnessKeys, WitnessUnfit, begin_witness_memory, run_witness};
use pouch_directory::{Act, NetworkChange, Relay};
use pouch_net::{HttpAnswer, HttpClient};
use pouch_tlog::{AddCheckpoint, Checkpoint, KeyName, LeafHash, LogSigner};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::node::{LONG, charter_file, network, soon};
use crate::relay::FakeRelay;
use crate::world::{
    NOW, THRESHOLDS, WITNESSES, World, key, message_log, mldsa_key, note_key, relay, text, witnesses,
};

struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
    at: HttpClient,
    dir: tempfile::TempDir,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn begin(dir: &Path, name: &str) {
    let (ed25519, mldsa) = (note_key(name).public(), mldsa_key(name).public().clone());
    begin_witness_memory(&dir.join("witness.sqlite"), name, ed25519, &mldsa).await.unwrap();
}

impl Running {
    async fn start(world: &World, name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        begin(dir.path(), name).await;
        let (address, shutdown) = (free_address(), CancellationToken::new());
        let (ready, is_ready) = oneshot::channel();
        let task = tokio::spawn(run_witness(
            config(dir.path(), name, address),
            WitnessKeys { name: name.into(), ed25519: note_key(name), mldsa: mldsa_key(name) },
            key(&format!("{name} transport")),
            charter_file(world),
            || NOW,
            || ready.send(()).unwrap(),
            shutdown.clone(),
        ));
        soon("the witness serves", is_ready).await.unwrap();
        let at = HttpClient::new(&format!("http://{address}/add-checkpoint"), None).unwrap();
        Self { shutdown, task, at, dir }
    }

    /// Asks it to cosign the first entry of a relay's message log.
    async fn asked_for(&self, relay: &str) -> HttpAnswer {
        let origin = KeyName::new(message_log(relay)).unwrap();
        let signer = LogSigner::new(&origin, note_key(&message_log(relay)), mldsa_key(&message_log(relay)));
        let checkpoint = Checkpoint::new(&origin, 1, LeafHash::of(b"one").digest());
        let note = signer.unwrap().sign(&checkpoint, NOW).unwrap();
        let body = AddCheckpoint::new(0, Vec::new(), note).unwrap().to_bytes();
        self.at.post(body, 64 * 1024, LONG).await.unwrap()
    }
}

fn config(dir: &Path, name: &str, listen: SocketAddr) -> WitnessConfig {
    WitnessConfig {
        name: name.into(),
        charter: dir.join("charter"),
        data: dir.into(),
        keys: dir.into(),
        passphrase_file: None,
        containment: Default::default(),
        listen_http: Some(listen),
        transport: pouch_net::Transport::Auto,
        log: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_follows_which_logs_the_network_has() {
    let fake = FakeRelay::start("relay-1");
    let world = network(&[&fake]);
    // The one whose cosignatures this relay does not show.
    let witness = Running::start(&world, WITNESSES[2]).await;
    assert_eq!(witness.asked_for("relay-1").await.status, 200);
    assert_eq!(witness.asked_for("relay-3").await.status, 404);
    let mut changed = world.clone();
    let at = Relay { address: text(&fake.address.to_string()), ..relay("relay-1") };
    let relays = [at, relay("relay-3")];
    let change = NetworkChange::to(&changed.directory.now_view(), &relays, &witnesses(), 2, THRESHOLDS);
    let act = Act::ChangeNetwork(Box::new(change.unwrap()));
    changed.log(act, NOW, &[&key("MD root"), &key("NL root")]);
    fake.serve(&changed);
    fake.say_it_grew().await;
    let followed = async {
        while witness.asked_for("relay-3").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("the new relay's log is cosigned", followed).await;
    witness.shutdown.cancel();
    soon("it ends", witness.task).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_sees_its_own_cosignature_on_what_it_never_knew_ends() {
    let fake = FakeRelay::start("relay-1");
    let world = network(&[&fake]);
    let witness = Running::start(&world, WITNESSES[0]).await;
    let ended = soon("it ends", witness.task).await.unwrap().unwrap_err();
    assert!(matches!(&ended, AgentError::Unfit(WitnessUnfit::Stopped(_))), "{ended}");
    assert_eq!(ended.code(), "POUCH-WIT-03");
    let again = run_witness(
        config(witness.dir.path(), WITNESSES[0], free_address()),
        WitnessKeys {
            name: WITNESSES[0].into(),
            ed25519: note_key(WITNESSES[0]),
            mldsa: mldsa_key(WITNESSES[0]),
        },
        key("transport"),
        charter_file(&world),
        || NOW,
        || panic!("it serves"),
        CancellationToken::new(),
    );
    let again = soon("it does not start", again).await.unwrap_err();
    assert_eq!(again.code(), "POUCH-WIT-03");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_the_network_does_not_name_yet_waits_and_one_with_other_keys_does_not_start() {
    let fake = FakeRelay::start("relay-1");
    let world = network(&[&fake]);
    let unnamed = Running::start(&world, "new.example/w").await;
    unnamed.shutdown.cancel();
    soon("it ends", unnamed.task).await.unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (ed25519, mldsa) = (note_key("other").public(), mldsa_key("other").public().clone());
    begin_witness_memory(&dir.path().join("witness.sqlite"), WITNESSES[0], ed25519, &mldsa).await.unwrap();
    let other = run_witness(
        config(dir.path(), WITNESSES[0], free_address()),
        WitnessKeys { name: WITNESSES[0].into(), ed25519: note_key("other"), mldsa: mldsa_key("other") },
        key("transport"),
        charter_file(&world),
        || NOW,
        || panic!("it serves"),
        CancellationToken::new(),
    );
    let refused = soon("it does not start", other).await.unwrap_err();
    assert_eq!(refused.code(), "POUCH-AGT-01");
}
