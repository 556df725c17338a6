//! Attacks its own process from within, after it gave up what a service gives up: for the tests of
//! containment. `attack FOLDER OUTSIDE` works in FOLDER, tries what a service that strangers took over would
//! try, and prints each attempt with the system's answer. `attack FOLDER OUTSIDE abort` ends by SIGABRT.
#![allow(clippy::print_stdout, reason = "a harness speaks to its test")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness: what cannot be ends it")]
#![allow(clippy::disallowed_methods, reason = "it attacks")]

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Pid, Uid, getppid};
use pouch_contain::{Demand, Needs};

type Tried = Result<(), Errno>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().map(std::path::PathBuf::from);
    let (folder, outside) = (next().expect("a folder"), next().expect("a folder outside"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let needs = Needs { work: vec![folder.clone()], tcp_ports: vec![free.port()], ..Needs::default() };
    let held = pouch_contain::enter(&needs, Demand::BestEffort).unwrap();
    if next().is_some() {
        std::process::abort();
    }
    let own = || own(&folder, free);
    let mut told: Vec<(String, Tried)> = vec![("own work".into(), own().map_err(|error| number(&error)))];
    told.extend(reach_out(&folder, &outside));
    told.extend(escape());
    // What was given up is given up in threads that begin later, too.
    let later = std::thread::spawn(|| File::open("/etc/shadow").map(drop).map_err(|error| number(&error)));
    told.push(("a thread reads /etc/shadow".into(), later.join().unwrap()));
    let attempts: serde_json::Map<String, serde_json::Value> = told
        .into_iter()
        .map(|(what, tried)| {
            (what, tried.map_or_else(|errno| format!("{errno:?}"), |()| "done".into()).into())
        })
        .collect();
    let dumpable = nix::sys::prctl::get_dumpable().unwrap();
    println!(
        "{}",
        serde_json::json!({ "held": held.to_string(), "dumpable": dumpable, "attempts": attempts })
    );
}

fn number(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// What a service does all day: files in its folder, its port, names of hosts, threads, memory.
fn own(folder: &Path, free: std::net::SocketAddr) -> io::Result<()> {
    let (new, file) = (folder.join("new"), folder.join("file"));
    fs::write(&new, "1")?;
    File::open(&new)?.sync_all()?;
    fs::rename(&new, &file)?;
    fs::hard_link(&file, folder.join("link"))?;
    fs::create_dir(folder.join("sub"))?;
    fs::rename(folder.join("link"), folder.join("sub/link"))?;
    File::open(folder)?.sync_all()?;
    fs::remove_dir_all(folder.join("sub"))?;
    fs::remove_file(&file)?;
    TcpListener::bind(free)?;
    std::net::UdpSocket::bind("127.0.0.1:0")?;
    std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 1)).map(drop)?;
    std::thread::spawn(|| ()).join().map_err(|_| io::Error::other("a thread"))
}

/// Files, ports, families and processes that are not its own.
fn reach_out(folder: &Path, outside: &Path) -> Vec<(String, Tried)> {
    let kept = outside.join("kept");
    let file = |tried: io::Result<()>| tried.map_err(|error| number(&error));
    let net = |family, kind| socket(family, kind, SockFlag::empty(), None).map(drop);
    let attempts: Vec<(&str, Tried)> = vec![
        ("read /etc/shadow", file(File::open("/etc/shadow").map(drop))),
        ("read outside", file(File::open(&kept).map(drop))),
        ("list outside", file(fs::read_dir(outside).map(drop))),
        ("write outside", file(fs::write(outside.join("new"), "1"))),
        ("remove outside", file(fs::remove_file(&kept))),
        ("link outside", file(fs::hard_link(&kept, folder.join("link")))),
        ("write a temporary file", file(fs::write(std::env::temp_dir().join("pouch-attack"), "1"))),
        ("make a socket file", file(std::os::unix::net::UnixListener::bind(folder.join("s")).map(drop))),
        ("listen elsewhere", file(TcpListener::bind("127.0.0.1:0").map(drop))),
        ("a socket of packets", net(AddressFamily::Packet, SockType::Raw)),
        ("a raw socket", net(AddressFamily::Inet, SockType::Raw)),
        ("a socket to the machine's host", net(AddressFamily::Vsock, SockType::Stream)),
        ("signal another process", nix::sys::signal::kill(getppid(), nix::sys::signal::Signal::SIGCONT)),
        ("attach to another process", nix::sys::ptrace::attach(getppid())),
        ("ask to be traced", nix::sys::ptrace::traceme()),
    ];
    attempts.into_iter().map(|(what, tried)| (what.to_owned(), tried)).collect()
}

/// Other programs, memory that runs, other views of the machine, other users.
fn escape() -> Vec<(String, Tried)> {
    let file = |tried: io::Result<()>| tried.map_err(|error| number(&error));
    let none: Option<&str> = None;
    let memory = || {
        let mut page = memmap2::MmapMut::map_anon(4096)?;
        page.fill(0xc3);
        page.make_exec().map(drop)
    };
    let attempts: Vec<(&str, Tried)> = vec![
        ("run a program", file(Command::new("/bin/true").status().map(drop))),
        ("become a program", Err(number(&Command::new("/bin/true").exec()))),
        ("run written memory", file(memory())),
        ("write running memory", file(region_of_both())),
        (
            "a file in memory",
            nix::sys::memfd::memfd_create(c"m", nix::sys::memfd::MFdFlags::empty()).map(drop),
        ),
        ("another view", unshare(CloneFlags::CLONE_NEWUSER)),
        ("mount", nix::mount::mount(none, "/mnt", Some("tmpfs"), nix::mount::MsFlags::empty(), none)),
        ("chroot", nix::unistd::chroot("/")),
        (
            "another personality",
            nix::sys::personality::set(nix::sys::personality::Persona::ADDR_NO_RANDOMIZE).map(drop),
        ),
        ("another user", nix::unistd::setuid(Uid::from_raw(65_534))),
        ("read the parent's memory", peek(getppid())),
    ];
    attempts.into_iter().map(|(what, tried)| (what.to_owned(), tried)).collect()
}

fn region_of_both() -> io::Result<()> {
    match region::alloc(4096, region::Protection::READ_WRITE_EXECUTE) {
        Ok(_) => Ok(()),
        Err(region::Error::SystemCall(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

fn peek(process: Pid) -> Tried {
    let mut into = [0_u8; 8];
    let from = [nix::sys::uio::RemoteIoVec { base: 4096, len: 8 }];
    nix::sys::uio::process_vm_readv(process, &mut [io::IoSliceMut::new(&mut into)], &from).map(drop)
}
