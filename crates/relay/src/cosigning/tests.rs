//! Witnesses over HTTP that answer, wait, lie or forget; each is a small server in this process.

use std::sync::atomic::{AtomicU64, Ordering};

use pouch_crypto::{MlDsaKey, NoteKey, sha256};
use pouch_net::{HttpAnswer, HttpLimits, HttpListener};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, LeafHash, LogSigner, NetworkWitness, NoteSignature,
    WitnessRefusal, WitnessSigner, WitnessState,
};
use pouch_wire::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::asking::Said;
use super::*;
use crate::status::WitnessStatus;

const NOW: Timestamp = Timestamp(1_764_000_000_000);
const ORIGIN: &str = "log.example/messages";
const NAMES: [&str; 3] = ["a.example", "b.example", "c.example"];
const LONG: Duration = Duration::from_secs(30);

fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

fn keys(label: &str) -> (NoteKey, MlDsaKey) {
    let seed = *sha256(label.as_bytes()).as_bytes();
    (NoteKey::from_seed(&seed), MlDsaKey::from_seed(&seed).unwrap())
}

fn signer(witness: &str) -> WitnessSigner {
    let (ed25519, mldsa) = keys(witness);
    WitnessSigner::new(&name(witness), ed25519, mldsa).unwrap()
}

fn log() -> LogSigner {
    let (ed25519, mldsa) = keys(ORIGIN);
    LogSigner::new(&name(ORIGIN), ed25519, mldsa).unwrap()
}

fn policy() -> Policy {
    let witness = |witness: &str| {
        let [ed25519, mldsa] = signer(witness).vkeys().clone();
        NetworkWitness { name: name(witness), ed25519, mldsa }
    };
    Policy::for_network(log().vkeys(), &NAMES.map(witness), 2).unwrap()
}

fn tree(size: u64) -> MemoryTree {
    (0..size).map(|n| LeafHash::of(&n.to_be_bytes())).collect()
}

fn note(size: u64) -> Note {
    log().sign(&Checkpoint::new(&name(ORIGIN), size, tree(size).root()), NOW).unwrap()
}

/// How a witness behaves.
#[derive(Clone)]
enum Ways {
    /// As it should; it counts what it is asked.
    Good(Arc<AtomicU64>),
    /// As it should, once a permit is there for each answer.
    Waits(Arc<Semaphore>),
    /// It names another size each time.
    Contradicts(Arc<AtomicU64>),
    /// It signs with other keys than the network knows.
    Lies,
    /// It does not look for its own cosignatures.
    Forgets,
}

struct Server {
    url: String,
    state: Arc<Mutex<WitnessState>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn answer(witness: &str, state: &Mutex<WitnessState>, body: &[u8]) -> HttpAnswer {
    let logs = BTreeMap::from([(name(ORIGIN), KnownLog::all_of(log().vkeys().to_vec()))]);
    let request = AddCheckpoint::parse(body).unwrap();
    match state.lock().unwrap().add_checkpoint(&request, &logs, &signer(witness), NOW) {
        Ok(lines) => HttpAnswer {
            status: 200,
            content_type: "text/plain".into(),
            body: NoteSignature::print_lines(&lines).into(),
        },
        Err(WitnessRefusal::Conflict { size, .. }) => conflict(size),
        Err(refusal) => HttpAnswer::words(refusal.http_status(), refusal.code()),
    }
}

fn conflict(size: u64) -> HttpAnswer {
    HttpAnswer {
        status: 409,
        content_type: "text/x.tlog.size".into(),
        body: format!("{size}\n").into_bytes(),
    }
}

async fn serve(witness: &'static str, ways: Ways) -> Server {
    let listener = HttpListener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}/add-checkpoint", listener.local_addr());
    let state = Arc::new(Mutex::new(WitnessState::default()));
    let shared = state.clone();
    let serving = listener.serve("/add-checkpoint", HttpLimits::for_bodies(1 << 20), move |body| {
        let (state, ways) = (shared.clone(), ways.clone());
        async move {
            match ways {
                Ways::Good(asked) => {
                    asked.fetch_add(1, Ordering::SeqCst);
                    answer(witness, &state, &body)
                }
                Ways::Waits(permits) => {
                    permits.acquire().await.unwrap().forget();
                    answer(witness, &state, &body)
                }
                Ways::Contradicts(asked) => {
                    conflict((asked.fetch_add(1, Ordering::SeqCst) % 2).saturating_add(1))
                }
                Ways::Lies => answer("stranger.example", &state, &body),
                Ways::Forgets => {
                    let asked = AddCheckpoint::parse(&body).unwrap();
                    let of_the_log = Note::new(asked.note().text(), asked.note().signatures()[..2].to_vec());
                    let asked =
                        AddCheckpoint::new(asked.old_size(), asked.proof().to_vec(), of_the_log.unwrap());
                    answer(witness, &state, &asked.unwrap().to_bytes())
                }
            }
        }
    });
    Server { url, state, serving: tokio::spawn(serving) }
}

