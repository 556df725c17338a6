//! What others cite, compared with what this node has: agreement, contradiction, and what is held back.

use proptest::prelude::*;

use super::*;
use crate::{LeafHash, MemoryTree};

fn tree(entries: impl IntoIterator<Item = u32>) -> MemoryTree {
    entries.into_iter().map(|n| LeafHash::of(&n.to_be_bytes())).collect()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a party says that is shown this tree.
fn said(theirs: &MemoryTree, size: u64) -> Citation {
    Citation { size, root: theirs.root_at(size).unwrap(), signed: vec![1] }
}

struct Listener {
    ours: MemoryTree,
    hearsay: Hearsay<&'static str>,
}

impl Listener {
    fn with(entries: u32) -> Self {
        Self { ours: tree(0..entries), hearsay: Hearsay::new(8) }
    }

    fn hears(&mut self, who: &'static str, citation: Citation, at: u64) -> Heard {
        let ours = self.ours.root_at(citation.size).ok();
        self.hearsay.hear(&who, citation, ours, seconds(at), Timestamp(at.saturating_mul(1000)))
    }

    fn grows_to(&mut self, entries: u32) -> Vec<(&'static str, Citation, Heard)> {
        self.ours = tree(0..entries);
        self.hearsay.caught_up(|size| self.ours.root_at(size).ok())
    }

    fn overdue(&self, at: u64) -> Vec<(&'static str, u64)> {
        self.hearsay.overdue(seconds(at), seconds(75)).map(|one| (*one.who, one.size)).collect()
    }

    /// Every member has two offices, `a1` and `a2`.
    fn undisputed(&self) -> Option<u64> {
        self.hearsay.undisputed(3, |who| who.chars().next())
    }
}

#[test]
fn one_log_shown_to_all_is_agreed_on() {
    let mut listener = Listener::with(9);
    for size in 0..=9 {
        assert_eq!(listener.hears("a1", said(&tree(0..9), size), 0).compared, Compared::Agrees);
    }
    assert_eq!((listener.undisputed(), listener.hearsay.agreed(&"a1")), (None, 9));
}

#[test]
fn another_past_is_a_contradiction_of_that_party_and_is_told_once() {
    let mut listener = Listener::with(9);
    listener.hears("a1", said(&tree(0..9), 5), 0);
    let theirs = tree((0..6).chain([70, 71]));
    let heard = listener.hears("a1", said(&theirs, 8), 1);
    assert_eq!(heard.compared, Compared::Contradicts(tree(0..8).root()));
    assert!(heard.is_new && !heard.settles);
    assert!(!listener.hears("a1", said(&theirs, 7), 2).is_new);
    // What it agreed on before stays undisputed by its word alone.
    assert_eq!(listener.undisputed(), Some(5));
    // Another office of the same member is the same member's word.
    listener.hears("a2", said(&theirs, 8), 3);
    assert_eq!(listener.undisputed(), Some(3), "what came by hand stays, whoever says what");
    // Another member's is not.
    listener.hears("b1", said(&theirs, 7), 4);
    assert_eq!(listener.undisputed(), Some(0));
}

#[test]
fn a_contradiction_stands_until_the_party_agrees_on_as_many_entries() {
    let mut listener = Listener::with(9);
    listener.hears("a1", said(&tree((0..6).chain([70, 71])), 8), 0);
    assert!(!listener.hears("a1", said(&tree(0..9), 7), 1).settles, "of fewer it says nothing");
    assert!(listener.undisputed().is_some());
    assert!(listener.hears("a1", said(&tree(0..9), 8), 2).settles);
    assert_eq!(listener.undisputed(), None);
    // It may contradict itself again, and is told of again.
    assert!(listener.hears("a1", said(&tree((0..6).chain([70, 71])), 8), 3).is_new);
}

#[test]
fn what_is_ahead_is_kept_and_compared_when_we_get_there() {
    let mut listener = Listener::with(4);
    let theirs = tree((0..6).chain([70, 71, 72, 73]));
    for size in [8, 7, 10, 9] {
        assert_eq!(listener.hears("a1", said(&theirs, size), size).compared, Compared::Ahead);
    }
    assert!(listener.grows_to(6).is_empty());
    let found = listener.grows_to(7);
    assert_eq!(found.len(), 1, "the smallest is compared first");
    assert_eq!((found[0].0, found[0].1.size), ("a1", 7));
    assert!(found[0].2.is_new);
    let found = listener.grows_to(12);
    assert_eq!((found.len(), found[0].1.size), (1, 10), "then the newest");
    assert!(listener.overdue(10_000).is_empty());
}

#[test]
fn who_is_ahead_of_us_for_long_is_named_until_we_have_as_many() {
    let mut listener = Listener::with(4);
    listener.hears("a1", said(&tree(0..9), 6), 100);
    listener.hears("a1", said(&tree(0..9), 9), 160);
    listener.hears("a1", said(&tree(0..9), 5), 170);
    assert!(listener.overdue(174).is_empty());
    assert_eq!(listener.overdue(175), [("a1", 9)]);
    listener.grows_to(9);
    assert!(listener.overdue(1000).is_empty());
}

#[test]
fn whoever_cites_what_no_quorum_had_seen_is_found_out() {
    let mut listener = Listener::with(4);
    listener.hears("a1", said(&tree(0..9), 9), 100);
    // Within the skew of two clocks nobody can tell.
    assert!(listener.hearsay.refute(4, Timestamp(220_000), 120_000).is_empty());
    assert!(listener.hearsay.refute(9, Timestamp(999_000), 120_000).is_empty(), "we have as many");
    assert_eq!(listener.hearsay.refute(4, Timestamp(220_001), 120_000), [("a1", 9)]);
    // From then on its word that it is ahead disturbs nobody, until it agrees on as many.
    listener.hears("a1", said(&tree(0..9), 8), 300);
    assert!(listener.overdue(10_000).is_empty());
    listener.hears("a1", said(&tree(0..9), 4), 301);
    assert!(listener.overdue(10_000).is_empty(), "that it agrees on few clears nothing");
    assert!(listener.hearsay.refute(4, Timestamp(999_000), 120_000).is_empty(), "it is told once");
    assert_eq!(listener.hearsay.refuted(&"a1"), Some(9));
    listener.grows_to(9);
    listener.hears("a1", said(&tree(0..20), 9), 1000);
    assert_eq!(listener.hearsay.refuted(&"a1"), None);
    listener.hears("a1", said(&tree(0..20), 12), 1001);
    assert_eq!(listener.overdue(10_000), [("a1", 12)], "its word counts again");
}

#[test]
fn who_was_found_out_before_a_restart_disturbs_nobody_after_it() {
    let mut listener = Listener::with(4);
    listener.hearsay.restore_refuted("a1", 9);
    listener.hears("a1", said(&tree(0..9), 9), 100);
    listener.hears("b1", said(&tree(0..9), 9), 100);
    assert_eq!(listener.overdue(1000), [("b1", 9)]);
    listener.grows_to(9);
    assert_eq!(listener.hearsay.refuted(&"a1"), None);
}

#[test]
fn of_no_more_than_so_many_parties_something_is_kept() {
    let mut hearsay = Hearsay::new(2);
    for who in 0..5 {
        let heard = hearsay.hear(&who, said(&tree(0..9), 9), None, seconds(0), Timestamp(0));
        assert_eq!(heard.compared, Compared::Ahead);
    }
    assert_eq!(hearsay.overdue(seconds(100), seconds(75)).count(), 2);
}

proptest! {
    /// Whatever is said in whatever order: a party that is shown our log is never called a contradiction,
    /// and one that is shown another past is, as soon as both have what differs.
    #[test]
    fn only_another_past_is_a_contradiction(
        ours in 1_u32..40, theirs in 1_u32..40, fork in proptest::option::of(0_u32..40),
        cited in proptest::collection::vec(1_u64..40, 1..12),
    ) {
        let theirs: Vec<u32> = (0..theirs).map(|n| if fork.is_some_and(|f| n >= f) { n.saturating_add(1000) } else { n }).collect();
        let theirs = tree(theirs);
        let mut listener = Listener::with(1);
        let mut contradicted = false;
        for size in cited.iter().map(|size| (*size).min(theirs.size())) {
            let heard = listener.hears("a1", said(&theirs, size), 0);
            contradicted |= matches!(heard.compared, Compared::Contradicts(_));
        }
        for size in 1..=ours {
            for (_, _, heard) in listener.grows_to(size) {
                contradicted |= matches!(heard.compared, Compared::Contradicts(_));
            }
        }
        // The smallest size that it cited is compared in any case.
        let largest = cited.iter().copied().max().unwrap_or(0).min(theirs.size());
        let differs = |size: u64| fork.is_some_and(|fork| u64::from(fork) < size);
        if contradicted {
            prop_assert!(differs(largest));
        }
        if largest <= u64::from(ours) && differs(largest) {
            prop_assert!(contradicted);
        }
    }
}
