//! `cargo xtask fuzz`: every target for a while, or one, from the inputs that are kept.
//!
//! The properties need no sanitizer and no nightly compiler: without `--asan` everything is built by
//! the compiler that builds the product. What a run discovers stays in `target/fuzz/`; `--keep` takes
//! into `fuzz/corpus/` what adds to it. What breaks a property goes to `fuzz/regressions/`, from where
//! the tests replay it ever after.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{cargo, run, run_reading};
use crate::setup::cargo_tool;
use crate::trouble::Trouble;

/// The version of cargo-fuzz that `fuzz/` is laid out for.
const CARGO_FUZZ: &str = "0.13.2";
/// How long each target runs, in seconds, when nothing else is said.
const SECONDS: u32 = 60;
/// No input may take longer, in seconds.
const INPUT_SECONDS_MAX: u32 = 20;
/// No input may need more memory, in MiB.
const MEMORY_MIB_MAX: u32 = 1024;

const HELP: &str = "fuzz takes [TARGET] [--seconds N] [--asan] [--keep]";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    target: Option<&'a str>,
    seconds: u32,
    asan: bool,
    keep: bool,
}

impl<'a> Asked<'a> {
    fn parse(options: &[&'a str]) -> Result<Self, Trouble> {
        let usage = |what: &str| Trouble::Usage(format!("{what}; {HELP}"));
        let mut asked = Self { target: None, seconds: SECONDS, asan: false, keep: false };
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--asan" => asked.asan = true,
                "--keep" => asked.keep = true,
                "--seconds" => {
                    let seconds = rest.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    asked.seconds = seconds.ok_or_else(|| usage("--seconds needs a number above zero"))?;
                }
                target if !target.starts_with('-') && asked.target.is_none() => asked.target = Some(target),
                other => return Err(usage(&format!("not understood: {other}"))),
            }
        }
        Ok(asked)
    }

    /// Arguments of cargo-fuzz for a subcommand of it.
    fn command(&self, root: &Path, subcommand: &str) -> std::process::Command {
        let mut command = cargo(root);
        command.args(["fuzz", subcommand, "--fuzz-dir", "fuzz"]);
        if self.asan {
            // WHY: sanitizers are unstable flags of a stable compiler.
            command.env("RUSTC_BOOTSTRAP", "1").args(["--sanitizer", "address"]);
        } else {
            command.args(["--sanitizer", "none"]);
        }
        command
    }
}

/// What libFuzzer says at the end of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executions: u64,
    per_second: u64,
    peak_mib: u64,
}

impl Figures {
    fn read(&mut self, line: &str) {
        let Some((name, value)) = line.strip_prefix("stat::").and_then(|rest| rest.split_once(':')) else {
            return;
        };
        let value = value.trim().parse().unwrap_or_default();
        match name {
            "number_of_executed_units" => self.executions = value,
            "average_exec_per_sec" => self.per_second = value,
            "peak_rss_mb" => self.peak_mib = value,
            _ => {}
        }
    }
}

/// Fuzzes.
pub(crate) fn fuzz(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let asked = Asked::parse(options)?;
    let all = targets(root)?;
    let chosen: Vec<&String> =
        all.iter().filter(|name| asked.target.is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        return Err(Trouble::Usage(format!("no such target; there are {}", all.join(", "))));
    }
    cargo_tool(root, "cargo-fuzz", CARGO_FUZZ)?;
    run(&mut asked.command(root, "build"))?;
    let (mut table, mut broken) = (Vec::new(), Vec::new());
    for target in &chosen {
        let (figures, found) = one(root, &asked, target)?;
        let Figures { executions, per_second, peak_mib } = figures;
        table.push(format!("{target:<20} {executions:>12} {per_second:>8}/s {peak_mib:>6} MiB"));
        broken.extend(found);
    }
    println!("{:<20} {:>12} {:>10} {:>10}", "target", "executions", "", "at most");
    println!("{}", table.join("\n"));
    if broken.is_empty() {
        return Ok(format!("{} properties held for {} s each", chosen.len(), asked.seconds));
    }
    Err(Trouble::failed(format!("properties are broken by\n  {}", broken.join("\n  "))))
}

