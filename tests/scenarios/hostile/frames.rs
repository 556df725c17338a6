//! What is no request: oversized, unknown, garbage, half or slow. The stream ends with a number of the
//! protocol or the request is refused with a code; the session and the relay go on.

use pouch_net::ResetCode;
use pouch_wire::session::{LogEntries, LogName, ReadLog, Refused};
use pouch_wire::{Frame, FrameKind};

use super::keys::KeyFolder;
use super::letter::{Parcel, Pen};
use super::line::soon;
use super::scene::Scene;
use super::wild::Wild;

const HONEST: &str = "All is quiet here.";

struct Trial {
    scene: Scene,
    wild: Wild,
    pen: Pen,
}

impl Trial {
    async fn start() -> Self {
        let scene = Scene::with_hostile("md").await;
        let transport = KeyFolder::of(&scene.stage, "md").signing("transport");
        let wild = Wild::connect(&scene, &transport).await;
        let pen = scene.pen_of("md", "MD/policy").await;
        Self { scene, wild, pen }
    }

    /// The same session asks something sensible, and gets its answer.
    async fn session_goes_on(&self) {
        let question = Frame::of(&ReadLog { log: LogName::Directory, from: 0, count: 1 }).unwrap();
        let answer = self.wild.ask(&question.to_bytes()).await.unwrap();
        let entries = body(&answer).read::<LogEntries>().unwrap();
        assert_eq!(entries.entries.len(), 1);
    }

    /// The stream is cut off for breaking the protocol.
    async fn cut_off(&self, what: &str, bytes: &[u8]) {
        let (send, _recv) = self.wild.write(bytes).await;
        let stopped = soon(send.stopped()).await.unwrap().unwrap();
        assert_eq!(ResetCode::from_number(stopped.into_inner()), ResetCode::Protocol, "{what}");
        self.session_goes_on().await;
    }

    /// The request is refused with this code.
    async fn refused(&self, what: &str, bytes: &[u8], code: &str) {
        let answer = self.wild.ask(bytes).await.unwrap_or_else(|number| panic!("{what}: reset {number}"));
        let refused = body(&answer).read::<Refused>().unwrap();
        assert_eq!(refused.code.as_str(), code, "{what}: {}", refused.reason.as_str());
        self.session_goes_on().await;
    }

    /// A whole request, honestly made.
    fn submission(&mut self) -> (Parcel, Vec<u8>) {
        let parcel = self.pen.letter(&["BA/technical"], HONEST).seal();
        let mut bytes = Frame::of(&parcel.submit()).unwrap().to_bytes();
        bytes.extend(Frame::chunk(&parcel.payload).unwrap().to_bytes());
        (parcel, bytes)
    }

    /// It is accepted and shown.
    async fn shown(&mut self, parcel: &Parcel, bytes: &[u8]) {
        let answer = self.wild.ask(bytes).await.unwrap();
        assert_eq!(body(&answer).kind(), FrameKind::Accepted);
        self.scene.shows("ba", &parcel.id().to_string(), HONEST).await;
        self.pen.stands(parcel);
    }
}

/// The one frame that an answer is.
fn body(answer: &[u8]) -> Frame {
    let (head, body) = answer.split_first_chunk::<5>().expect("an answer");
    let (kind, len) = Frame::parse_head(*head).unwrap();
    assert_eq!(body.len(), len);
    Frame::from_parts(kind, body.to_vec()).unwrap()
}

fn head(kind: u8, len: u32) -> Vec<u8> {
    [[kind].as_slice(), &len.to_be_bytes()].concat()
}

#[tokio::test]
async fn what_is_no_frame_ends_its_stream_and_what_is_no_request_is_refused() {
    let mut trial = Trial::start().await;
    trial.cut_off("an unknown kind", &head(0xee, 0)).await;
    trial.cut_off("kind zero", &[0; 5]).await;
    trial.cut_off("a length over any", &head(FrameKind::Submit.number(), u32::MAX)).await;
    trial.cut_off("a length over this kind's", &head(FrameKind::ReadLog.number(), 257)).await;
    let garbage: Vec<u8> = (0_u32..4096).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    trial.cut_off("garbage", &[[0xff].as_slice(), &garbage].concat()).await;

    for kind in FrameKind::ALL {
        let request = matches!(
            kind,
            FrameKind::Submit
                | FrameKind::Attach
                | FrameKind::Publish
                | FrameKind::ReadLog
                | FrameKind::ReadProof
                | FrameKind::ReadConsistency
                | FrameKind::Beacon
        );
        let (what, code) = if request {
            ("a request with nothing in it", "POUCH-NET-43")
        } else {
            ("an answer that nobody asked for", "POUCH-RLY-21")
        };
        trial.refused(what, &head(kind.number(), 0), code).await;
        if request {
            let junk = &garbage[..200];
            let bytes = [head(kind.number(), 200), junk.to_vec()].concat();
            trial.refused("a request of garbage", &bytes, "POUCH-NET-43").await;
        }
    }
    let (parcel, bytes) = trial.submission();
    trial.shown(&parcel, &bytes).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn half_a_request_leaves_nothing_and_the_whole_one_is_accepted() {
    let mut trial = Trial::start().await;
    let (parcel, bytes) = trial.submission();
    let submit = Frame::of(&parcel.submit()).unwrap().to_bytes();
    let abandoned = ResetCode::Abandoned.number();
    for half in [1, 4, submit.len() / 2, submit.len(), submit.len() + 3, bytes.len() - 1] {
        assert_eq!(trial.wild.ask(&bytes[..half]).await, Err(abandoned), "{half} of {} bytes", bytes.len());
        trial.session_goes_on().await;
    }
    assert_eq!(trial.wild.ask(&[]).await, Err(abandoned), "nothing at all");
    // More than was announced, and pieces that are no payload.
    let mut longer = submit.clone();
    longer.extend(Frame::chunk(&[parcel.payload.as_slice(), &[0]].concat()).unwrap().to_bytes());
    assert_eq!(trial.wild.ask(&longer).await, Err(abandoned), "a payload too long");
    let twice = [submit.as_slice(), &submit].concat();
    assert_eq!(trial.wild.ask(&twice).await, Err(abandoned), "a request within a request");
    trial.session_goes_on().await;
    // Nothing of all that was kept: the message is new, and there is one of it.
    trial.shown(&parcel, &bytes).await;
    let rows = trial.scene.node("ba").json(&["inbox"]).await.unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    trial.scene.end().await;
}

#[tokio::test]
async fn a_peer_has_sixteen_streams_and_a_head_that_does_not_come_frees_its_own() {
    let mut trial = Trial::start().await;
    let mut slow = Vec::new();
    for _ in 0..16 {
        // One byte of a head, and never the rest.
        slow.push(trial.wild.write(&[FrameKind::Submit.number()]).await);
    }
    let seventeenth = tokio::select! {
        biased;
        _ = trial.wild.connection.open_bi() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!seventeenth, "a seventeenth stream");
    let nothing = tokio::select! {
        biased;
        _ = trial.wild.connection.open_uni() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!nothing, "a stream in one direction");
    // Others are served meanwhile.
    let envelope = trial.scene.sends("nl", "BA/technical", HONEST).await;
    trial.scene.shows("ba", &envelope, HONEST).await;
    for (send, _recv) in &slow {
        let stopped = soon(send.stopped()).await.unwrap().unwrap();
        assert_eq!(ResetCode::from_number(stopped.into_inner()), ResetCode::TooSlow);
    }
    drop(slow);
    let (parcel, bytes) = trial.submission();
    trial.shown(&parcel, &bytes).await;
    trial.scene.end().await;
}
