//! Rates, as senders meet them.

use super::*;

const KIB: u64 = 1024;

fn office(name: &str) -> ContactPoint {
    name.parse().unwrap()
}

fn rates() -> Rates {
    Rates::new(&Senders::default())
}

/// Takes and keeps; the class in which it is carried.
fn carried(rates: &Rates, name: &str, marked: Precedence, now: Instant) -> (Precedence, Option<Demotion>) {
    let taken = rates.take(&office(name), marked, KIB, now).unwrap();
    let demotion = taken.demotion;
    taken.spent();
    (demotion.map_or(marked, |demotion| demotion.to), demotion)
}

#[test]
fn twenty_flashes_go_at_once_and_ten_more_each_minute() {
    let (rates, now) = (rates(), Instant::now());
    for n in 0..20 {
        assert_eq!(carried(&rates, "NL/technical", Precedence::Flash, now).0, Precedence::Flash, "{n}");
    }
    let (class, demotion) = carried(&rates, "NL/technical", Precedence::Flash, now);
    assert_eq!(class, Precedence::Immediate);
    assert_eq!(demotion, Some(Demotion { to: Precedence::Immediate, sent: 21, within_s: 1 }));
    assert_eq!(carried(&rates, "EE/policy", Precedence::Flash, now).0, Precedence::Flash);
    let mut flashes = 0;
    for second in 1..=60 {
        let then = now + Duration::from_secs(second);
        let (class, _) = carried(&rates, "NL/technical", Precedence::Flash, then);
        flashes += u32::from(class == Precedence::Flash);
    }
    assert_eq!(flashes, 10);
}

#[test]
fn who_marks_everything_flash_ends_up_with_what_is_routine() {
    let config = Senders { messages_burst: 10_000, ..Senders::default() };
    let (rates, now) = (Rates::new(&config), Instant::now());
    let mut classes = HashMap::new();
    for _ in 0..2000 {
        *classes.entry(carried(&rates, "NL/technical", Precedence::Flash, now).0).or_insert(0) += 1;
    }
    let count = |class| classes.get(&class).copied().unwrap_or(0);
    assert_eq!(Precedence::ALL.map(count), [20, 120, 600, 1260]);
    // What it marked lower finds no more room than that.
    assert_eq!(carried(&rates, "NL/technical", Precedence::Priority, now).0, Precedence::Routine);
    let (class, demotion) = carried(&rates, "NL/technical", Precedence::Routine, now);
    assert_eq!((class, demotion), (Precedence::Routine, None), "nothing is lower than routine");
}

#[test]
fn one_office_in_a_flood_leaves_its_members_others_their_flashes() {
    let (rates, now) = (rates(), Instant::now());
    for _ in 0..100 {
        carried(&rates, "NL/technical", Precedence::Flash, now);
    }
    for n in 0..20 {
        assert_eq!(carried(&rates, "NL/policy", Precedence::Flash, now).0, Precedence::Flash, "{n}");
    }
    assert_eq!(carried(&rates, "NL/third", Precedence::Flash, now).0, Precedence::Immediate);
    assert_eq!(carried(&rates, "NLX/third", Precedence::Flash, now).0, Precedence::Flash);
}

#[test]
fn bytes_go_at_the_sustained_rate_after_the_burst_and_flashes_all_the_same() {
    let (rates, now) = (rates(), Instant::now());
    let nl = office("NL/technical");
    let take = |bytes, marked, now| rates.take(&nl, marked, bytes, now).map(Taken::spent);
    for _ in 0..16 {
        take(1000 * KIB, Precedence::Routine, now).unwrap();
    }
    take(200 * KIB, Precedence::Routine, now).unwrap();
    let too_fast = take(1024 * KIB, Precedence::Routine, now).unwrap_err();
    assert!(!too_fast.member);
    let about = Duration::from_millis(800)..Duration::from_millis(850);
    assert!(about.contains(&too_fast.wait), "{too_fast:?}");
    assert_eq!(take(1024 * KIB, Precedence::Immediate, now), Err(too_fast));
    take(1024 * KIB, Precedence::Flash, now).unwrap();
    assert_eq!(rates.is_over(&nl, Precedence::Flash, now), None);
    assert_eq!(take(1024 * KIB, Precedence::Routine, now), Err(too_fast), "each has its own measure");
    let later = now + Duration::from_secs(2);
    take(1024 * KIB, Precedence::Routine, later).unwrap();
    assert_eq!(rates.is_over(&office("BA/policy"), Precedence::Routine, now), None);
}

