//! The rules of a notice's form, each with the twin that keeps it; drafts, approvals, signatures.

use pouch_crypto::{Context, Domain, sha256};
use pouch_notice::{
    Approval, Attachment, Draft, DraftError, Notice, NoticeNumber, check_form, preview, sentences, year_of,
};
use pouch_wire::{Canonical as _, List, NoticeType, Set, Text, Timestamp, limits};

use crate::stage::{HOUR, NOW, body, earlier, key, notice, point, set, text};

fn with(change: impl FnOnce(&mut Notice)) -> Result<(), DraftError> {
    let mut notice = notice(text("words"));
    assert_eq!(check_form(&notice), Ok(()));
    change(&mut notice);
    check_form(&notice)
}

fn attached(name: &str, media_type: &str, len: u64) -> Attachment {
    Attachment {
        name: Text::new(name).unwrap(),
        media_type: Text::new(media_type).unwrap(),
        len,
        digest: sha256(b"file"),
    }
}

fn with_files(files: &[Attachment]) -> Result<(), DraftError> {
    with(|n| n.attachments = List::new(files.to_vec()).unwrap())
}

#[test]
fn somebody_must_act_and_nobody_is_addressed_twice() {
    assert_eq!(with(|n| n.to = Set::default()), Err(DraftError::NobodyToAct));
    assert_eq!(with(|n| n.info = Set::default()), Ok(()));
    assert_eq!(with(|n| n.info = set(&[point("MD/policy")])), Err(DraftError::Twice(point("MD/policy"))));
    assert_eq!(with(|n| n.info = set(&[point("MD/technical")])), Ok(()));
}

#[test]
fn nobody_writes_to_itself_but_may_write_to_its_other_office() {
    assert_eq!(with(|n| n.to = set(&[point("NL/technical")])), Err(DraftError::ToItself));
    assert_eq!(with(|n| n.info = set(&[point("NL/technical")])), Err(DraftError::ToItself));
    assert_eq!(with(|n| n.to = set(&[point("NL/policy")])), Ok(()));
}

#[test]
fn a_notice_lives_more_than_nothing_and_at_most_thirty_days() {
    let life = |ms: u64| with(|n| n.not_after = Timestamp(NOW.0 + ms));
    assert_eq!(life(1), Ok(()));
    assert_eq!(life(limits::LIFE_MS_MAX), Ok(()));
    assert_eq!(life(0), Err(DraftError::Life { life_s: 0 }));
    assert!(matches!(life(limits::LIFE_MS_MAX + 1), Err(DraftError::Life { .. })));
    assert!(matches!(with(|n| n.not_after = Timestamp(NOW.0 - 1)), Err(DraftError::Life { .. })));
}

#[test]
fn numbers_count_from_one_and_are_written_in_one_way() {
    assert_eq!(with(|n| n.number.n = 0), Err(DraftError::Number));
    let number = NoticeNumber { year: 2026, n: 123 };
    assert_eq!(number.to_string(), "2026-0123");
    assert_eq!("2026-0123".parse(), Ok(number));
    assert_eq!(
        NoticeNumber { year: 2026, n: 12_345 }.to_string().parse(),
        Ok(NoticeNumber { year: 2026, n: 12_345 })
    );
    let mut numbered = notice(text("words"));
    numbered.number = number;
    assert_eq!(numbered.full_number(), "NL/technical 2026-0123");
    for wrong in [
        "",
        "2026",
        "2026-",
        "-1",
        "2026-0000",
        "+2026-1",
        "2026-+1",
        "2026-1-1",
        "20 26-1",
        "26-1",
        "99999-1",
    ] {
        assert!(wrong.parse::<NoticeNumber>().is_err(), "{wrong}");
    }
}

#[test]
fn the_year_is_that_of_utc() {
    assert_eq!(year_of(NOW), 2026);
    assert_eq!(year_of(Timestamp(1_798_761_599_999)), 2026);
    assert_eq!(year_of(Timestamp(1_798_761_600_000)), 2027);
    assert_eq!(year_of(Timestamp(u64::MAX)), 1970);
}

#[test]
fn the_language_is_a_tag_and_the_subject_one_line() {
    for tag in ["en", "pt-BR", "sr-Latn-RS", "bs"] {
        assert_eq!(with(|n| n.language = Text::new(tag).unwrap()), Ok(()), "{tag}");
    }
    for tag in ["", "e", "en_GB", "12", "en-", "-en", "English, UK", "en\u{202e}"] {
        assert_eq!(with(|n| n.language = Text::new(tag).unwrap()), Err(DraftError::Language), "{tag}");
    }
    assert_eq!(with(|n| n.subject = Text::new("One line, é").unwrap()), Ok(()));
    for subject in ["two\nlines", "a\tb", "a\u{2028}b"] {
        assert_eq!(with(|n| n.subject = Text::new(subject).unwrap()), Err(DraftError::Subject));
    }
}

