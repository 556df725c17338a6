//! Each type's fields: canonical bytes and TOML round trips, and what says nothing or contradicts itself.

use pouch_notice::body::{Body, BodyError};
use pouch_notice::{Notice, body_from_toml, body_to_toml, check_form};
use pouch_wire::{Canonical as _, NoticeType};
use proptest::prelude::*;

use crate::stage::{body, notice};

fn checked(kind: NoticeType, fields: &str) -> Result<(), BodyError> {
    body_from_toml(kind, fields).unwrap().check()
}

#[test]
fn each_type_keeps_the_form_and_its_bytes_and_toml_round_trip() {
    for kind in NoticeType::ALL {
        let notice = notice(body(*kind));
        assert_eq!(check_form(&notice), Ok(()), "{kind}");
        let bytes = notice.to_bytes().unwrap();
        assert_eq!(Notice::from_bytes(&bytes).unwrap(), notice);
        assert_eq!(notice.notice_type(), *kind);
        let toml = body_to_toml(&notice.body).unwrap();
        assert_eq!(body_from_toml(*kind, &toml).unwrap(), notice.body, "{toml}");
    }
}

#[test]
fn each_field_that_may_be_left_out_leaves_a_notice_that_round_trips() {
    let mut left_out = 0_usize;
    for kind in NoticeType::ALL {
        let full: toml::Table = body_to_toml(&body(*kind)).unwrap().parse().unwrap();
        for field in full.keys() {
            let mut table = full.clone();
            table.remove(field);
            let Ok(body) = body_from_toml(*kind, &table.to_string()) else { continue };
            let notice = notice(body);
            assert_eq!(
                Notice::from_bytes(&notice.to_bytes().unwrap()).unwrap(),
                notice,
                "{kind} without {field}"
            );
            assert_eq!(body_from_toml(*kind, &body_to_toml(&notice.body).unwrap()).unwrap(), notice.body);
            left_out += 1;
        }
    }
    assert!(left_out > 20, "{left_out}");
}

#[test]
fn the_types_number_on_the_wire_is_that_of_mandates() {
    // A mandate that covers type n covers the body with tag n: the two lists must never drift apart.
    for (place, kind) in NoticeType::ALL.iter().enumerate() {
        let with = notice(body(*kind)).to_bytes().unwrap();
        let other = notice(crate::stage::text("x")).to_bytes().unwrap();
        let tag = with.iter().zip(&other).position(|(a, b)| a != b);
        if *kind == NoticeType::FreeText || notice(body(*kind)).concerns.is_some() {
            continue;
        }
        assert_eq!(usize::from(with[tag.unwrap()]), place, "{kind}");
    }
}