/// The targets, by the files that state them.
fn targets(root: &Path) -> Result<Vec<String>, Trouble> {
    let mut names: Vec<String> = files(&root.join("fuzz/fuzz_targets"))?
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Runs one target. What broke its property is among the regressions afterwards.
fn one(root: &Path, asked: &Asked<'_>, target: &str) -> Result<(Figures, Vec<String>), Trouble> {
    let (discovered, broken) =
        (format!("target/fuzz/corpus/{target}"), format!("target/fuzz/broken/{target}"));
    let (corpus, regressions) = (format!("fuzz/corpus/{target}"), format!("fuzz/regressions/{target}"));
    drop(fs::remove_dir_all(root.join(&broken)));
    for folder in [&discovered, &broken, &corpus] {
        fs::create_dir_all(root.join(folder)).map_err(|error| Trouble::file(Path::new(folder), &error))?;
    }
    println!("{target}");
    let mut command = asked.command(root, "run");
    command.args([target, &discovered, &corpus]);
    if root.join(&regressions).is_dir() {
        command.arg(&regressions);
    }
    command.arg("--").args([
        format!("-max_total_time={}", asked.seconds),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        // Absolute: the target does not run in the root's folder.
        format!("-artifact_prefix={}/", root.join(&broken).display()),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    let mut figures = Figures::default();
    let ended = run_reading(&mut command, |line| figures.read(line));
    let found = keep_broken(root, &broken, &regressions)?;
    if found.is_empty() {
        ended?;
        if asked.keep {
            keep(root, asked, target, &corpus, &discovered)?;
        }
    }
    Ok((figures, found))
}

/// Copies what broke a property to the regressions; where it is now.
fn keep_broken(root: &Path, from: &str, to: &str) -> Result<Vec<String>, Trouble> {
    let mut kept = Vec::new();
    for path in files(&root.join(from))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("slow-unit-") {
            continue; // Slow is not broken; too slow is a timeout.
        }
        fs::create_dir_all(root.join(to)).map_err(|error| Trouble::file(Path::new(to), &error))?;
        let copy = format!("{to}/{name}");
        fs::copy(&path, root.join(&copy)).map_err(|error| Trouble::file(&path, &error))?;
        kept.push(copy);
    }
    Ok(kept)
}

/// Takes into the corpus what was discovered and adds to it.
fn keep(root: &Path, asked: &Asked<'_>, target: &str, corpus: &str, discovered: &str) -> Result<(), Trouble> {
    let mut command = asked.command(root, "run");
    command.args([target, corpus, discovered, "--", "-merge=1", "-verbosity=0"]);
    run(&mut command)
}

/// The files of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let entries = fs::read_dir(folder).map_err(|error| Trouble::file(folder, &error))?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(|error| Trouble::file(folder, &error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_its_options_are_read_in_any_order() {
        let plain = Asked { target: None, seconds: 60, asan: false, keep: false };
        assert_eq!(Asked::parse(&[]), Ok(plain));
        let all = Asked { target: Some("names"), seconds: 5, asan: true, keep: true };
        assert_eq!(Asked::parse(&["--seconds", "5", "names", "--keep", "--asan"]), Ok(all));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_usage() {
        for options in [&["--seconds"] as &[&str], &["--seconds", "0"], &["--fast"], &["names", "quorum"]] {
            let refused = Asked::parse(options);
            assert!(matches!(&refused, Err(Trouble::Usage(text)) if text.ends_with(HELP)), "{refused:?}");
        }
    }

    #[test]
    fn the_figures_are_those_of_the_last_lines() {
        let mut figures = Figures::default();
        for line in [
            "#1 INITED",
            "stat::number_of_executed_units: 123456",
            "stat::average_exec_per_sec:     2057",
            "stat::new_units_added:          12",
            "stat::peak_rss_mb:              91",
        ] {
            figures.read(line);
        }
        assert_eq!(figures, Figures { executions: 123_456, per_second: 2057, peak_mib: 91 });
    }

    #[test]
    fn every_target_has_a_corpus() {
        let root = crate::root();
        let targets = targets(&root).unwrap();
        assert!(targets.len() > 20);
        for target in targets {
            assert!(!files(&root.join("fuzz/corpus").join(&target)).unwrap().is_empty(), "{target}");
        }
    }
}
