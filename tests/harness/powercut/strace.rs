//! Reads what strace wrote: the calls that change files, wait for the disk or let something leave a process.
//!
//! strace runs with `-f -ttt -yy -xx`: every string and every path is in hexadecimal, so that a quote, a comma
//! or a line's end in data never stands in a line as itself. A call during which another thread's was reported
//! comes in two lines; both are kept, because what a wait for the disk promises holds from its end only.

use std::collections::BTreeMap;

/// The calls that are recorded.
pub(crate) const CALLS: &str = "openat,open,creat,pwrite64,pwritev,pwritev2,write,writev,fsync,fdatasync,sync_file_range,\
    ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,lseek,\
    sendto,sendmsg,sendmmsg,copy_file_range,sendfile,splice";

/// What one line, or two, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traced {
    /// Microseconds on the machine's clock when it began, and when it is known to have ended.
    pub(crate) at: u64,
    pub(crate) until: u64,
    /// Number of the line in which it began, and in which it ended.
    pub(crate) lines: (usize, usize),
    /// What was called.
    pub(crate) call: Call,
}

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Open {
        fd: u32,
        path: String,
        creates: bool,
        empties: bool,
    },
    /// At a place, or where the descriptor stands.
    Write {
        fd: u32,
        path: String,
        at: Option<u64>,
        data: Vec<u8>,
    },
    Seek {
        fd: u32,
        to: u64,
    },
    Sync {
        path: String,
    },
    SetLen {
        path: String,
        len: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    RemoveFolder {
        path: String,
    },
    MakeFolder {
        path: String,
    },
    /// Something may have left the process: to a peer, or over a local socket to a user, with its bytes.
    Send {
        socket: String,
        data: Vec<u8>,
    },
    /// A thread ended with this code; `None` when a signal ended it. A process is named after its first.
    Exit {
        thread: u32,
        code: Option<i32>,
    },
}

struct Half {
    at: u64,
    line: usize,
    text: String,
}

/// Reads a whole record.
///
/// # Errors
/// When a line cannot be read: a record that is understood in part proves nothing.
pub(crate) fn read(text: &str) -> Result<Vec<Traced>, String> {
    let mut open: BTreeMap<&str, Half> = BTreeMap::new();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let bad =
            |why: &str| format!("line {}: {why}: {}", number + 1, line.chars().take(300).collect::<String>());
        let (pid, rest) = line.split_once(' ').ok_or_else(|| bad("no process"))?;
        let (time, rest) = rest.trim_start().split_once(' ').ok_or_else(|| bad("no time"))?;
        let at = micros(time).ok_or_else(|| bad("no time"))?;
        if let Some(end) = rest.strip_prefix("+++ ") {
            let thread = pid.parse().map_err(|_| bad("no process"))?;
            let code = end.strip_prefix("exited with ").and_then(|code| code.split(' ').next()?.parse().ok());
            found.push(Traced { at, until: at, lines: (number, number), call: Call::Exit { thread, code } });
        } else if rest.starts_with("---") {
        } else if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(pid, Half { at, line: number, text: begun.to_owned() });
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, tail) = resumed.split_once(" resumed>").ok_or_else(|| bad("not resumed"))?;
            let half = open.remove(pid).ok_or_else(|| bad("resumed without a beginning"))?;
            let whole = half.text + tail;
            let call = call(&whole).map_err(|why| bad(&why))?;
            found.extend(call.map(|call| Traced {
                at: half.at,
                until: at,
                lines: (half.line, number),
                call,
            }));
        } else {
            let call = call(rest).map_err(|why| bad(&why))?;
            found.extend(call.map(|call| Traced { at, until: at, lines: (number, number), call }));
        }
    }
    for half in open.into_values() {
        // A process that was killed within a call: it may have had its effect.
        let whole = format!("{}) = {}", half.text.trim_end_matches(", "), killed_within(&half.text));
        let call = call(&whole).unwrap_or(None).filter(|call| !matches!(call, Call::Sync { .. }));
        found.extend(call.map(|call| Traced {
            at: half.at,
            until: half.at,
            lines: (half.line, usize::MAX),
            call,
        }));
    }
    found.sort_by_key(|traced| traced.lines.0);
    Ok(found)
}

