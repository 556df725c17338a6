//! The command line of those who govern a member's own offices: `member`, and what a revocation did to
//! notices of the past.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pouch_wire::{ContactPoint, NoticeType, Precedence, Tlp};

#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Offices, officers, release rules and delegations of this node's member. With --json the file that
    /// --state reads where the root key lies
    Show,
    /// Authorise a new office, or change the keys, details or mandate of one
    Office(Box<Office>),
    /// Authorise an officer
    Officer(Box<Officer>),
    /// Say how many officers must approve which notices of an office. Replaces all its rules
    Rules(Rules),
    /// Let somebody approve until a time, or end that at once
    Delegate(Box<Delegate>),
}

/// Where the root key is, and what becomes of what it signs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ByRoot {
    /// The member's folder with the root key
    #[arg(long, value_name = "DIR")]
    pub(crate) member_dir: PathBuf,
    /// Sign without a node: what `pouch member show --json` printed, carried to where the root key lies
    #[arg(long, value_name = "FILE", requires = "output")]
    pub(crate) state: Option<PathBuf>,
    /// The charter, to be sure that it is about this network, and to see its name
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// Write the signed statement here instead of putting it into the directory; `pouch directory submit`
    /// does that later, at any node
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The bounds of a mandate; what is not said stays as it is, or is not bounded.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Bounds {
    /// The types of notice, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TYPES")]
    pub(crate) types: Vec<NoticeType>,
    /// The most urgent precedence
    #[arg(long, value_name = "PRECEDENCE")]
    pub(crate) highest: Option<Precedence>,
    /// The strictest label
    #[arg(long, value_name = "TLP")]
    pub(crate) strictest_tlp: Option<Tlp>,
    /// The most open label
    #[arg(long, value_name = "TLP")]
    pub(crate) most_open_tlp: Option<Tlp>,
    /// The members that may be addressed, separated by commas, or `everyone`
    #[arg(long, value_delimiter = ',', value_name = "MEMBERS")]
    pub(crate) audience: Vec<String>,
    /// From when on: 2026-11-24T03:00:00Z, or +12h, +3d from now
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when, written in the same way
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Office {
    /// The office to change; with --request the one that the request names
    #[arg(required_unless_present = "request")]
    pub(crate) office: Option<ContactPoint>,
    /// The request of its node (contact-point.toml): a new office, or new keys and details
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
    /// Its telephone number
    #[arg(long)]
    pub(crate) telephone: Option<String>,
    /// Its name in a language, as fr='Point de contact'; may be given several times
    #[arg(long = "name", value_name = "LANGUAGE=NAME")]
    pub(crate) names: Vec<String>,
    /// The relays where it collects its messages, instead of those that it has; may be given several times
    #[arg(long = "relay", value_name = "NAME")]
    pub(crate) relays: Vec<String>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) by: ByRoot,
}

#[derive(Debug, Args)]
pub(crate) struct Officer {
    /// The officer's request (officer.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) by: ByRoot,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Whose notices
    pub(crate) office: ContactPoint,
    /// A rule, as `types=incident-notice+update,at-or-above=immediate,officers=2,break-glass`; without
    /// types it covers all but communication checks. May be given several times
    #[arg(long = "rule", value_name = "RULE", required_unless_present = "none", conflicts_with = "none")]
    pub(crate) rules: Vec<String>,
    /// No rule: no officer needs to approve anything
    #[arg(long)]
    pub(crate) none: bool,
    #[command(flatten)]
    pub(crate) by: ByRoot,
}

#[derive(Debug, Args)]
pub(crate) struct Delegate {
    /// The request of who shall approve (officer.toml)
    #[arg(long, value_name = "FILE", required_unless_present = "end", conflicts_with = "end")]
    pub(crate) officer_request: Option<PathBuf>,
    /// For which office
    #[arg(long = "for", value_name = "OFFICE", required_unless_present = "end")]
    pub(crate) office: Option<ContactPoint>,
    /// End it at once: the officer's title, person, or beginning of the key
    #[arg(long, value_name = "OFFICER")]
    pub(crate) end: Option<String>,
    /// Why it ends: left-office, superseded, compromised or lost
    #[arg(long, requires = "end", default_value = "left-office")]
    pub(crate) reason: String,
    /// It ends with effect from this time; now when absent
    #[arg(long, requires = "end", value_name = "TIME")]
    pub(crate) effective: Option<String>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) by: ByRoot,
}

impl MemberCommand {
    /// Whether it is done without a running node.
    pub(crate) fn is_offline(&self) -> bool {
        self.by().is_some_and(|by| by.state.is_some())
    }

    /// How it is signed; nothing is for `show`.
    pub(crate) fn by(&self) -> Option<&ByRoot> {
        match self {
            Self::Show => None,
            Self::Office(office) => Some(&office.by),
            Self::Officer(officer) => Some(&officer.by),
            Self::Rules(rules) => Some(&rules.by),
            Self::Delegate(delegate) => Some(&delegate.by),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Reconfirm {
    /// The notices: numbers or beginnings of ids. Without any, and without --all, those that need it are listed
    pub(crate) ids: Vec<String>,
    /// All that need it
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Of notices that we received: draft what asks their senders to confirm them
    #[arg(long)]
    pub(crate) ask: bool,
}