#[test]
fn short_messages_have_a_rate_too() {
    let (rates, now) = (rates(), Instant::now());
    for _ in 0..512 {
        carried(&rates, "NL/technical", Precedence::Routine, now);
    }
    let too_fast = rates.is_over(&office("NL/technical"), Precedence::Routine, now).unwrap();
    assert!(!too_fast.member && too_fast.wait <= Duration::from_millis(16), "{too_fast:?}");
    assert_eq!(rates.is_over(&office("NL/policy"), Precedence::Routine, now), None);
    assert_eq!(carried(&rates, "NL/technical", Precedence::Flash, now).0, Precedence::Flash);
    let later = now + Duration::from_secs(1);
    for _ in 0..64 {
        carried(&rates, "NL/technical", Precedence::Routine, later);
    }
    assert!(rates.is_over(&office("NL/technical"), Precedence::Routine, later).is_some());
}

#[test]
fn the_largest_message_goes_when_nothing_else_did_and_is_paid_off() {
    let (rates, now) = (rates(), Instant::now());
    let nl = office("NL/technical");
    rates.take(&nl, Precedence::Routine, 64 << 20, now).unwrap().spent();
    assert_eq!(rates.is_over(&nl, Precedence::Flash, now), None, "its flash does not wait for that");
    let wait = rates.is_over(&nl, Precedence::Routine, now).unwrap().wait;
    assert!(wait > Duration::from_secs(47) && wait < Duration::from_secs(49), "{wait:?}");
    assert_eq!(rates.is_over(&nl, Precedence::Routine, now + Duration::from_secs(50)), None);
}

#[test]
fn what_is_not_stored_takes_no_place_of_its_class() {
    let (rates, now) = (rates(), Instant::now());
    let nl = office("NL/technical");
    for _ in 0..100 {
        let mut taken = rates.take(&nl, Precedence::Flash, 60 * KIB, now).unwrap();
        assert_eq!(taken.demotion, None, "a line that breaks makes no flash less urgent");
        taken.begins();
    }
    let mut large = 0;
    while let Ok(mut taken) = rates.take(&nl, Precedence::Flash, 900 * KIB, now) {
        assert_eq!(taken.demotion, None);
        taken.begins();
        large += 1;
    }
    assert!((10..20).contains(&large), "{large}: what came was spent, also of flashes");
    assert_eq!(rates.is_over(&nl, Precedence::Routine, now), None, "others have a measure of their own");
    let rates = Rates::new(&Senders::default());
    for _ in 0..100 {
        drop(rates.take(&nl, Precedence::Routine, 900 * KIB, now).unwrap());
    }
    assert_eq!(rates.is_over(&nl, Precedence::Routine, now), None, "nothing came, nothing was spent");
}

#[test]
fn whoever_is_refused_again_and_again_is_soon_not_looked_at_and_no_sibling_waits_for_long() {
    let (rates, now) = (rates(), Instant::now());
    let (nl, sibling) = (office("NL/technical"), office("NL/policy"));
    for n in 0..512 {
        assert_eq!(rates.is_over(&nl, Precedence::Routine, now), None, "{n}");
        assert_eq!(rates.is_over(&nl, Precedence::Flash, now), None, "{n}");
        rates.refused(&nl, now);
    }
    assert!(rates.is_over(&nl, Precedence::Flash, now).is_some(), "not as a flash either");
    for _ in 0..10_000 {
        rates.refused(&nl, now);
    }
    let soon = now + Duration::from_millis(50);
    assert_eq!(rates.is_over(&nl, Precedence::Flash, soon), None, "there is room again at once");
    let wait = rates.is_over(&sibling, Precedence::Routine, soon).map(|over| over.wait);
    assert!(wait.is_none_or(|wait| wait < Duration::from_secs(10)), "{wait:?}");
}

#[test]
fn a_relays_word_about_how_many_in_which_time_is_true() {
    let (mut tally, now) = (Tally::default(), Instant::now());
    let at = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(tally.count(at(0)), (1, 1));
    assert_eq!(tally.count(at(30)), (2, 31));
    assert_eq!(tally.count(at(70)), (3, 71));
    assert_eq!(tally.count(at(119)), (4, 120));
    assert_eq!(tally.count(at(121)), (3, 62), "the first minute is forgotten");
    assert_eq!(tally.count(at(400)), (1, 1));
}

#[test]
fn nothing_is_remembered_of_who_was_quiet() {
    let (rates, now) = (rates(), Instant::now());
    carried(&rates, "NL/technical", Precedence::Flash, now);
    carried(&rates, "BA/policy", Precedence::Routine, now + Duration::from_secs(600));
    let accounts = rates.accounts.lock().unwrap();
    assert_eq!(accounts.offices.keys().collect::<Vec<_>>(), [&office("BA/policy")]);
    assert_eq!(accounts.members.len(), 1);
}