/// What a call that was cut off would have returned: all that was to be written.
fn killed_within(text: &str) -> String {
    let data = text
        .split_once('(')
        .map(|(_, rest)| arguments(rest))
        .and_then(|all| Some(bytes(all.get(1)?).ok()?.len()));
    data.unwrap_or_default().to_string()
}

fn micros(time: &str) -> Option<u64> {
    let (seconds, parts) = time.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + parts.parse::<u64>().ok()?)
}

/// One call with its result; `None` when it failed or changes nothing.
fn call(text: &str) -> Result<Option<Call>, String> {
    let (name, rest) = text.split_once('(').ok_or("not a call")?;
    let (inner, result) = rest.rsplit_once(") = ").or_else(|| rest.rsplit_once(')')).ok_or("no result")?;
    let result = result.trim_start_matches([' ', '=']);
    let (given, args) = (result.split([' ', '<']).next().unwrap_or_default(), arguments(inner));
    let arg = |at: usize| args.get(at).copied().ok_or_else(|| format!("{name} has no argument {at}"));
    let sends = matches!(name, "sendto" | "sendmsg" | "sendmmsg");
    // What was asked of the network may have left, whatever the answer was.
    if !sends && given.parse::<u64>().is_err() {
        return if given.starts_with('-') || given == "?" {
            Ok(None)
        } else {
            Err(format!("result {result:?}"))
        };
    }
    let path_at = |dir: usize, name: usize| -> Result<String, String> {
        Ok(joined(described(arg(dir)?)?.as_deref(), &string(arg(name)?)?))
    };
    Ok(match name {
        "openat" => {
            let (fd, flags) = (number(given)?, arg(2)?);
            let has = |flag| flags.split('|').any(|one| one == flag);
            let path = path_at(0, 1)?;
            Some(Call::Open { fd, path, creates: has("O_CREAT"), empties: has("O_TRUNC") })
        }
        "pwrite64" => {
            let data = written(arg(1)?, given)?;
            file(arg(0)?)?
                .map(|(fd, path)| Ok::<_, String>(Call::Write { fd, path, at: Some(number(arg(3)?)?), data }))
                .transpose()?
        }
        "write" => match file(arg(0)?)? {
            Some((fd, path)) => Some(Call::Write { fd, path, at: None, data: written(arg(1)?, given)? }),
            None => socket(arg(0)?)
                .map(|socket| Ok::<_, String>(Call::Send { socket, data: bytes(arg(1)?)? }))
                .transpose()?,
        },
        "sendto" => socket(arg(0)?)
            .map(|socket| Ok::<_, String>(Call::Send { socket, data: bytes(arg(1)?)? }))
            .transpose()?,
        "sendmsg" | "sendmmsg" => socket(arg(0)?).map(|socket| Call::Send { socket, data: Vec::new() }),
        "fsync" | "fdatasync" => file(arg(0)?)?.map(|(_, path)| Call::Sync { path }),
        "ftruncate" => {
            let len = number(arg(1)?)?;
            file(arg(0)?)?.map(|(_, path)| Call::SetLen { path, len })
        }
        // Room that a service keeps free holds nothing; each start takes it again, however much of it is left.
        "fallocate" => match file(arg(0)?)? {
            Some((_, path)) if !path.ends_with(".reserve") => {
                return Err("room in a file that is no reserve is not understood".to_owned());
            }
            _ => None,
        },
        "lseek" => match file(arg(0)?)? {
            Some((fd, _)) => Some(Call::Seek { fd, to: number(given)? }),
            None => None,
        },
        "rename" => Some(Call::Rename { from: string(arg(0)?)?, to: string(arg(1)?)? }),
        "renameat" | "renameat2" => Some(Call::Rename { from: path_at(0, 1)?, to: path_at(2, 3)? }),
        "link" => Some(Call::Link { from: string(arg(0)?)?, to: string(arg(1)?)? }),
        "linkat" => Some(Call::Link { from: path_at(0, 1)?, to: path_at(2, 3)? }),
        "unlink" => Some(Call::Unlink { path: string(arg(0)?)? }),
        "unlinkat" if arg(2)?.contains("AT_REMOVEDIR") => Some(Call::RemoveFolder { path: path_at(0, 1)? }),
        "unlinkat" => Some(Call::Unlink { path: path_at(0, 1)? }),
        "rmdir" => Some(Call::RemoveFolder { path: string(arg(0)?)? }),
        "mkdir" => Some(Call::MakeFolder { path: string(arg(0)?)? }),
        "mkdirat" => Some(Call::MakeFolder { path: path_at(0, 1)? }),
        "writev" => match file(arg(0)?)? {
            Some(_) => return Err("a way of writing that is not understood".to_owned()),
            None => socket(arg(0)?).map(|socket| Call::Send { socket, data: Vec::new() }),
        },
        other => return Err(format!("{other} is not understood")),
    })
}

