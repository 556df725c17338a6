//! Runs the real program under strace, and puts what was recorded of one machine in order.
//!
//! A machine is a folder of the stage: its services and its commands share a disk. Each process has a record
//! of its own, and the clock of this computer puts them side by side.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pouch_testkit::stage::{Program, StageError};

use crate::disk::{Disk, Image, Syncs, Wait};
use crate::strace::{self, CALLS, Call};

/// One thing that happened, in the order of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Microseconds on the clock.
    pub(crate) at: u64,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A change of the disk, and the step at which it was over.
    Change(Call, usize),
    /// A wait for the disk begins, and ends.
    Waits(usize, String),
    Waited(usize, String),
    /// Bytes left the process.
    Send(String, Vec<u8>),
    /// A command said that it was done.
    Done(String),
    /// A call ended, or is of no interest.
    Nothing,
}

/// What happened to a machine's disk, and what left it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) steps: Vec<Step>,
}

/// Where records are written.
#[derive(Debug)]
pub(crate) struct Recorder {
    traces: PathBuf,
    stage: PathBuf,
}

/// The commands that are recorded: those that make or change files that last.
const RECORDED: &str = r#""agent run"|"relay run"|"witness run"|"init "*|"relay init"|"witness init"|"network create"|"network sign"|"network finish"|"keys rotate""#;
/// How long a record may take to be complete once its process ended.
const PATIENCE: Duration = Duration::from_secs(30);

fn failed(what: &Path) -> impl Fn(std::io::Error) -> StageError {
    move |error| StageError(format!("{}: {error}", what.display()))
}

impl Recorder {
    /// A recorder for the stage in a folder.
    pub(crate) fn new(traces: &Path, stage: &Path) -> Result<Self, StageError> {
        fs::create_dir_all(traces).map_err(failed(traces))?;
        Ok(Self { traces: traces.to_owned(), stage: stage.to_owned() })
    }

    /// The program, as it is run here: under strace where that matters. strace stands aside (`-D`), so that
    /// whoever starts the program has its process and no other.
    pub(crate) fn program(&self, pouch: &Path) -> Result<Program, StageError> {
        let (script, traces, pouch) = (self.traces.join("pouch"), self.traces.display(), pouch.display());
        let text = format!(
            "#!/bin/sh\ncase \"$1 $2\" in\n{RECORDED})\n  printf '%s\\n' \"$@\" > '{traces}'/$$.args\n  \
             exec strace -D -f --seccomp-bpf -ttt -yy -xx -s 16777216 -e signal=KILL,TERM -e trace={CALLS} \
             -o '{traces}'/$$.trace -- '{pouch}' \"$@\" ;;\n*) exec '{pouch}' \"$@\" ;;\nesac\n"
        );
        fs::write(&script, text).map_err(failed(&script))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).map_err(failed(&script))?;
        Ok(Program::at(&script))
    }

    /// Everything that was recorded, by machine, when all processes have ended.
    pub(crate) fn collect(&self) -> Result<BTreeMap<String, Record>, StageError> {
        let mut traces: BTreeMap<String, Vec<Trace>> = BTreeMap::new();
        for entry in fs::read_dir(&self.traces).map_err(failed(&self.traces))? {
            let path = entry.map_err(failed(&self.traces))?.path();
            if path.extension().is_some_and(|end| end == "args") {
                let trace = Trace::read(&path, &self.stage)?;
                traces.entry(trace.machine.clone()).or_default().push(trace);
            }
        }
        Ok(traces
            .into_iter()
            .map(|(machine, traces)| (machine, Record { steps: in_order(traces) }))
            .collect())
    }
}

/// The record of one process.
struct Trace {
    machine: String,
    command: String,
    calls: Vec<strace::Traced>,
}

