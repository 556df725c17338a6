//! The command line. What each command does stands in the module of its name under `commands/`.

mod ceremonies;
mod courier;
mod exercises;
mod founding;
mod joint;
mod member;
mod messages;
mod services;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use ceremonies::{
    AuthoriseOffice, Endorse, Join, Place, Proposal, Propose, ProposeChange, Recover, RootRotation,
    ThresholdArgs, Veto,
};
pub(crate) use courier::Courier;
pub(crate) use exercises::{Exercise, Root, SignExercise};
pub(crate) use founding::{Cost, DirectoryCommand, Init, InitNode, Keys, Network};
pub(crate) use joint::{Joint, JointDraft};
pub(crate) use member::{Bounds, ByRoot, Delegate, MemberCommand, Office, Officer, Reconfirm, Rules};
pub(crate) use messages::{
    Ack, Approve, Compose, DraftArgs, Id, Inbox, List, Reply, Send, Show, Wait, WaitFor, Watch,
};
pub(crate) use services::{AgentCommand, Audit, CheckConfig, Evidence, RelayCommand, WitnessCommand};

const EXAMPLES: &str = "\
Examples:
  pouch demo --once                       see everything work on this machine, then end
  pouch inbox --config nl/agent.toml      what arrived
  pouch show MD/technical 2026-0001       one notice, verified again
  pouch explain POUCH-VER-31              what a code means

Exit codes:
   0  done or verified                  20  queued: no relay can be reached now
   1  failed                            21  the agent is not running
   2  usage or configuration            22  access denied
   3  not in time                       23  refused by policy or relay
   4  not found                         24  a second officer is needed
  10  not authentic                     25  disk full, or store damaged
  11  not authorised                    30  key locked
  12  key unknown or ended              31  the clock is not right
  13  expired, or out of order          40  a witness is away
  14  cannot tell                       41  too few witnesses are left
  15  another environment or network    70  our own fault
  16  logs or copies contradict         74  storage failed";

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
    /// Found a network, and change together who belongs to it and what it runs on
    #[command(subcommand)]
    Network(Network),
    /// What this node's member decides about its own offices: mandates, officers, release rules, delegations
    #[command(subcommand)]
    Member(MemberCommand),
    /// This node's keys
    #[command(subcommand)]
    Keys(Keys),
    /// Who is who, and the log that says so
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Exercises: drills that the directory names, with keys of their own
    #[command(subcommand)]
    Exercise(Exercise),
    /// Statements that several members sign
    #[command(subcommand)]
    Joint(Joint),
    /// Write a notice and send it
    Send(Box<Send>),
    /// Write a notice and leave it for officers to approve
    Draft(Box<DraftArgs>),
    /// Approve a draft with an officer's key
    Approve(Approve),
    /// Send a draft that has its approvals
    Release(Id),
    /// What arrived
    Inbox(Inbox),
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
    /// Confirm notices that recipients doubt since a key ended, or ask others to confirm theirs
    Reconfirm(Reconfirm),
    /// What was sent, and who has it
    Outbox(List),
    /// Carry messages by hand where there is no network: a file out, a file in
    #[command(subcommand)]
    Courier(Courier),
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