/// Splits at commas that stand outside strings, brackets and descriptions of descriptors.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut quoted, mut from, mut before) = (Vec::new(), 0_i32, false, 0, ' ');
    for (at, one) in text.char_indices() {
        match one {
            '"' => quoted = !quoted,
            '<' | '{' | '[' | '(' if !quoted => depth += 1,
            '>' if !quoted && before != '-' => depth -= 1,
            '}' | ']' | ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.extend(text.get(from..at).map(str::trim));
                from = at + 1;
            }
            _ => {}
        }
        before = one;
    }
    found.extend(text.get(from..).map(str::trim));
    found
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// A string's bytes; one that strace cut short is an error.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    unescaped(inner.ok_or_else(|| format!("no whole string: {}", text.chars().take(40).collect::<String>()))?)
}

fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let digits = |pair: &str| u8::from_str_radix(pair, 16).map_err(|_| format!("{pair:?} is no byte"));
    text.split("\\x").skip(1).map(digits).collect()
}

fn string(text: &str) -> Result<String, String> {
    String::from_utf8(bytes(text)?).map_err(|_| "a path that is not UTF-8".to_owned())
}

fn written(text: &str, given: &str) -> Result<Vec<u8>, String> {
    let (mut data, len) = (bytes(text)?, number::<usize>(given)?);
    if len > data.len() {
        return Err("more was written than is recorded".to_owned());
    }
    data.truncate(len);
    Ok(data)
}

/// The path between `<` and `>`; `None` for what is not a file.
fn described(text: &str) -> Result<Option<String>, String> {
    let Some((_, rest)) = text.split_once('<') else { return Ok(None) };
    let Some((inner, after)) = rest.rsplit_once('>') else { return Ok(None) };
    if !inner.starts_with("\\x2f") || after == "(deleted)" {
        return Ok(None);
    }
    let path = inner.split('<').next().unwrap_or_default();
    String::from_utf8(unescaped(path)?).map(Some).map_err(|_| "a path that is not UTF-8".to_owned())
}

fn file(text: &str) -> Result<Option<(u32, String)>, String> {
    let Some(path) = described(text)? else { return Ok(None) };
    Ok(Some((number(text.split('<').next().unwrap_or_default())?, path)))
}

fn socket(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('<')?;
    ["UDP", "UNIX", "TCP"].iter().any(|kind| rest.starts_with(kind)).then(|| text.to_owned())
}