impl Trace {
    fn read(args: &Path, stage: &Path) -> Result<Self, StageError> {
        let text = fs::read_to_string(args).map_err(failed(args))?;
        let arguments: Vec<&str> = text.lines().collect();
        let value = |name: &str| arguments.iter().skip_while(|one| **one != name).nth(1).copied();
        let place = value("--config").or(value("--dir")).or(value("--output")).unwrap_or_default();
        let machine = Path::new(place).strip_prefix(stage).ok().and_then(|path| {
            let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
            let first = parts.next()?;
            // A file in the stage itself is the secretariat's.
            (parts.next().is_some() || value("--dir").is_some()).then_some(first)
        });
        let path = args.with_extension("trace");
        let whole = complete(&path)?;
        let calls = strace::read(&whole).map_err(|why| StageError(format!("{}: {why}", path.display())))?;
        let machine = machine.unwrap_or_default();
        let first = args.file_stem().and_then(|stem| stem.to_str()?.parse::<u32>().ok()).unwrap_or_default();
        let within = if machine.is_empty() {
            format!("{}/", stage.display())
        } else {
            format!("{}/{machine}", stage.display())
        };
        let calls = calls.into_iter().filter_map(|mut traced| {
            traced.call = relative(traced.call, &within, stage)?;
            (!matches!(traced.call, Call::Exit { thread, .. } if thread != first)).then_some(traced)
        });
        Ok(Self { machine, command: arguments.join(" "), calls: calls.collect() })
    }
}

/// strace writes the end of a process's record after the process is gone.
fn complete(path: &Path) -> Result<String, StageError> {
    let pid = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).map_err(failed(path))?;
        let over = text.lines().rev().take(200).any(|line| {
            line.strip_prefix(&pid).is_some_and(|rest| rest.starts_with(' ') && rest.contains(" +++ "))
        });
        if over && text.ends_with('\n') {
            return Ok(text);
        }
        if Instant::now() > deadline {
            let last: Vec<&str> =
                text.lines().rev().take(3).map(|line| line.get(..200).unwrap_or(line)).collect();
            return Err(StageError(format!("{}: the record has no end: {last:?}", path.display())));
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "strace is no child of ours: its end is seen in its file alone"
        )]
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Paths within the machine, from the stage on; nothing of what does not last.
fn relative(call: Call, within: &str, stage: &Path) -> Option<Call> {
    let stage = stage.display().to_string();
    let own = |path: &str| {
        let lasts = ![".lock", "-shm", ".log", ".sock", ".sock-new", ".reserve"]
            .iter()
            .any(|end| path.ends_with(end));
        // What is around the machine's folder is synced by its commands too.
        let here = path.starts_with(within) || path == within || path == stage;
        (here && lasts).then(|| path.strip_prefix(&stage).unwrap_or(path).to_owned())
    };
    Some(match call {
        Call::Open { fd, path, creates, empties } => Call::Open { fd, path: own(&path)?, creates, empties },
        Call::Write { fd, path, at, data } => Call::Write { fd, path: own(&path)?, at, data },
        Call::Sync { path } => Call::Sync { path: own(&path)? },
        Call::SetLen { path, len } => Call::SetLen { path: own(&path)?, len },
        Call::Rename { from, to } => Call::Rename { from: own(&from)?, to: own(&to)? },
        Call::Link { from, to } => Call::Link { from: own(&from)?, to: own(&to)? },
        Call::Unlink { path } => Call::Unlink { path: own(&path)? },
        Call::RemoveFolder { path } => Call::RemoveFolder { path: own(&path)? },
        Call::MakeFolder { path } => Call::MakeFolder { path: own(&path)? },
        other @ (Call::Seek { .. } | Call::Send { .. } | Call::Exit { .. }) => other,
    })
}