#[test]
fn what_adds_to_answers_corrects_or_ends_a_notice_names_it() {
    use NoticeType as T;
    for kind in [T::Response, T::Update, T::Correction, T::Cancellation, T::AllClear] {
        let mut notice = notice(body(kind));
        assert_eq!(check_form(&notice), Ok(()), "{kind}");
        notice.concerns = None;
        assert_eq!(check_form(&notice), Err(DraftError::ConcernsNothing(kind.as_str())));
    }
    assert_eq!(with(|n| n.concerns = Some(earlier("MD/policy"))), Ok(()));
}

#[test]
fn only_its_own_member_corrects_or_cancels_a_notice() {
    for kind in [NoticeType::Correction, NoticeType::Cancellation] {
        let mut notice = notice(body(kind));
        notice.concerns = Some(earlier("NL/policy"));
        assert_eq!(check_form(&notice), Ok(()), "another office of the member may");
        notice.concerns = Some(earlier("MD/policy"));
        assert_eq!(check_form(&notice), Err(DraftError::NotOurs("MD".parse().unwrap())));
    }
}

#[test]
fn naming_an_origin_needs_the_sentence_and_no_other_sentence_passes_for_a_fixed_one() {
    let fields = "what_happened = \"a\"\napparent_origin = \"b\"\n";
    let body = pouch_notice::body_from_toml(NoticeType::IncidentNotice, fields).unwrap();
    let with = |lines: &[&str]| {
        let mut notice = notice(body.clone());
        let lines = lines.iter().map(|s| Text::new(*s).unwrap()).collect::<Vec<_>>();
        notice.sentences = List::new(lines).unwrap();
        check_form(&notice)
    };
    let fixed = sentences::NO_ATTRIBUTION;
    assert_eq!(with(&[fixed]), Ok(()));
    assert_eq!(with(&[]), Err(DraftError::Sentence(fixed)));
    assert_eq!(with(&[&fixed.replace("not ", "")]), Err(DraftError::Sentence(fixed)));
    assert_eq!(with(&[fixed, "Receipt means agreement."]), Err(DraftError::OtherSentence(2)));
    assert_eq!(with(&[fixed, fixed]), Err(DraftError::OtherSentence(2)));
    assert_eq!(with(&[fixed, sentences::TRANSLATION]), Err(DraftError::OtherSentence(2)));
    // Where no origin is named the sentence has nothing to say.
    let stray = self::with(|n| n.sentences = List::new(vec![Text::new(fixed).unwrap()]).unwrap());
    assert_eq!(stray, Err(DraftError::OtherSentence(1)));
}

#[test]
fn a_translation_is_called_unofficial_where_there_is_an_attachment() {
    let translated = |files: Vec<Attachment>| {
        with(|n| {
            n.sentences = List::new(vec![Text::new(sentences::TRANSLATION).unwrap()]).unwrap();
            n.attachments = List::new(files).unwrap();
        })
    };
    assert_eq!(translated(vec![attached("fr.pdf", "application/pdf", 9)]), Ok(()));
    assert_eq!(translated(Vec::new()), Err(DraftError::OtherSentence(1)));
}

#[test]
fn an_attachments_name_is_a_plain_file_name_on_every_system() {
    for name in
        ["report.pdf", "indicators (2).csv", "Ћирилица.txt", "日本.txt", "a.b.c", "console.txt", "com10"]
    {
        assert_eq!(with_files(&[attached(name, "text/plain", 1)]), Ok(()), "{name}");
    }
    for name in [
        "",
        ".",
        "..",
        ".bashrc",
        "../x",
        "a/b",
        "a\\b",
        "c:x",
        "-rf",
        " x",
        "x ",
        "x.",
        "CON",
        "nul.txt",
        "Com1.log",
        "LPT²",
        "a\nb",
        "a\tb",
        "x\u{202e}fdp.exe",
        "zero\u{200b}",
        "a*",
        "what?",
        "\"x\"",
        "<x>",
        "a|b",
        "a\u{a0}b",
    ] {
        let refused = with_files(&[attached(name, "text/plain", 1)]);
        assert!(matches!(refused, Err(DraftError::AttachmentName { place: 1, .. })), "{name:?}: {refused:?}");
    }
}

#[test]
fn two_attachments_never_become_one_file() {
    let file = |name: &str| attached(name, "text/plain", 1);
    assert_eq!(with_files(&[file("a.txt"), file("b.txt")]), Ok(()));
    for second in ["a.txt", "A.TXT"] {
        let twice = with_files(&[file("a.txt"), file(second)]);
        assert_eq!(twice, Err(DraftError::AttachmentName { place: 2, why: "stands twice" }));
    }
}

