//! What an exercise must never move: the places, counts and lists of what is live.

use pouch_wire::{Digest, Environment, ExerciseId, KeyId, Precedence, Timestamp};

use super::agent::{AgentContracts, arrival, outgoing};
use super::{Engine, digest, id, point};
use crate::contracts::{Inbox, Outbox, Rejudging as _, Watching as _};
use crate::rows::{Arrival, Outgoing};

/// Both count from 1; a drill is listed after everything live, and takes no live row's room.
pub async fn an_exercise_has_places_and_lists_of_its_own<E: Engine>(engine: &E)
where
    E::Store: Outbox + Inbox,
{
    let store = engine.open().await;
    let exercise = ExerciseId(Digest::new([7; 32]));
    let drill = Environment::Exercise(exercise);
    let other = Environment::Exercise(ExerciseId(Digest::new([8; 32])));
    let to = || vec![point("MD/policy")];
    let places = store.reserve(to(), drill).await.unwrap();
    let sent = Outgoing { environment: drill, ..outgoing(9, places, Precedence::Flash) };
    store.enqueue(sent).await.unwrap();
    for (environment, n) in [(drill, 2), (other, 1), (Environment::Live, 1)] {
        assert_eq!(store.reserve(to(), environment).await.unwrap()[0].n, n, "{environment}");
    }
    let live = store.reserve(to(), Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, live, Precedence::Routine)).await.unwrap();
    assert_eq!(store.reserve(to(), drill).await.unwrap()[0].previous, id(9));
    assert_eq!(store.reserve(to(), Environment::Live).await.unwrap()[0].previous, id(1));
    let listed: Vec<_> = store.outbox(1).await.unwrap().iter().map(|row| row.environment).collect();
    assert_eq!(listed, [Environment::Live, drill], "live first, and room for each");

    store.take_in(arrival(2, None)).await.unwrap();
    store.take_in(Arrival { environment: drill, sequence: vec![99], ..arrival(30, None) }).await.unwrap();
    let sender = point("MD/policy");
    assert_eq!(store.sequence_in(&sender, Environment::Live).await.unwrap(), Some(vec![2]));
    assert_eq!(store.sequence_in(&sender, drill).await.unwrap(), Some(vec![99]));
    assert_eq!(store.sequence_in(&sender, other).await.unwrap(), None);
    let listed: Vec<_> = store.inbox(true, 1).await.unwrap().iter().map(|row| row.environment).collect();
    assert_eq!(listed, [Environment::Live, drill], "the drill came last, and is not listed first");
    assert_eq!(store.unacknowledged_count().await.unwrap(), 1);
    assert_eq!(store.unacknowledged_in_exercises().await.unwrap(), 1);

    assert_eq!(store.owed(10).await.unwrap().len(), 2);
    store.forgive(exercise).await.unwrap();
    let owed: Vec<_> = store.owed(10).await.unwrap().iter().map(|row| row.environment).collect();
    assert_eq!(owed, [Environment::Live], "what is owed live is owed still");
    let store = engine.restart(store).await;
    assert_eq!(store.reserve(to(), drill).await.unwrap()[0].n, 2);
}

/// What is announced to others, what they are watched by, and what is judged again is live only.
pub async fn a_drill_is_neither_announced_nor_judged_again<E: Engine>(engine: &E)
where
    E::Store: AgentContracts,
{
    let store = engine.open().await;
    let drill = Environment::Exercise(ExerciseId(Digest::new([7; 32])));
    let (md, key) = (point("MD/policy"), KeyId(digest(7)));
    let accepted = |n| {
        let (store, md) = (store.clone(), md.clone());
        async move { store.carried(id(n), ("a", 1), vec![md], Some(vec![1]), Timestamp(5)).await.unwrap() }
    };
    let newest = || {
        let (store, md) = (store.clone(), md.clone());
        async move { store.announced(vec![md], Timestamp(5)).await.unwrap()[0].newest }
    };
    let send = |n, environment| {
        let (store, md) = (store.clone(), md.clone());
        async move {
            let places = store.reserve(vec![md], environment).await.unwrap();
            let sent = outgoing(n, places, Precedence::Flash);
            store.enqueue(Outgoing { environment, keys: vec![key], ..sent }).await.unwrap();
        }
    };
    send(1, drill).await;
    accepted(1).await;
    assert_eq!(newest().await, None, "nothing live was sent");
    send(2, Environment::Live).await;
    accepted(2).await;
    for n in [3, 4] {
        send(n, drill).await;
        accepted(n).await;
    }
    assert_eq!(newest().await, Some((1, 1, id(2))), "drills came later, and count for themselves");
    assert_eq!(store.sent_by_key(key).await.unwrap(), [id(2)]);

    let came = |n, environment| Arrival { environment, keys: vec![key], ..arrival(n, None) };
    store.take_in(came(30, drill)).await.unwrap();
    assert_eq!(store.sequences_in().await.unwrap(), [], "nobody is missed by a drill");
    store.take_in(came(31, Environment::Live)).await.unwrap();
    store.take_in(came(32, drill)).await.unwrap();
    assert_eq!(store.sequences_in().await.unwrap(), [(md.clone(), vec![31])]);
    assert_eq!(store.received_by_key(key).await.unwrap(), [id(31)]);
    assert_eq!(store.received_from(&md.member).await.unwrap(), [id(31)]);
    assert_eq!(store.unkeyed(9).await.unwrap(), []);
}