#[test]
fn a_cut_or_lengthened_notice_is_no_notice() {
    for kind in NoticeType::ALL {
        let bytes = notice(body(*kind)).to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert!(Notice::from_bytes(&bytes[..len]).is_err(), "{kind} cut to {len}");
        }
        assert!(Notice::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn what_is_needed_is_not_blank() {
    use NoticeType as T;
    let blank = [
        (T::IncidentNotice, "what_happened = \" \"", "what_happened"),
        (
            T::IncidentNotice,
            "what_happened = \"a\"\n[[indicators]]\nkind = \"url\"\nvalue = \"\"",
            "indicators.value",
        ),
        (T::Inquiry, "questions = [\"a\", \"\"]", "questions"),
        (T::RequestAssistance, "needed = \"\\n\"", "needed"),
        (T::Response, "[[answers]]\nkind = \"substantive\"\ntext = \"\"", "answers.text"),
        (T::Update, "text = \"\"", "text"),
        (T::Correction, "text = \"\"", "text"),
        (T::Cancellation, "text = \"\"", "text"),
        (T::AllClear, "text = \"\"", "text"),
        (T::FreeText, "text = \"\\t\"", "text"),
        (T::ConsultationInvite, "when = 2026-11-24T15:00:00Z\nmeans = \"\"\ntopics = [\"a\"]", "means"),
        (T::VulnerabilityNotice, "product = \"\"\ndescription = \"a\"\nexploited = false", "product"),
        (T::JointStatement, "text = \"\"\nthreshold = 2\ninvited = [\"NL\", \"MD\"]", "text"),
    ];
    for (kind, fields, field) in blank {
        assert_eq!(checked(kind, fields), Err(BodyError::Blank(field)), "{fields}");
    }
    assert_eq!(checked(T::Response, "[[answers]]\nkind = \"decline\"\ntext = \"\""), Ok(()));
    assert_eq!(checked(T::CommCheck, "human = false"), Ok(()));
}

#[test]
fn a_list_that_is_needed_has_something_in_it() {
    use NoticeType as T;
    assert_eq!(checked(T::Inquiry, "questions = []"), Err(BodyError::None("questions")));
    assert_eq!(checked(T::Response, "answers = []"), Err(BodyError::None("answers")));
    let invite = "when = 2026-11-24T15:00:00Z\nmeans = \"telephone\"\ntopics = []";
    assert_eq!(checked(T::ConsultationInvite, invite), Err(BodyError::None("topics")));
    assert_eq!(checked(T::ConsultationInvite, &invite.replace("[]", "[\"a\"]")), Ok(()));
}

#[test]
fn a_question_is_answered_once() {
    let answers = |second: u8| {
        format!(
            "[[answers]]\nquestion = 1\nkind = \"interim\"\ntext = \"a\"\n\
             [[answers]]\nquestion = {second}\nkind = \"substantive\"\ntext = \"b\"\n"
        )
    };
    assert_eq!(checked(NoticeType::Response, &answers(2)), Ok(()));
    assert_eq!(checked(NoticeType::Response, &answers(1)), Err(BodyError::AnsweredTwice(1)));
}

#[test]
fn a_joint_statement_can_be_reached_and_is_not_one_members() {
    let joint = |threshold: u8| {
        checked(
            NoticeType::JointStatement,
            &format!("text = \"a\"\nthreshold = {threshold}\ninvited = [\"NL\", \"MD\", \"BA\"]"),
        )
    };
    for threshold in [2, 3] {
        assert_eq!(joint(threshold), Ok(()));
    }
    for threshold in [0, 1, 4, 255] {
        assert_eq!(joint(threshold), Err(BodyError::Threshold { threshold, invited: 3 }));
    }
}

#[test]
fn nothing_is_noticed_before_it_begins() {
    let incident = |started: &str, detected: &str| {
        let fields = format!("what_happened = \"a\"\nstarted = {started}\ndetected = {detected}\n");
        checked(NoticeType::IncidentNotice, &fields)
    };
    let (early, late) = ("2026-11-24T02:30:00Z", "2026-11-24T02:41:00Z");
    assert_eq!(incident(early, late), Ok(()));
    assert_eq!(incident(early, early), Ok(()));
    assert!(matches!(incident(late, early), Err(BodyError::DetectedBeforeStart { .. })));
}

#[test]
fn the_longest_lists_and_texts_fit_and_one_more_does_not() {
    let questions = |count: usize, len: usize| {
        let question = "x".repeat(len);
        body_from_toml(NoticeType::Inquiry, &format!("questions = {:?}", vec![question; count]))
    };
    assert!(questions(64, 10).is_ok());
    assert!(questions(65, 10).is_err());
    assert!(questions(1, 16 * 1024).is_ok());
    assert!(questions(1, 16 * 1024 + 1).is_err());
    // Each fits, all together are larger than a notice may be.
    let large = questions(64, 16 * 1024).unwrap();
    assert!(pouch_notice::Draft::new(notice(large)).is_err());
}

proptest! {
    #[test]
    fn any_text_that_a_notice_can_hold_survives_toml(words in "[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]{1,80}") {
        let fields = pouch_notice::fields_from_text(NoticeType::FreeText, &words).unwrap();
        let body = body_from_toml(NoticeType::FreeText, &fields).unwrap();
        let Body::FreeText(plain) = &body else { panic!("another type") };
        prop_assert_eq!(&*plain.text, &words);
        prop_assert_eq!(body_from_toml(NoticeType::FreeText, &body_to_toml(&body).unwrap()).unwrap(), body);
    }

    #[test]
    fn no_bytes_make_the_decoder_fall(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _outcome = Notice::from_bytes(&bytes).is_ok();
    }

    #[test]
    fn a_changed_byte_never_leaves_the_same_notice(place in any::<prop::sample::Index>(), by in 1u8..) {
        let honest = notice(body(NoticeType::IncidentNotice)).to_bytes().unwrap();
        let mut bytes = honest.clone();
        let place = place.index(bytes.len());
        bytes[place] ^= by;
        prop_assert_ne!(Notice::id_of(&bytes), Notice::id_of(&honest));
        if let Ok(changed) = Notice::from_bytes(&bytes) {
            prop_assert_ne!(changed, Notice::from_bytes(&honest).unwrap());
        }
    }
}