/// A log's gatherer with these witnesses, and the board.
fn gatherer(servers: &[(&str, &Server)]) -> (Cosigning, Board) {
    let client = |server: &Server| Arc::new(HttpClient::new(&server.url, None).unwrap());
    let by_url = servers.iter().map(|(name, server)| ((*name).to_owned(), client(server))).collect();
    let (_, sessions) = watch::channel(Vec::new());
    let board = Board::new(|| NOW, Duration::from_secs(60));
    board.expect(&NAMES.map(str::to_owned), 2);
    let roster = Roster { sessions, by_url: Arc::new(by_url), board: board.clone() };
    (Cosigning::new(LogName::Messages, roster, None), board)
}

fn of(board: &Board, name: &str) -> WitnessStatus {
    board.status("r").witnesses.into_iter().find(|witness| witness.name == name).unwrap()
}

/// Waits until the board says so.
async fn until(board: &Board, what: &str, fits: impl Fn(&Board) -> bool) {
    let waiting = async {
        while !fits(board) {
            board.changed().await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("not {what}"));
}

fn good() -> (Ways, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    (Ways::Good(asked.clone()), asked)
}

#[tokio::test]
async fn the_first_quorum_is_enough_and_what_comes_late_is_remembered() {
    let permits = Arc::new(Semaphore::new(0));
    let (a, b) = (serve(NAMES[0], good().0).await, serve(NAMES[1], good().0).await);
    let late = serve(NAMES[2], Ways::Waits(permits.clone())).await;
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b), (NAMES[2], &late)]);
    // It says nothing, and the others' cosignatures are here.
    let cosigned = cosigning.gather(&note(3), 3, &tree(3), &policy()).await.unwrap();
    assert_eq!(policy().check_strict(&cosigned).unwrap().witnesses().len(), 2);
    assert_eq!(of(&board, NAMES[2]).cosigned_at, None);
    permits.add_permits(1);
    until(&board, "heard late", |board| of(board, NAMES[2]).cosigned_at.is_some()).await;
    // Its size is known now: the next question begins there, so it needs no second one.
    assert_eq!(cosigning.lock().last.get(NAMES[2]), Some(&3));
    drop((a, b));
    permits.add_permits(1);
    assert!(cosigning.gather(&note(5), 5, &tree(5), &policy()).await.is_none(), "one is no quorum");
    assert_eq!(late.state.lock().unwrap().latest(&name(ORIGIN)).unwrap().0, 5);
}

#[tokio::test]
async fn after_a_conflict_a_witness_is_asked_once_more_with_the_size_given_and_not_again() {
    let ((ways, asked), contradictions) = (good(), Arc::new(AtomicU64::new(0)));
    let (a, b) = (serve(NAMES[0], ways).await, serve(NAMES[1], good().0).await);
    let odd = serve(NAMES[2], Ways::Contradicts(contradictions.clone())).await;
    for server in [&a, &b] {
        *server.state.lock().unwrap() = WitnessState::restore([(name(ORIGIN), 4, tree(4).root())]);
    }
    let (mut cosigning, _) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b), (NAMES[2], &odd)]);
    let cosigned = cosigning.gather(&note(9), 9, &tree(9), &policy()).await.unwrap();
    assert!(policy().check_strict(&cosigned).is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // One that never says the same twice is asked twice in a round, and holds nobody up.
    drop(b);
    contradictions.store(0, Ordering::SeqCst);
    assert!(cosigning.gather(&note(9), 9, &tree(9), &policy()).await.is_none());
    assert_eq!(contradictions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_cosignature_by_the_witness_s_keys_counts_for_nothing() {
    let (a, liar) = (serve(NAMES[0], good().0).await, serve(NAMES[1], Ways::Lies).await);
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &liar)]);
    assert!(cosigning.gather(&note(3), 3, &tree(3), &policy()).await.is_none());
    assert_eq!(of(&board, NAMES[1]).last_code.as_deref(), Some("POUCH-RLY-45"));
    assert!(of(&board, NAMES[0]).missing_since.is_none());
}

