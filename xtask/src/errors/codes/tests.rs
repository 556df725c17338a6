//! What the scanner makes of the shapes that codes stand in.

use super::*;

fn index(source: &str) -> Index {
    Index::of(&[SourceFile::new("net", "crates/net/src/a.rs", source)])
}

const REFUSAL: &str = r#"
    /// Why not.
    pub enum Refusal {
        /// Held back. The sender acts.
        #[error("expired {late_s} s ago")]
        Expired { late_s: u64 },
        /// No such key.
        #[error("no key {0}")]
        NoKey(KeyId),
        /// Passed on.
        #[error(transparent)]
        Inner(#[from] Inner),
    }
    /// Inner.
    pub enum Inner {
        /// Deep down.
        #[error("deep")]
        Deep { at: u64 },
    }
"#;

#[test]
fn an_arm_gives_its_variant_the_code() {
    let arms = r#"impl Refusal { pub const fn code(&self) -> &'static str { match self {
        Self::Expired { .. } => "POUCH-NET-01",
        Self::NoKey(_) => "POUCH-NET-02",
        Self::Inner(Inner::Deep { .. }) => "POUCH-NET-03",
    } } }"#;
    let found = index(&format!("{REFUSAL}{arms}"));
    assert_eq!(found.conflicts, Vec::<String>::new());
    let expired = &found.codes["POUCH-NET-01"];
    assert_eq!(expired.name.as_deref(), Some("Refusal::Expired"));
    assert_eq!(expired.messages, BTreeSet::from(["expired {late_s} s ago".to_owned()]));
    assert_eq!(expired.doc, "Held back. The sender acts.");
    assert_eq!(found.codes["POUCH-NET-02"].name.as_deref(), Some("Refusal::NoKey"));
    assert_eq!(found.codes["POUCH-NET-03"].name.as_deref(), Some("Inner::Deep"));
    assert_eq!(found.codes["POUCH-NET-03"].doc, "Deep down.");
}

#[test]
fn one_code_for_two_variants_is_a_conflict() {
    for arms in [
        r#"Self::Expired { .. } => "POUCH-NET-01", Self::NoKey(_) => "POUCH-NET-01","#,
        r#"Self::Expired { .. } | Self::NoKey(_) => "POUCH-NET-01","#,
    ] {
        let found = index(&format!(
            "{REFUSAL} impl Refusal {{ fn code(&self) -> &str {{ match self {{ {arms} }} }} }}"
        ));
        assert_eq!(found.conflicts.len(), 1, "{arms}: {:?}", found.codes);
    }
}

#[test]
fn a_text_that_names_another_code_is_a_conflict() {
    let source = r#"enum E { /// A.
        #[error("POUCH-NET-09 not so")] A }
        impl E { fn code(&self) -> &'static str { match self { Self::A => "POUCH-NET-08" } } }"#;
    let found = index(source);
    assert!(found.conflicts.contains(&"E::A has POUCH-NET-08, and its text says POUCH-NET-09".to_owned()));
}

#[test]
fn a_struct_may_have_a_code_in_its_text_or_its_function() {
    let source = r#"
        /// Nothing typed.
        #[derive(Debug, thiserror::Error)]
        #[error("POUCH-KEY-10 the passphrase is empty")]
        pub struct Empty;
        impl Empty { pub const fn code(&self) -> &'static str { "POUCH-KEY-10" } }
        /// No digits.
        #[error("POUCH-KEY-11 not digits")]
        pub struct NoDigits;"#;
    let found = index(source);
    assert_eq!(found.conflicts, Vec::<String>::new());
    assert_eq!(found.codes["POUCH-KEY-10"].name.as_deref(), Some("Empty"));
    assert_eq!(found.codes["POUCH-KEY-10"].messages, BTreeSet::from(["the passphrase is empty".to_owned()]));
    assert_eq!(found.codes["POUCH-KEY-11"].doc, "No digits.");
}

#[test]
fn a_branch_inside_a_call_is_not_the_code_of_the_type_around_it() {
    let source = r#"/// Why not.
        struct Problem { code: String }
        impl Problem { fn of(denied: bool) -> Self {
            Self::new(if denied { "POUCH-CLI-04" } else { "POUCH-CLI-03" }, text)
        } }"#;
    let found = index(source);
    for code in ["POUCH-CLI-03", "POUCH-CLI-04"] {
        assert_eq!((&found.codes[code].name, found.codes[code].doc.as_str()), (&None, ""), "{code}");
    }
}

#[test]
fn a_call_gives_its_text_and_a_comparison_gives_nothing() {
    let source = r#"fn a() {
        Problem::new(Exit::Usage, "POUCH-CLI-01", format!("{}: not a {what}", path)).next("look");
        Problem::new(Exit::Usage, "POUCH-CLI-01", "not that either");
        if e["code"] == "POUCH-ORD-01" {}
        match code { "POUCH-CLI-77" => 1, _ => 2 }
        Problem::new(Exit::Usage, "POUCH-CLI-02", error.to_string());
    }"#;
    let found = index(source);
    assert_eq!(found.codes.keys().collect::<Vec<_>>(), ["POUCH-CLI-01", "POUCH-CLI-02"]);
    assert_eq!(found.codes["POUCH-CLI-01"].messages.len(), 2);
    assert_eq!(found.codes["POUCH-CLI-02"].messages.len(), 0);
}

#[test]
fn comments_tests_and_other_texts_give_nothing() {
    let source = r#"// "POUCH-CLI-01"
        #[cfg(test)] mod tests { fn a() { b("POUCH-CLI-02"); } }
        const A: &str = "see POUCH-CLI-03 and POUCH-X-1";"#;
    assert!(index(source).codes.is_empty());
}

#[test]
fn the_block_that_a_code_stands_in_names_its_type() {
    let source = r#"enum A { /// One.
        One }
        impl<T: Into<u8>> fmt::Display for Wrapper<T> { fn fmt(&self) { match self.0 { A::One => f.write_str("x") } } }
        impl Coded for A { fn code(&self) -> &'static str { let f = |b: impl Fn()| { b() }; match self { Self::One => "POUCH-TLG-01" } } }"#;
    let found = index(source);
    assert_eq!(found.codes["POUCH-TLG-01"].name.as_deref(), Some("A::One"));
}
