//! What was found, judged, as figures and in words.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::flood::Flood;
use crate::run::Found;

/// What a share of the attempts did not exceed; `None` when that share did not happen at all.
fn share(took: &[Option<Duration>], percent: usize) -> Option<Duration> {
    let mut sorted: Vec<Duration> = took.iter().map(|took| took.unwrap_or(Duration::MAX)).collect();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().filter(|took| *took != Duration::MAX)
}

fn ms(took: Option<Duration>) -> Value {
    took.map_or(Value::Null, |took| json!((took.as_secs_f64() * 10_000.0).round() / 10.0))
}

fn spread(took: &[Option<Duration>]) -> Value {
    let happened = took.iter().flatten().count();
    json!({
        "attempts": took.len(), "happened": happened, "p50_ms": ms(share(took, 50)),
        "p99_ms": ms(share(took, 99)), "max_ms": ms(share(took, 100)),
    })
}

/// What did not hold.
pub(crate) fn broken(flood: &dyn Flood, found: &Found) -> Vec<String> {
    let bounds = flood.bounds();
    let mut broken = Vec::new();
    for (what, took, bound) in [
        ("flash", &found.honest.flashes, bounds.flash_p99),
        ("new session", &found.honest.sessions, bounds.session_p99),
    ] {
        let p99 = share(took, 99);
        if let Some(bound) = bound.filter(|bound| p99.is_none_or(|p99| p99 > *bound)) {
            broken.push(format!("{what} p99 {p99:?}, bound {bound:?}"));
        }
    }
    let mib = found.memory_kib.div_ceil(1024);
    if let Some(bound) = bounds.memory_mib.filter(|bound| mib > *bound || mib == 0) {
        broken.push(format!("relay memory {mib} MiB, bound {bound} MiB"));
    }
    let logged = found.log_lines_per_s;
    if let Some(bound) = bounds.log_lines_per_s.filter(|bound| logged > *bound) {
        broken.push(format!("{logged} log lines a second, bound {bound}"));
    }
    broken.extend(flood.holds(&found.blow).err());
    broken
}

fn run(found: &Found) -> Value {
    let counts: Map<String, Value> =
        found.blow.counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    json!({
        "flash": spread(&found.honest.flashes), "new_session": spread(&found.honest.sessions),
        "relay_memory_mib": found.memory_kib.div_ceil(1024), "log_lines_per_s": found.log_lines_per_s,
        "attack_s": found.blow.ran.as_secs_f64().round(), "attack": counts, "broken": found.broken,
    })
}

/// One flood.
pub(crate) fn flood(flood: &dyn Flood, with: &Found, control: Option<&Found>) -> Value {
    let bounds = flood.bounds();
    let millis = |bound: Option<Duration>| bound.map(|bound| bound.as_millis() as u64);
    let without: Vec<&str> = flood.without().iter().map(|defence| defence.name()).collect();
    let held = with.broken.is_empty() && control.is_none_or(|control| !control.broken.is_empty());
    json!({
        "flood": flood.name(), "words": flood.words(),
        "bounds": {
            "flash_p99_ms": millis(bounds.flash_p99), "new_session_p99_ms": millis(bounds.session_p99),
            "relay_memory_mib": bounds.memory_mib, "log_lines_per_s": bounds.log_lines_per_s,
        },
        "defended": run(with), "left_out": without, "control": control.map(run), "held": held,
    })
}

/// Everything.
pub(crate) fn whole(floods: Vec<Value>, time: Duration, took: Duration) -> Value {
    let held = floods.iter().all(|flood| flood.get("held") == Some(&Value::Bool(true)));
    json!({
        "harness": "flood", "each_s": time.as_secs(), "took_s": took.as_secs(), "floods": floods, "held": held,
    })
}

/// A line about one run, while others go on.
pub(crate) fn line(flood: &dyn Flood, found: &Found, control: bool) -> String {
    let took =
        |took: Option<Duration>| took.map_or("never".to_owned(), |took| format!("{} ms", took.as_millis()));
    let (flashes, sessions) = (&found.honest.flashes, &found.honest.sessions);
    let counts: String = found.blow.counts.iter().map(|(name, count)| format!(", {count} {name}")).collect();
    format!(
        "{:<4}{:<9} flash p50 {} p99 {}, session p50 {} p99 {}, {} MiB, {} log lines/s{counts}{}",
        flood.name(),
        if control { "control" } else { "" },
        took(share(flashes, 50)),
        took(share(flashes, 99)),
        took(share(sessions, 50)),
        took(share(sessions, 99)),
        found.memory_kib.div_ceil(1024),
        found.log_lines_per_s,
        if found.broken.is_empty() { String::new() } else { format!("; {}", found.broken.join("; ")) },
    )
}

/// For people.
pub(crate) fn in_words(figures: &Value) -> String {
    let mut lines = Vec::new();
    for flood in figures.get("floods").and_then(Value::as_array).into_iter().flatten() {
        let word = |at: &str| flood.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of = |run: &str| {
            let number = |at: &str| {
                flood.pointer(&format!("/{run}/{at}")).map_or("none".to_owned(), ToString::to_string)
            };
            format!(
                "flash p99 {} ms, new session p99 {} ms, relay {} MiB",
                number("flash/p99_ms"),
                number("new_session/p99_ms"),
                number("relay_memory_mib"),
            )
        };
        let held = if flood.get("held") == Some(&Value::Bool(true)) { "" } else { "  DOES NOT HOLD" };
        lines.push(format!("{:<4} {}: {}{held}", word("flood"), word("words"), of("defended")));
        if flood.get("control").is_some_and(|control| !control.is_null()) {
            lines.push(format!("     without {}: {}", flood["left_out"], of("control")));
        }
    }
    lines.join("\n")
}
