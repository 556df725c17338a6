//! `network show` and `network policy`: a charter, a draft or a statement in words, and a log's policy.

use std::path::Path;

use pouch_crypto::spoken_digits;
use pouch_directory::Charter;
use pouch_wire::{Canonical as _, limits};

use super::{charter_refused, not_a, read_charter};
use crate::clock;
use crate::commands::statements::Carried;
use crate::exit::Exit;
use crate::files;
use crate::output::Output;
use crate::problem::Problem;
use crate::render::counted;

pub(super) fn policy(path: &Path, log: &str, output: &Path, out: &Output) -> Result<(), Problem> {
    let directory =
        read_charter(path)?.found().map_err(|error| charter_refused(&error.to_string(), error.code()))?;
    let view = directory.now_view();
    let policy = match view.relay(log) {
        _ if log == "directory" => view.directory_policy(),
        Some(relay) => view.message_policy(relay),
        None => {
            return Err(Problem::new(Exit::NotFound, "POUCH-CHA-34", format!("no log {log:?}"))
                .next("say directory, or a relay's name (pouch network show)"));
        }
    };
    files::write_new(output, &policy.to_bytes())?;
    out.say(&format!("The policy is in {}, in the format of c2sp.org/tlog-policy.", output.display()));
    Ok(())
}

pub(super) fn show(path: &Path, out: &Output) -> Result<(), Problem> {
    let bytes = files::read(path, limits::CHARTER_FILE_BYTES)?;
    if Carried::is_one(&bytes) {
        return statement(path, out);
    }
    let (charter, state) = match Charter::from_bytes(&bytes) {
        Ok(draft) => (draft, "a draft, not yet signed by all".to_owned()),
        Err(_) => {
            let file = read_charter(path)?;
            let charter =
                Charter::from_bytes(&file.charter.charter).map_err(|e| not_a(path, "charter", &e))?;
            (
                charter,
                format!("signed by all founders, with {} first statements", file.first_statements.len()),
            )
        }
    };
    let network = charter.network_id().map_err(|e| Problem::usage(e.to_string()))?;
    let mut lines = vec![
        format!("{}: {state}", &*charter.name),
        format!("  network    {network}"),
        format!("  digits     {}", spoken_digits(&network.0)),
        format!("  drafted    {}", clock::utc(charter.created)),
    ];
    for founder in &charter.founders {
        lines.push(format!(
            "  founder    {} {} root {}",
            founder.member,
            &*founder.name,
            founder.root.id().short()
        ));
    }
    for relay in &charter.relays {
        lines.push(format!("  relay      {} at {}", &*relay.name, &*relay.address));
    }
    for witness in &charter.witnesses {
        lines.push(format!("  witness    {}", &*witness.name));
    }
    lines.push(format!("  quorum     {} of {} witnesses", charter.quorum, charter.witnesses.len()));
    lines.push(format!("  {}", charter.thresholds.words()));
    let t = charter.thresholds;
    let thresholds = serde_json::json!({
        "admission": t.admission, "network": t.network, "recovery": t.recovery,
        "recovery_after_veto": t.recovery_after_veto, "recovery_delay_ms": t.recovery_delay_ms,
    });
    let value = serde_json::json!({
        "network": network, "name": &*charter.name, "state": state, "digits": spoken_digits(&network.0),
        "founders": charter.founders.iter().map(|f| f.member.as_str()).collect::<Vec<_>>(),
        "relays": charter.relays.iter().map(|r| &*r.name).collect::<Vec<_>>(),
        "witnesses": charter.witnesses.iter().map(|w| &*w.name).collect::<Vec<_>>(),
        "quorum": charter.quorum, "thresholds": thresholds,
    });
    out.result("charter", &value, &lines.join("\n"))
}

/// A proposal, an endorsement or a finished statement, from its bytes.
fn statement(path: &Path, out: &Output) -> Result<(), Problem> {
    let carried = Carried::read(path)?;
    let mut lines = carried.words();
    lines.push(format!("  of the network {}", carried.statement.network.short()));
    lines.push(format!("  drafted {}", clock::utc(carried.statement.created)));
    lines.push(format!("  signed by {} so far", counted(carried.signed.signatures.len(), "key")));
    let keys = carried.signed.signatures.iter().map(|signature| signature.key);
    lines.extend(keys.map(|key| format!("    key {}, not checked here", key.short())));
    lines.push(format!("  digits {}", carried.digits()));
    let value = serde_json::json!({
        "network": carried.statement.network, "words": carried.words(), "digits": carried.digits(),
        "signatures": carried.signed.signatures.len(),
    });
    out.result("statement", &value, &lines.join("\n"))
}