/// The steps of all processes of a machine, by the clock; of one process, as they were recorded.
fn in_order(traces: Vec<Trace>) -> Vec<Step> {
    let mut events: Vec<(u64, usize, usize, bool, usize)> = Vec::new();
    let mut calls = Vec::new();
    for (process, trace) in traces.into_iter().enumerate() {
        let last = trace.calls.last().map_or((0, 0), |last| (last.until, last.lines.0));
        let mut stands: BTreeMap<u32, u64> = BTreeMap::new();
        for mut traced in trace.calls {
            match &mut traced.call {
                Call::Open { fd, .. } => drop(stands.insert(*fd, 0)),
                Call::Seek { fd, to } => drop(stands.insert(*fd, *to)),
                Call::Write { fd, at: at @ None, data, .. } => {
                    let stand = stands.entry(*fd).or_default();
                    *at = Some(*stand);
                    *stand += data.len() as u64;
                }
                _ => {}
            }
            let (begin, end) = traced.lines;
            let call = calls.len();
            events.push((traced.at, process, begin, false, call));
            let (until, end) = if end == usize::MAX { last } else { (traced.until, end) };
            events.push((until.max(traced.at), process, end.max(begin), true, call));
            calls.push((traced.call, trace.command.clone()));
        }
    }
    events.sort_by_key(|(at, process, line, ends, _)| (*at, *process, *line, *ends));
    let over: BTreeMap<usize, usize> =
        events.iter().enumerate().filter(|(_, event)| event.3).map(|(step, event)| (event.4, step)).collect();
    let step = |(at, _, _, ends, number): (u64, usize, usize, bool, usize)| {
        let (call, command) = &calls[number];
        let what = match (call, ends) {
            (Call::Sync { path }, false) => What::Waits(number, path.clone()),
            (Call::Sync { path }, true) => What::Waited(number, path.clone()),
            (Call::Exit { code: Some(0), .. }, true) if !command.contains(" run ") => {
                What::Done(command.clone())
            }
            (Call::Send { socket, data }, false) => What::Send(socket.clone(), data.clone()),
            (Call::Seek { .. } | Call::Exit { .. } | Call::Send { .. }, _) | (_, true) => What::Nothing,
            (change, false) => What::Change(change.clone(), over.get(&number).copied().unwrap_or(usize::MAX)),
        };
        Step { at, what }
    };
    events.into_iter().map(step).collect()
}

/// Plays a record on a disk, step by step.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    record: &'a Record,
    pub(crate) disk: Disk,
    waits: BTreeMap<usize, Option<Wait>>,
    /// How many steps were played.
    pub(crate) at: usize,
}

impl<'a> Player<'a> {
    pub(crate) fn new(record: &'a Record, syncs: Syncs) -> Self {
        Self { record, disk: Disk::new(syncs), waits: BTreeMap::new(), at: 0 }
    }

    /// Plays up to a step and not it.
    pub(crate) fn up_to(&mut self, step: usize) {
        while self.at < step.min(self.record.steps.len()) {
            self.next();
        }
    }

    fn next(&mut self) {
        let when = self.at;
        let len = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
        match &self.record.steps[when].what {
            What::Change(call, over) => match call {
                Call::Open { path, creates, empties, .. } => self.disk.open(path, *creates, *empties, *over),
                Call::Write { path, at, data, .. } => {
                    self.disk.write(path, len(at.unwrap_or_default()), data, *over);
                }
                Call::SetLen { path, len: to } => self.disk.set_len(path, len(*to), *over),
                Call::Rename { from, to } => self.disk.rename(from, to, *over),
                Call::Link { from, to } => self.disk.link(from, to, *over),
                Call::Unlink { path } | Call::RemoveFolder { path } => self.disk.unlink(path, *over),
                Call::MakeFolder { path } => self.disk.make_folder(path, *over),
                Call::Seek { .. } | Call::Sync { .. } | Call::Send { .. } | Call::Exit { .. } => {}
            },
            What::Waits(number, path) => {
                let wait = self.disk.waits(path, when);
                self.waits.insert(*number, wait);
            }
            What::Waited(number, _) => {
                if let Some(wait) = self.waits.remove(number).flatten() {
                    self.disk.waited(wait);
                }
            }
            What::Send(..) | What::Done(_) | What::Nothing => {}
        }
        self.at += 1;
    }

    /// The files as every program sees them now.
    pub(crate) fn now(&self) -> Image {
        self.disk.now()
    }
}