#[test]
fn attachments_have_a_media_type_and_fit_together() {
    for good in ["text/plain", "application/vnd.oasis.opendocument.text", "image/svg+xml"] {
        assert_eq!(with_files(&[attached("a", good, 1)]), Ok(()));
    }
    for bad in
        ["", "text", "text/", "/plain", "text/plain; charset=utf-8", "te xt/plain", "text/plain\n", "a/b/c"]
    {
        assert_eq!(with_files(&[attached("a", bad, 1)]), Err(DraftError::AttachmentType(1)), "{bad:?}");
    }
    let max = limits::PAYLOAD_BYTES as u64;
    assert_eq!(with_files(&[attached("a", "text/plain", max - 1), attached("b", "text/plain", 1)]), Ok(()));
    let more = with_files(&[attached("a", "text/plain", max), attached("b", "text/plain", 1)]);
    assert_eq!(more, Err(DraftError::AttachmentsTooLarge));
    let wrap = with_files(&[attached("a", "text/plain", u64::MAX), attached("b", "text/plain", 2)]);
    assert_eq!(wrap, Err(DraftError::AttachmentsTooLarge));
}

#[test]
fn every_refusal_of_a_draft_has_a_code_of_its_own() {
    let errors = [
        DraftError::NobodyToAct,
        DraftError::Twice(point("MD/policy")),
        DraftError::ToItself,
        DraftError::Life { life_s: 0 },
        DraftError::ConcernsNothing("update"),
        DraftError::NotOurs("MD".parse().unwrap()),
        DraftError::Sentence(""),
        DraftError::OtherSentence(1),
        DraftError::AttachmentName { place: 1, why: "" },
        DraftError::AttachmentType(1),
        DraftError::AttachmentsTooLarge,
        DraftError::Number,
        DraftError::Language,
        DraftError::Subject,
        DraftError::Body(pouch_notice::body::BodyError::Blank("text")),
    ];
    let codes: std::collections::BTreeSet<&str> = errors.iter().map(DraftError::code).collect();
    assert_eq!(codes.len(), errors.len());
    assert!(codes.iter().all(|code| code.starts_with("POUCH-NOT-")));
}

#[test]
fn what_is_signed_is_the_very_bytes_that_were_drafted() {
    let office = key("NL/technical");
    let draft = Draft::new(notice(body(NoticeType::IncidentNotice))).unwrap();
    let (bytes, id) = (draft.bytes().to_vec(), draft.id());
    assert_eq!(id, Notice::id_of(&bytes));
    let approval = Approval::sign(&bytes, &key("director")).unwrap();
    let signed = draft.approve(vec![approval.clone()]).unwrap().sign(&office).unwrap();
    assert_eq!(*signed.signed().notice, *bytes);
    assert_eq!(signed.signed().key, office.public().id());
    let notice = signed.notice();
    let context = Context::of(notice.network, notice.environment);
    assert!(office.public().verify(Domain::Notice, &context, &bytes, &signed.signed().signature).is_ok());
    assert!(office.public().verify(Domain::Envelope, &context, &bytes, &signed.signed().signature).is_err());
    let officer = key("director").public();
    assert!(officer.verify(Domain::Approval, &context, &bytes, &approval.signature).is_ok());
    let decoded = pouch_notice::SignedNotice::from_bytes(&signed.signed().to_bytes().unwrap()).unwrap();
    assert_eq!(&decoded, signed.signed());
}

#[test]
fn an_approval_is_for_these_bytes_alone() {
    let honest = notice(text("words"));
    let bytes = honest.to_bytes().unwrap();
    let approval = Approval::sign(&bytes, &key("director")).unwrap();
    let context = Context::of(honest.network, honest.environment);
    let director = key("director").public();
    let holds =
        |bytes: &[u8]| director.verify(Domain::Approval, &context, bytes, &approval.signature).is_ok();
    assert!(holds(&bytes));
    let mut edited = honest;
    edited.not_after = Timestamp(edited.not_after.0 + HOUR);
    assert!(!holds(&edited.to_bytes().unwrap()));
    assert!(Approval::sign(b"no notice", &key("director")).is_err());
    assert!(preview(b"no notice").is_err());
}

#[test]
fn a_notice_that_says_nothing_is_no_notice() {
    assert_eq!(with(|n| n.body = text("words")), Ok(()));
    let blank = DraftError::Body(pouch_notice::body::BodyError::Blank("text"));
    assert_eq!(with(|n| n.body = text(" \n ")), Err(blank.clone()));
    let mut said_nothing = notice(text("words"));
    said_nothing.body = text("");
    assert_eq!(Draft::new(said_nothing).map(|_| ()), Err(blank));
}