#[tokio::test]
async fn a_witness_that_forgot_is_reminded_of_its_own_cosignature() {
    let (a, b) = (serve(NAMES[0], good().0).await, serve(NAMES[1], good().0).await);
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b)]);
    cosigning.gather(&note(6), 6, &tree(6), &policy()).await.unwrap();
    until(&board, "both heard", |board| {
        of(board, NAMES[0]).cosigned_at.is_some() && of(board, NAMES[1]).cosigned_at.is_some()
    })
    .await;
    *b.state.lock().unwrap() = WitnessState::restore([(name(ORIGIN), 2, tree(2).root())]);
    assert!(cosigning.gather(&note(8), 8, &tree(8), &policy()).await.is_none());
    until(&board, "found out", |board| of(board, NAMES[1]).forgot).await;
    // It refused the reminder, as one of ours does that then stops, and cosigned nothing since.
    assert!(of(&board, NAMES[1]).last_code.unwrap().contains("POUCH-TLG-88"));
    assert_eq!(b.state.lock().unwrap().latest(&name(ORIGIN)).unwrap().0, 2);
    assert!(!of(&board, NAMES[0]).forgot);
}

#[tokio::test]
async fn a_witness_of_others_that_takes_the_reminder_goes_on_and_stays_marked() {
    let (a, b) = (serve(NAMES[0], good().0).await, serve(NAMES[1], Ways::Forgets).await);
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b)]);
    cosigning.gather(&note(6), 6, &tree(6), &policy()).await.unwrap();
    until(&board, "both heard", |board| of(board, NAMES[1]).cosigned_at.is_some()).await;
    *b.state.lock().unwrap() = WitnessState::restore([(name(ORIGIN), 2, tree(2).root())]);
    // What it cosigned is the reminder: no line of this one.
    assert!(cosigning.gather(&note(8), 8, &tree(8), &policy()).await.is_none());
    assert_eq!(b.state.lock().unwrap().latest(&name(ORIGIN)).unwrap().0, 6);
    let cosigned = cosigning.gather(&note(8), 8, &tree(8), &policy()).await.unwrap();
    assert!(policy().check_strict(&cosigned).is_ok());
    assert!(of(&board, NAMES[1]).forgot);
}

#[tokio::test]
async fn what_was_published_before_a_restart_reminds_too() {
    let (a, b) = (serve(NAMES[0], good().0).await, serve(NAMES[1], good().0).await);
    let published = {
        let (mut cosigning, _) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b)]);
        cosigning.gather(&note(6), 6, &tree(6), &policy()).await.unwrap()
    };
    *a.state.lock().unwrap() = WitnessState::default();
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b)]);
    cosigning.published(6, &published, &policy());
    assert!(cosigning.gather(&note(7), 7, &tree(7), &policy()).await.is_none());
    until(&board, "found out", |board| of(board, NAMES[0]).forgot).await;
    assert_eq!(a.state.lock().unwrap().latest(&name(ORIGIN)), None);
}

#[tokio::test]
async fn a_roll_call_finds_who_is_away_and_who_is_back_though_nothing_grows() {
    let ((ways, asked), names) = (good(), NAMES.map(str::to_owned));
    let (a, b) = (serve(NAMES[0], ways).await, serve(NAMES[1], good().0).await);
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &b)]);
    cosigning.gather(&note(2), 2, &tree(2), &policy()).await.unwrap();
    until(&board, "both heard", |board| {
        of(board, NAMES[0]).cosigned_at.is_some() && of(board, NAMES[1]).cosigned_at.is_some()
    })
    .await;
    let before = asked.load(Ordering::SeqCst);
    cosigning.roll_call(&tree(2), &policy(), &names, 2);
    assert_eq!(of(&board, NAMES[2]).last_code.as_deref(), Some("POUCH-RLY-44"), "nobody knows where it is");
    drop(b);
    // A board of a relay that began now: nobody is fresh.
    let (_, sessions) = watch::channel(Vec::new());
    let anew = Board::new(|| NOW, Duration::from_secs(60));
    anew.expect(&names, 2);
    cosigning.roster = Roster { sessions, board: anew.clone(), by_url: cosigning.roster.by_url.clone() };
    cosigning.roll_call(&tree(2), &policy(), &names, 2);
    until(&anew, "one here, one away", |board| {
        of(board, NAMES[0]).missing_since.is_none() && of(board, NAMES[1]).last_code.is_some()
    })
    .await;
    assert_eq!(asked.load(Ordering::SeqCst), before + 1, "who cosigned just now is not asked");
}

/// What a node of a member answers on its session; nobody is behind the address that stands in for it.
fn says(node: &str, names: Option<&str>, size: u64, answer: Said, asked: u64) -> Answered {
    let reach = Reach::Http(Arc::new(HttpClient::new("http://127.0.0.1:9/", None).unwrap()));
    let target = Target {
        id: format!("node of {node}"),
        own: None,
        name: names.map(str::to_owned),
        speaks: names.is_some(),
        reach,
    };
    Answered { target, note: note(size), size, at: after(asked), answer: Ok(answer) }
}

