//! The logs: signed after a look, cosigned by whoever is honest, proved to whoever asks.

use pouch_net::{RequestError, Session};
use pouch_relay::RelayStatus;
use pouch_tlog::{LeafHash, Note, NoteSignature, ProofFile};
use pouch_wire::session::{Consistency, Cosign, Cosigned, LogName, Proof, ReadConsistency, ReadProof};
use pouch_wire::{Blob, Canonical as _, FrameKind};
use tokio::sync::mpsc;

use crate::harness::{Agent, LONG, Running, fresh, soon, submit};
use crate::world::{NOW, WITNESSES};

/// Asks until the entry is in a published checkpoint.
async fn proof(session: &Session, log: LogName, index: u64) -> Proof {
    let asking = async {
        loop {
            match session.request(&ReadProof { log, index }, LONG).await {
                Ok(proof) => return proof,
                Err(RequestError::Refused(refused)) if refused.retry_after_ms.is_some() => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    soon("a proof", asking).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_message_is_proved_to_be_logged() {
    let relay = Running::start().await;
    relay.witnesses().await;
    let sender = relay.dial("NL/technical").await;
    let message = fresh(&relay.world);
    submit(&sender, &message).await.unwrap();
    let proof = proof(&sender, LogName::Messages, 0).await;
    let view = relay.world.directory.now_view();
    let policy = view.message_policy(view.relay("relay-1").unwrap());
    let envelope = pouch_envelope::Header::id_of(&message.header_bytes());
    let leaf = pouch_envelope::MessageLeaf { envelope, accepted_at: NOW }.to_bytes().unwrap();
    let file = ProofFile::parse(&proof.tlog_proof).unwrap();
    assert_eq!(file.verify(LeafHash::of(&leaf), &policy).unwrap().index(), 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_never_says_the_same_twice_does_not_keep_the_log() {
    let relay = Running::start().await;
    let mut liar = relay.attach("MD/technical").await;
    let (tx, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some((frame, stream)) = liar.asked.recv().await {
            if frame.kind() == FrameKind::Cosign {
                let request: Cosign = frame.read().unwrap();
                // Never the size that it was asked from.
                let size = if request.old_size == 0 { 1 } else { 0 };
                stream.answer(&Cosigned::Conflict { size }).await.ok();
                tx.send(()).ok();
            }
        }
    });
    for _ in 0..2 {
        soon("the liar is asked", asked.recv()).await.unwrap();
    }
    relay.witnesses().await;
    let reader = relay.dial("NL/technical").await;
    proof(&reader, LogName::Directory, 0).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_relay_goes_on_with_its_logs() {
    let relay = Running::start().await;
    relay.witnesses().await;
    let sender = relay.dial("NL/technical").await;
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    proof(&sender, LogName::Messages, 0).await;
    let (dir, world) = relay.stop().await;
    let relay = Running::start_in(dir, world).await;
    relay.witnesses().await;
    let sender = relay.dial("NL/technical").await;
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    proof(&sender, LogName::Messages, 1).await;
    proof(&sender, LogName::Messages, 0).await;
    relay.stop().await;
}

/// Answers with a witness's lines out of what was published; says so each time.
fn copies(mut member: Agent, published: Note, witness: &'static str, told: mpsc::UnboundedSender<()>) {
    let copied: Vec<_> =
        published.signatures().iter().filter(|line| line.name().as_str() == witness).cloned().collect();
    assert_eq!(copied.len(), 2);
    tokio::spawn(async move {
        while let Some((frame, stream)) = member.asked.recv().await {
            let Ok(request) = frame.read::<Cosign>() else { continue };
            let same = Note::parse(&request.checkpoint).unwrap().text() == published.text();
            let lines = if same { NoteSignature::print_lines(&copied) } else { String::new() };
            stream.answer(&Cosigned::Lines(Blob::new(lines.into_bytes()).unwrap())).await.ok();
            if same {
                told.send(()).ok();
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_copy_what_was_published_make_no_quorum() {
    let relay = Running::start().await;
    relay.witnesses().await;
    let reader = relay.dial("NL/technical").await;
    proof(&reader, LogName::Directory, 0).await;
    let asked = ReadConsistency { log: LogName::Directory, from: 0 };
    let answer: Consistency = reader.request(&asked, LONG).await.unwrap();
    let published = Note::parse(&answer.checkpoint).unwrap();
    let (dir, world) = relay.stop().await;
    // The same relay again, and for each witness a member that has its lines.
    let relay = Running::start_in(dir, world).await;
    let (told, mut shown) = mpsc::unbounded_channel();
    for (office, witness) in [("BA/technical", WITNESSES[0]), ("MD/technical", WITNESSES[1])] {
        copies(relay.attach(office).await, published.clone(), witness, told.clone());
    }
    for _ in 0..4 {
        soon("both are asked, and asked again", shown.recv()).await.unwrap();
    }
    // What they showed was judged before they were asked again: no witness is present by it.
    let status = RelayStatus::read(&relay.dir.path().join("data")).unwrap().unwrap();
    for witness in &status.witnesses {
        assert!(witness.cosigned_at.is_none() && witness.missing_since.is_some(), "{witness:?}");
    }
    relay.stop().await;
}
