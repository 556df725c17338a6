//! The command line of those who write and read notices.

use std::path::PathBuf;

use clap::Args;
use pouch_wire::{NoticeType, Precedence, Tlp};

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
pub(crate) struct Inbox {
    #[command(flatten)]
    pub(crate) list: List,
    /// Only what was judged again because a key, or a member's right to speak, ended; with what to do
    #[arg(long, conflicts_with_all = ["unacked", "limit"])]
    pub(crate) rejudged: bool,
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