fn joined(folder: Option<&str>, path: &str) -> String {
    match folder {
        Some(folder) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: &str = r"\x2f\x61"; // /a

    fn one(line: &str) -> Call {
        read(&format!("7 1.000002 {line}\n")).unwrap().remove(0).call
    }

    #[test]
    fn data_is_read_byte_for_byte_and_only_as_much_as_was_written() {
        let line = format!(r#"pwrite64(3<{F}>, "\x22\x2c\x0a\x00", 4, 4096) = 3"#);
        assert_eq!(
            one(&line),
            Call::Write { fd: 3, path: "/a".into(), at: Some(4096), data: vec![0x22, 0x2c, 0x0a] }
        );
    }

    #[test]
    fn a_string_that_was_cut_short_is_refused_and_so_is_a_call_that_is_not_known() {
        for line in [
            format!(r#"pwrite64(3<{F}>, "\x22"..., 9, 0) = 9"#),
            format!(r#"write(3<{F}>, "\x22", 9) = 9"#),
            format!("fallocate(3<{F}>, 0, 0, 9) = 0"),
            format!("writev(3<{F}>, [], 0) = 0"),
        ] {
            assert!(read(&format!("7 1.0 {line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn what_failed_and_what_is_deleted_changes_nothing() {
        let lines = [
            format!(r#"unlink("{F}") = -1 ENOENT (No such file or directory)"#),
            format!(r#"write(3<{F}>(deleted), "\x22", 1) = 1"#),
            format!("fsync(3<{F}>) = -1 EIO (Input/output error)"),
            "--- SIGCHLD {si_signo=SIGCHLD} ---".to_owned(),
        ];
        for line in lines {
            assert_eq!(read(&format!("7 1.0 {line}\n")).unwrap(), [], "{line}");
        }
    }

    #[test]
    fn a_wait_during_which_another_thread_wrote_begins_and_ends_in_two_lines() {
        let text = format!(
            "7 1.000001 fdatasync(3<{F}> <unfinished ...>\n8 1.000002 write(3<{F}>, \"\\x01\", 1) = 1\n\
             7 1.000003 <... fdatasync resumed>) = 0\n8 1.000004 +++ exited with 3 +++\n"
        );
        let read = read(&text).unwrap();
        assert_eq!(read.iter().map(|one| one.lines).collect::<Vec<_>>(), [(0, 2), (1, 1), (3, 3)]);
        assert_eq!(read[0].call, Call::Sync { path: "/a".into() });
        assert_eq!(read[0].at, 1_000_001);
        assert_eq!(read[2].call, Call::Exit { thread: 8, code: Some(3) });
    }

    #[test]
    fn who_was_killed_while_it_wrote_may_have_written_and_while_it_waited_has_not() {
        let text = format!(
            "7 1.0 write(3<{F}>, \"\\x01\\x02\", 2 <unfinished ...>\n8 1.0 fsync(3<{F}> <unfinished ...>\n"
        );
        let read = read(&text).unwrap();
        assert_eq!(read.len(), 1);
        assert!(matches!(&read[0].call, Call::Write { data, .. } if data == &[1, 2]));
    }

    #[test]
    fn names_are_joined_with_the_folder_they_stand_in() {
        let cwd = r"AT_FDCWD<\x2f\x77>";
        let line = format!(
            r#"openat({cwd}, "\x61", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600) = 5<\x2f\x77\x2f\x61>"#
        );
        assert_eq!(one(&line), Call::Open { fd: 5, path: "/w/a".into(), creates: true, empties: true });
        let line = format!(r#"renameat2({cwd}, "\x61", {cwd}, "\x2f\x62", 0) = 0"#);
        assert_eq!(one(&line), Call::Rename { from: "/w/a".into(), to: "/b".into() });
    }

    #[test]
    fn what_leaves_over_a_socket_is_seen_with_its_bytes() {
        let line = r#"sendto(9<UNIX-STREAM:[12->13,"\x2f\x73"]>, "\x7b\x7d", 2, MSG_NOSIGNAL, NULL, 0) = 2"#;
        assert!(matches!(one(line), Call::Send { data, .. } if data == b"{}"));
        let line = r#"sendmsg(7<UDP:[127.0.0.1:51300]>, {msg_name={sa_family=AF_INET, sin_port=htons(9)}, msg_iov=[{iov_base="\x31", iov_len=1}]}, 0) = 1"#;
        assert!(matches!(one(line), Call::Send { socket, .. } if socket.contains("UDP")));
    }
}
