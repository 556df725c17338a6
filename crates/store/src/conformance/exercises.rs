//! What an exercise must never move: the places, counts and lists of what is live.

use pouch_wire::{Digest, Environment, ExerciseId, Precedence};

use super::agent::{arrival, outgoing};
use super::{Engine, id, point};
use crate::contracts::{Inbox, Outbox};
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