fn after(seconds: u64) -> Timestamp {
    Timestamp(NOW.0.saturating_add(seconds.saturating_mul(1000)))
}

/// The lines of these witnesses, so many seconds later.
fn lines(names: &[&str], size: u64, seconds: u64) -> Said {
    let text = note(size);
    let all: Vec<_> =
        names.iter().flat_map(|name| signer(name).cosign(text.text(), after(seconds)).unwrap()).collect();
    Said::Lines(NoteSignature::print_lines(&all).into())
}

fn is_taken(cosigning: &Cosigning, answered: Answered) -> bool {
    let board = &cosigning.roster.board;
    matches!(judge(board, &cosigning.memory, cosigning.log, &policy(), answered), Good::Lines(_))
}

#[tokio::test]
async fn what_a_member_copies_is_no_cosignature_and_gives_it_no_witness_s_name() {
    let (cosigning, board) = gatherer(&[]);
    let published = {
        let by = NAMES[..2].iter().flat_map(|name| signer(name).cosign(note(6).text(), NOW).unwrap());
        note(6).with(by).unwrap()
    };
    cosigning.published(6, &published, &policy());
    let refused = [
        ("what was published", lines(&NAMES[..1], 6, 0), 10),
        ("more than two minutes old", lines(&NAMES[2..], 6, 0), 121),
        ("of two witnesses at once", lines(&NAMES[..2], 6, 500), 500),
        ("nobody's", Said::Lines(Vec::new()), 500),
    ];
    for (what, answer, asked) in refused {
        assert!(!is_taken(&cosigning, says("MD", None, 6, answer, asked)), "{what}");
        assert_eq!(board.heard_from("node of MD", None), None, "{what}");
    }
    for name in NAMES {
        assert_eq!(of(&board, name).cosigned_at, None, "{name} is not present by it");
    }
    // Its word that the size is nothing is nobody's.
    assert!(!is_taken(&cosigning, says("MD", None, 6, Said::Conflict(0), 500)));
    assert!(!of(&board, NAMES[0]).forgot);
    // The witness's own node shows what it made now, for this witness and no other.
    assert!(is_taken(&cosigning, says("NL", None, 6, lines(&NAMES[..1], 6, 500), 600)));
    assert_eq!(board.heard_from("node of NL", None).as_deref(), Some(NAMES[0]));
    assert!(!is_taken(&cosigning, says("NL", Some(NAMES[0]), 6, lines(&NAMES[1..2], 6, 700), 700)));
    assert_eq!(of(&board, NAMES[1]).cosigned_at, None);
    // Those are new no more.
    assert!(!is_taken(&cosigning, says("MD", None, 6, lines(&NAMES[..1], 6, 500), 600)));
    // Of the witness's own node it is believed that it forgot.
    let no_lines = is_taken(&cosigning, says("NL", Some(NAMES[0]), 6, Said::Conflict(0), 600));
    assert!(!no_lines && of(&board, NAMES[0]).forgot);
}

#[tokio::test]
async fn a_witness_s_own_address_is_asked_whatever_nodes_say_and_only_it_answers_there() {
    let (a, other) = (serve(NAMES[0], good().0).await, serve(NAMES[2], good().0).await);
    let (mut cosigning, board) = gatherer(&[(NAMES[0], &a), (NAMES[1], &other)]);
    board.hears_from("node of MD", None, NAMES[0]);
    let own: BTreeSet<String> = cosigning.roster.targets().iter().filter_map(|t| t.own.clone()).collect();
    assert_eq!(own, NAMES[..2].iter().map(|name| (*name).to_owned()).collect(), "none is left out");
    let node = |own: &BTreeSet<String>| {
        let reach = Reach::Http(Arc::new(HttpClient::new(&a.url, None).unwrap()));
        cosigning.roster.node("node of MD".into(), reach, own)
    };
    assert_eq!(node(&own).speaks_for(), None, "the address speaks");
    assert_eq!(node(&BTreeSet::new()).speaks_for(), Some(NAMES[0]));
    board.hears_from("node of NL", None, NAMES[0]);
    assert_eq!(node(&BTreeSet::new()).speaks_for(), None, "one of two passes on what it did not make");
    // At the address of the second a third answers: good lines, of somebody else.
    assert!(cosigning.gather(&note(3), 3, &tree(3), &policy()).await.is_none());
    assert_eq!(of(&board, NAMES[1]).last_code.as_deref(), Some("POUCH-RLY-45"));
    assert_eq!(of(&board, NAMES[2]).cosigned_at, None);
}
