//! Member codes, and names, that a tired reader may take for one another.
//!
//! Codes that look alike are refused by the fold. Names come in every script, and no list is whole: a name
//! that looks like another member's is shown with that, and never without its member's code.

use pouch_wire::Member;

/// Codes are capitals alone, so only capitals and pairs of them can look alike: `VV` like `W`, and in
/// many typefaces `I` like `L`.
pub(crate) fn confusable(a: &Member, b: &Member) -> bool {
    skeleton(a.as_str()) == skeleton(b.as_str())
}

/// ISO 3166-1 has both `IL` and `LI`, `IT` and `LT`: two-letter codes are told apart by the registry,
/// so only longer ones are folded.
fn skeleton(code: &str) -> String {
    if code.len() <= 2 { code.to_owned() } else { code.replace("VV", "W").replace('I', "L") }
}

/// Whether two names look alike to whoever reads them in passing: letters of other scripts that have the
/// shape of Latin ones, marks over letters, capitals, spaces and the usual pairs make no difference.
pub(crate) fn look_alike(a: &str, b: &str) -> bool {
    let (a, b) = (shape(a), shape(b));
    !a.is_empty() && a == b
}

/// Shapes that stand for a Latin letter, small letters alone.
const SHAPES: [(char, &str); 21] = [
    ('a', "аαàáâãäåāă"),
    ('b', "ьβ"),
    ('c', "сçćč"),
    ('d', "ԁďđ"),
    ('e', "еєёèéêëēėęě"),
    ('g', "ɡğġ"),
    ('h', "һհ"),
    ('j', "јϳ"),
    ('k', "кκ"),
    ('l', "iіїιıíìîïīį1|ӏłľ"),
    ('m', "м"),
    ('n', "пηñńňո"),
    ('o', "0оοσöòóôõøōőօ"),
    ('p', "рρ"),
    ('r', "гř"),
    ('s', "ѕśšşș"),
    ('t', "тτťțţ"),
    ('u', "υùúûüūůűս"),
    ('v', "νѵ"),
    ('x', "хχ"),
    ('y', "уγýÿў"),
];

fn shape(name: &str) -> String {
    let latin = |c: char| SHAPES.iter().find(|(_, like)| like.contains(c)).map_or(c, |(letter, _)| *letter);
    let letters = name.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric() || *c == '|');
    let folded: String = letters.map(latin).collect();
    folded.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_shape_look_alike_in_whatever_script_they_are_written() {
        for like in [
            "Netherlands",
            "NETHERLANDS",
            "Nеthеrlаnds",
            "Nétherlands",
            "Nether lands",
            "Netherlanԁs",
            "Netheriands",
            "Netherlands.",
            "Nethеr1ands",
        ] {
            assert!(look_alike(like, "Netherlands"), "{like}");
        }
        assert!(look_alike("Моldоvа", "Moldova"));
        assert!(look_alike("Gerrnany", "Germany"));
        for (one, other) in
            [("Niger", "Nigeria"), ("Iran", "Iraq"), ("Österreich", "Australia"), ("日本", "")]
        {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    fn alike(a: &str, b: &str) -> bool {
        confusable(&a.parse().unwrap(), &b.parse().unwrap())
    }

    #[test]
    fn the_same_and_the_similar_are_confusable_and_states_are_not() {
        assert!(alike("NL", "NL"));
        assert!(alike("OSCIE", "OSCLE"));
        assert!(alike("VVHO", "WHO"));
        assert!(!alike("IT", "LT"));
        assert!(!alike("OSCE", "NATO"));
    }
}
