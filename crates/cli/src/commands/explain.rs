//! `explain`: what a code means, from the same table as `docs/ERRORS.md`.

use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// The generated index of every code (`cargo xtask errors`).
const INDEX: &str = include_str!("../../../../docs/ERRORS.md");

pub(crate) fn explain(code: &str, out: &Output) -> Result<(), Problem> {
    let wanted = code.trim().to_uppercase();
    let mut lines = INDEX.lines().skip_while(|line| !heads(line, &wanted));
    let Some(head) = lines.next() else {
        return Err(Problem::new(Exit::NotFound, "POUCH-CLI-19", format!("no code {wanted}"))
            .next("every code is in docs/ERRORS.md"));
    };
    let text: Vec<&str> =
        std::iter::once(head).chain(lines.take_while(|line| !line.starts_with('#'))).collect();
    let text = text.join("\n").replace("### ", "").replace('`', "");
    out.result("explain", &serde_json::json!({ "code": wanted, "text": text }), text.trim_end())
}

fn heads(line: &str, code: &str) -> bool {
    line.starts_with('#') && line.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == code)
}
