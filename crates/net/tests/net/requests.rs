//! Requests, answers and refusals.

use std::time::Duration;

use pouch_net::{Limits, RequestError, ResetCode, Session, StreamError, Transport, refusal};
use pouch_wire::session::{LogName, Published, ReadLog, Refused, Submit};
use pouch_wire::{Blob, Fixed, FrameKind, List, Precedence};

use crate::ends::*;

const LONG: Duration = Duration::from_secs(15);

const QUESTION: ReadLog = ReadLog { log: LogName::Directory, from: 3, count: 1 };

fn submit() -> Submit {
    Submit { header: Blob::new([1]).unwrap(), signature: Fixed([2; 64]), stanzas: List::new(vec![]).unwrap() }
}

async fn asked(session: &Session) -> pouch_net::Stream {
    let mut stream = soon(session.accept()).await.unwrap();
    assert_eq!(soon(stream.recv_message::<ReadLog>()).await, Ok(QUESTION));
    soon(stream.recv_end()).await.unwrap();
    stream
}

async fn a_request_is_answered(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    for index in 0..40 {
        let serving = async { asked(&theirs).await.answer(&Published { index }).await.unwrap() };
        let asking = ours.request::<_, Published>(&QUESTION, LONG);
        let ((), answer) = soon(async { tokio::join!(serving, asking) }).await;
        assert_eq!(answer, Ok(Published { index }));
    }
}

async fn the_relay_asks_too(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let serving = async { asked(&ours).await.answer(&Published { index: 5 }).await.unwrap() };
    let ((), answer) =
        soon(async { tokio::join!(serving, theirs.request::<_, Published>(&QUESTION, LONG)) }).await;
    assert_eq!(answer, Ok(Published { index: 5 }));
}

async fn a_refusal_is_an_error_with_the_peers_reason(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let refused = refusal("POUCH-ADM-03", &"not within the mandate", Some(Duration::from_secs(1)));
    let serving = async { asked(&theirs).await.refuse(&refused).await.unwrap() };
    let asking = ours.request::<_, Published>(&QUESTION, LONG);
    let ((), answer) = soon(async { tokio::join!(serving, asking) }).await;
    let error = answer.unwrap_err();
    assert_eq!(error.to_string(), "refused by the peer: POUCH-ADM-03 not within the mandate");
    assert_eq!(error.code(), "POUCH-NET-60");
    assert_eq!(error, RequestError::Refused(refused.clone()));
}

async fn a_refusal_comes_through_while_the_payload_is_still_on_its_way(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let payload = vec![7; 8 * 1024 * 1024];
    let refused = refusal("POUCH-ADM-07", &"quota used up", None);
    let serving = async {
        let mut stream = soon(theirs.accept()).await.unwrap();
        soon(stream.recv_message::<Submit>()).await.unwrap();
        stream.refuse(&refused).await.unwrap();
    };
    let submit = submit();
    let asking = ours.request_with_payload::<_, Published>(&submit, &payload, Precedence::Flash, LONG);
    let ((), answer) = soon(async { tokio::join!(serving, asking) }).await;
    assert_eq!(answer, Err(RequestError::Refused(refused.clone())));
}

async fn a_request_with_a_payload_is_answered(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let payload = vec![7; 1024 * 1024];
    let serving = async {
        let mut stream = soon(theirs.accept()).await.unwrap();
        assert_eq!(soon(stream.recv_message::<Submit>()).await, Ok(submit()));
        let got = soon(stream.recv_payload(1024 * 1024, 1024 * 1024)).await.unwrap();
        assert!(got == payload);
        soon(stream.recv_end()).await.unwrap();
        stream.answer(&Published { index: 9 }).await.unwrap();
    };
    let submit = submit();
    let asking = ours.request_with_payload(&submit, &payload, Precedence::Flash, LONG);
    let ((), answer) = soon(async { tokio::join!(serving, asking) }).await;
    assert_eq!(answer, Ok(Published { index: 9 }));
}

async fn an_answer_of_another_kind_is_refused(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let serving = async { asked(&theirs).await.answer(&QUESTION).await.unwrap() };
    let ((), answer) =
        soon(async { tokio::join!(serving, ours.request::<_, Published>(&QUESTION, LONG)) }).await;
    assert!(matches!(answer, Err(RequestError::Stream(StreamError::Frame(_)))), "{answer:?}");
}

async fn a_second_answer_is_refused(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let serving = async {
        let mut stream = asked(&theirs).await;
        stream.send_message(&Published { index: 1 }).await.unwrap();
        stream.answer(&Published { index: 2 }).await.unwrap();
    };
    let ((), answer) =
        soon(async { tokio::join!(serving, ours.request::<_, Published>(&QUESTION, LONG)) }).await;
    assert_eq!(answer, Err(StreamError::Trailing { kind: FrameKind::Published }.into()));
}

async fn a_stream_dropped_without_an_answer_is_cut_off(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let serving = async { drop(asked(&theirs).await) };
    let ((), answer) =
        soon(async { tokio::join!(serving, ours.request::<_, Published>(&QUESTION, LONG)) }).await;
    assert_eq!(answer, Err(StreamError::Reset { code: ResetCode::Abandoned }.into()));
}

async fn no_answer_ends_at_the_deadline(by: Transport) {
    let (_relay, _dialer, ours, _theirs) = pair_by(Limits::default(), by).await;
    let within = Duration::from_millis(50);
    let answer = soon(ours.request::<_, Refused>(&QUESTION, within)).await;
    assert_eq!(answer, Err(RequestError::NoAnswer { within }));
}

async fn a_peer_that_never_reads_a_payload_gives_no_answer(by: Transport) {
    let (_relay, _dialer, ours, _theirs) = pair_by(Limits::default(), by).await;
    let (payload, within) = (vec![7; 8 * 1024 * 1024], Duration::from_millis(300));
    let submit = submit();
    let asking = ours.request_with_payload::<_, Published>(&submit, &payload, Precedence::Flash, within);
    assert_eq!(soon(asking).await, Err(RequestError::NoAnswer { within }));
}

async fn many_requests_at_once_are_each_given_their_own_answer(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let serving = tokio::spawn(async move {
        while let Ok(mut stream) = theirs.accept().await {
            tokio::spawn(async move {
                let asked = stream.recv_message::<ReadLog>().await.unwrap();
                stream.answer(&Published { index: asked.from }).await.unwrap();
            });
        }
    });
    let mut asking = tokio::task::JoinSet::new();
    for from in 0..200 {
        let ours = ours.clone();
        asking.spawn(async move {
            let question = ReadLog { from, ..QUESTION };
            assert_eq!(ours.request(&question, LONG).await, Ok(Published { index: from }));
        });
    }
    soon(asking.join_all()).await;
    drop(ours);
    soon(serving).await.unwrap();
}

on_both! {
    a_request_is_answered
    the_relay_asks_too
    a_refusal_is_an_error_with_the_peers_reason
    a_refusal_comes_through_while_the_payload_is_still_on_its_way
    a_request_with_a_payload_is_answered
    an_answer_of_another_kind_is_refused
    a_second_answer_is_refused
    a_stream_dropped_without_an_answer_is_cut_off
    no_answer_ends_at_the_deadline
    a_peer_that_never_reads_a_payload_gives_no_answer
    many_requests_at_once_are_each_given_their_own_answer
}
