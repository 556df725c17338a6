//! The command line. What each command does stands in the module of its name under `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pouch_wire::{ContactPoint, Member, NoticeType, Precedence, Tlp};

const EXAMPLES: &str = "\
Examples:
  pouch demo --once                       see everything work on this machine, then end
  pouch inbox --config nl/agent.toml      what arrived
  pouch show MD/technical 2026-0001       one notice, verified again
  pouch explain POUCH-VER-31              what a code means

Exit codes: 0 done or verified, 1 failed, 2 usage or configuration, 3 not in time, 4 not found,
10 not authentic, 11 authentic but not authorised, 12 key unknown, replaced or revoked, 13 expired or out
of order, 14 cannot tell, 15 another environment or network, 16 logs or copies contradict, 20 queued,
21 agent not running, 22 access denied, 23 refused by policy or relay, 24 second officer needed, 25 disk
full or store damaged, 30 key locked, 31 clock, 70 our own fault, 74 storage failed.";

/// Sealed, signed notices between states, verified before they are shown.
#[derive(Debug, Parser)]
#[command(name = "pouch", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The configuration that a command uses when none is named.
pub(crate) const CONFIG: &str = "agent.toml";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The node's configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = CONFIG,
        help_heading = "Global options"
    )]
    pub(crate) config: PathBuf,
    /// Print data as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say less: results only
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more (services: debug log)
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    /// Read key passphrases from this file (mode 0600), or from a file descriptor with `fd:N`
    #[arg(long, global = true, value_name = "FILE|fd:N", help_heading = "Global options")]
    pub(crate) passphrase_file: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See everything work on this machine: a relay, three states, three witnesses, real keys
    Demo(Demo),
    /// Make a node: its keys, its configuration, and the requests to send to others
    #[command(subcommand)]
    Init(Init),
    /// Found a network: draft a charter, sign it, join the signatures
    #[command(subcommand)]
    Network(Network),
    /// This node's keys
    #[command(subcommand)]
    Keys(Keys),
    /// Who is who, and the log that says so
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Write a notice and send it
    Send(Box<Send>),
    /// Write a notice and leave it for officers to approve
    Draft(Box<DraftArgs>),
    /// Approve a draft with an officer's key
    Approve(Approve),
    /// Send a draft that has its approvals
    Release(Id),
    /// What arrived
    Inbox(List),
    /// One notice, verified again now
    Show(Show),
    /// Acknowledge a notice: receipt only, no concurrence
    Ack(Ack),
    /// Answer a notice
    Reply(Box<Reply>),
    /// Correct a notice that was sent
    Correct(Box<Reply>),
    /// Cancel a notice that was sent
    Cancel(Box<Reply>),
    /// What was sent, and who has it
    Outbox(List),
    /// Events as they happen
    Watch(Watch),
    /// How the node is
    Status,
    /// The node's service
    #[command(subcommand)]
    Agent(AgentCommand),
    /// A relay's service
    #[command(subcommand)]
    Relay(RelayCommand),
    /// A witness's service
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Verify logs and evidence offline, trusting nobody
    #[command(subcommand)]
    Audit(Audit),
    /// Evidence of one notice, for others
    #[command(subcommand)]
    Evidence(Evidence),
    /// Check a configuration file without starting anything
    CheckConfig(CheckConfig),
    /// What a code means, who acts, and what to do
    Explain {
        /// The code, POUCH-...
        code: String,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when the story is told; exit code 0 only if every step held
    #[arg(long)]
    pub(crate) once: bool,
    /// Keep everything in this folder (must be empty or new)
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Init {
    /// A member's root keys (keep them offline)
    Member {
        /// The member's code
        #[arg(long)]
        member: Member,
        /// Its name in English
        #[arg(long)]
        name: String,
        /// Where to put them
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
    /// A contact point's node
    Node(InitNode),
    /// An officer's key
    Officer {
        /// For which contact point
        #[arg(long)]
        contact_point: ContactPoint,
        /// The officer's title, as shown with an approval
        #[arg(long)]
        title: String,
        /// Names the person within the member; one person has one vote
        #[arg(long)]
        person: String,
        /// Where to put it
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
}

#[derive(Debug, Args)]
pub(crate) struct InitNode {
    /// Which contact point
    #[arg(long)]
    pub(crate) contact_point: ContactPoint,
    /// The office's name in English
    #[arg(long)]
    pub(crate) name: String,
    /// Its telephone number
    #[arg(long)]
    pub(crate) telephone: String,
    /// The relay where it collects its messages; may be given several times
    #[arg(long = "relay", required = true)]
    pub(crate) relays: Vec<String>,
    /// Let this node cosign logs as a witness of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) witness: Option<String>,
    /// Where to put everything
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) cost: Cost,
}

/// How hard a stolen key file is to guess.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Cost {
    /// Protect key files weakly, for a throw-away network on this machine
    #[arg(long, hide = true)]
    pub(crate) throw_away: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Network {
    /// Draft a charter from the founders', relay's and witnesses' requests
    Create {
        /// The network's name
        #[arg(long)]
        name: String,
        /// A founder's request (founder.toml); one per founding member
        #[arg(long = "founder", required = true, value_name = "FILE")]
        founders: Vec<PathBuf>,
        /// A relay's request (relay-request.toml); the first sequences the directory
        #[arg(long = "relay", required = true, value_name = "FILE")]
        relays: Vec<PathBuf>,
        /// A witness's request (witness-request.toml)
        #[arg(long = "witness", required = true, value_name = "FILE")]
        witnesses: Vec<PathBuf>,
        /// How many witnesses must cosign; all but one when absent
        #[arg(long)]
        quorum: Option<u8>,
        /// Where to write the draft
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Sign a drafted charter and the member's first statements with the member's root key
    Sign {
        /// The draft
        draft: PathBuf,
        /// The member's folder, made by `init member`
        #[arg(long, value_name = "DIR")]
        member_dir: PathBuf,
        /// Requests of the member's contact points and officers
        #[arg(long = "request", value_name = "FILE")]
        requests: Vec<PathBuf>,
        /// Demand this many officers for immediate and flash notices of the member's contact points
        #[arg(long, value_name = "N")]
        officers: Option<u8>,
        /// Where to write the signatures
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Join a draft and all founders' signatures into the charter
    Finish {
        /// The draft
        draft: PathBuf,
        /// The founders' signatures
        #[arg(required = true)]
        signatures: Vec<PathBuf>,
        /// Where to write the charter
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Write the tlog-policy of one of the network's logs, for other people's tools
    Policy {
        /// The charter
        file: PathBuf,
        /// `directory`, or the name of the relay whose message log it is
        #[arg(long)]
        log: String,
        /// Where to write it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Show a charter or a draft, with digits to compare by telephone
    Show {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// This node's keys and their state
    List,
    /// Make a new signing key and put it into the directory
    Rotate {
        /// The member's folder with the root key
        #[arg(long, value_name = "DIR")]
        member_dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
    /// Revoke a key for ever
    Revoke {
        /// The key's id or its beginning
        key: String,
        /// left-office, superseded, compromised or lost
        #[arg(long)]
        reason: String,
        /// With effect from this moment (RFC 3339); now when absent
        #[arg(long, value_name = "TIME")]
        effective: Option<String>,
        /// The member's folder with the root key
        #[arg(long, value_name = "DIR")]
        member_dir: PathBuf,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
    /// Digits of a contact point's signing key, to compare by telephone
    Fingerprint {
        /// Which contact point; this node's when absent
        contact_point: Option<ContactPoint>,
        /// What the other side read aloud, to be compared here
        #[arg(long, value_name = "DIGITS")]
        compare: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Members, offices, keys and mandates
    Show {
        /// Only this member
        member: Option<Member>,
    },
    /// Entries of the log, in words
    Log {
        /// The first
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many
        #[arg(long, default_value_t = 256)]
        count: u32,
    },
    /// Verify a folder with the directory log against a charter, offline
    Verify {
        /// The folder with `checkpoint` and `tile/`
        dir: PathBuf,
        /// The charter
        #[arg(long, value_name = "FILE")]
        charter: PathBuf,
    },
}

/// What a notice is made of.
#[derive(Debug, Clone, Args)]
pub(crate) struct Compose {
    /// Who must act: contact points, separated by commas; a member alone means all its offices. When
    /// absent: the sender of the notice that it answers, or whom our own notice went to
    #[arg(long, value_delimiter = ',')]
    pub(crate) to: Vec<String>,
    /// Who should know
    #[arg(long, value_delimiter = ',')]
    pub(crate) info: Vec<String>,
    /// What it is: incident-notice, inquiry, response, update, correction, free-text ...
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) notice_type: Option<NoticeType>,
    /// flash, immediate, priority or routine. When absent: that of our own notice that it concerns, or
    /// routine
    #[arg(long, short)]
    pub(crate) precedence: Option<Precedence>,
    /// red, amber+strict, amber, green or clear. When absent: that of the notice that it concerns, or amber
    #[arg(long)]
    pub(crate) tlp: Option<Tlp>,
    /// The subject line
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// The type's fields, as TOML; `-` reads standard input (see --template)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The text, where the type has one text only
    #[arg(long, conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// A file to attach; may be given several times
    #[arg(long = "attach", value_name = "FILE")]
    pub(crate) attachments: Vec<PathBuf>,
    /// Language of the text (BCP 47)
    #[arg(long, default_value = "en")]
    pub(crate) language: String,
    /// How long it is valid, in hours
    #[arg(long, value_name = "HOURS")]
    pub(crate) valid_hours: Option<u64>,
    /// The exercise that it belongs to
    #[arg(long)]
    pub(crate) exercise: Option<String>,
    /// Release alone in an emergency, where the rule allows it; marked at both ends
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// Send a flash, or under a more open label than that of the notice that it concerns, without asking again
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) compose: Compose,
    /// Print a commented template of the type's fields, and end
    #[arg(long)]
    pub(crate) template: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    #[command(flatten)]
    pub(crate) compose: Compose,
    /// The notice that it answers, corrects or cancels: its number or its id's beginning
    #[arg(long, value_name = "ID", num_args = 1..=2)]
    pub(crate) concerns: Vec<String>,
    /// List drafts that wait, instead of writing one
    #[arg(long)]
    pub(crate) list: bool,
    /// Show one draft, instead of writing one
    #[arg(long, value_name = "ID")]
    pub(crate) show: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Reply {
    /// The notice: its number or its id's beginning
    #[arg(required = true, num_args = 1..=2)]
    pub(crate) id: Vec<String>,
    #[command(flatten)]
    pub(crate) compose: Compose,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// What to wait for after sending.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Wait {
    /// Wait until every recipient reached this: accepted, verified or acknowledged
    #[arg(long, value_name = "RUNG")]
    pub(crate) wait: Option<WaitFor>,
    /// For how long, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) wait_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WaitFor {
    Accepted,
    Verified,
    Acknowledged,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The draft's id or its beginning
    pub(crate) id: String,
    /// The officer's key file
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Approve without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Id {
    /// Its number or its id's beginning
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only what no officer acknowledged
    #[arg(long)]
    pub(crate) unacked: bool,
    /// How many at most, newest first
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its number or its id's beginning
    #[arg(required = true, num_args = 1..=2)]
    pub(crate) id: Vec<String>,
    /// Show every clause of the verdict
    #[arg(long)]
    pub(crate) why: bool,
    /// Compare with the spoken check that the sender read aloud
    #[arg(long, value_name = "DIGITS")]
    pub(crate) compare: Option<String>,
    /// Save the attachments into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// Its number or its id's beginning
    #[arg(required = true, num_args = 1..=2)]
    pub(crate) id: Vec<String>,
    /// Your title, as the sender will read it
    #[arg(long)]
    pub(crate) officer: String,
    /// When an answer may be expected, in hours from now
    #[arg(long, value_name = "HOURS")]
    pub(crate) answer_in: Option<u64>,
    /// A short remark
    #[arg(long)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Begin after this event's number, instead of now
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<u64>,
    /// Ring the terminal's bell for alarms, and every 30 s while no officer has acknowledged a flash or
    /// immediate notice; when the agent stops, wait until it is back
    #[arg(long)]
    pub(crate) bell: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Run the node until SIGTERM
    Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RelayCommand {
    /// Make a relay: its keys, its configuration, and the request to send to the secretariat
    Init {
        /// Its name within the network
        #[arg(long)]
        name: String,
        /// Where it listens, as others reach it: host:port
        #[arg(long)]
        address: String,
        /// Begins the names of its logs; a domain name that you control
        #[arg(long, default_value = "pouch.invalid")]
        origin: String,
        /// Where to put everything
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
    /// Run the relay until SIGTERM
    Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a witness: its keys, its configuration, and the request to send to the secretariat
    Init {
        /// The name of its keys: a schema-less URL that you control
        #[arg(long)]
        name: String,
        /// Where to put everything
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
    /// Run the witness until SIGTERM
    Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify a tiled log in a folder against a policy, every byte of it
    Log {
        /// The folder with `checkpoint` and `tile/`
        dir: PathBuf,
        /// The policy, a tlog-policy file
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
    /// Verify evidence files with nothing but the charter
    Evidence {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The charter
        #[arg(long, value_name = "FILE")]
        charter: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Write the evidence file of a received notice
    Export {
        /// The notice: its number or its id's beginning
        #[arg(required = true, num_args = 1..=2)]
        id: Vec<String>,
        /// Where to write it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    /// The file; the one given by --config when absent
    pub(crate) file: Option<PathBuf>,
}
