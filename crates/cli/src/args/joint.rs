//! The command line of joint statements.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pouch_wire::{Member, Precedence, Tlp};

#[derive(Debug, Subcommand)]
pub(crate) enum Joint {
    /// Propose a statement to the members that are invited to sign it
    Draft(Box<JointDraft>),
    /// Sign a proposed statement for this node's member
    Sign {
        /// The proposal: its number or its id's beginning
        #[arg(required = true, num_args = 1..=2)]
        id: Vec<String>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Tell everybody that this node's member does not sign
    Decline {
        /// The proposal: its number or its id's beginning
        #[arg(required = true, num_args = 1..=2)]
        id: Vec<String>,
        /// Why
        #[arg(long)]
        text: String,
    },
    /// Who signed, and whether it is in force
    Show {
        /// The proposal, or one of its signatures: its number or its id's beginning
        #[arg(required = true, num_args = 1..=2)]
        id: Vec<String>,
    },
    /// Write the file that proves the statement and its signatures to others
    Export {
        /// The proposal: its number or its id's beginning
        #[arg(required = true, num_args = 1..=2)]
        id: Vec<String>,
        /// Where to write it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

/// A statement to be signed by several.
#[derive(Debug, Args)]
pub(crate) struct JointDraft {
    /// The text of the statement
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The members that may sign, separated by commas: the full list, this node's member among them
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) invite: Vec<Member>,
    /// How many of them must sign
    #[arg(long, value_name = "N")]
    pub(crate) threshold: u8,
    /// The subject line
    #[arg(long)]
    pub(crate) subject: String,
    /// The offices that get it, separated by commas; all offices of the invited when absent
    #[arg(long, value_delimiter = ',')]
    pub(crate) to: Vec<String>,
    /// flash, immediate, priority or routine
    #[arg(long, short)]
    pub(crate) precedence: Option<Precedence>,
    /// red, amber+strict, amber, green or clear
    #[arg(long)]
    pub(crate) tlp: Option<Tlp>,
    /// Language of the text (BCP 47)
    #[arg(long, default_value = "en")]
    pub(crate) language: String,
    /// Until when members may sign, in hours from now
    #[arg(long, value_name = "HOURS")]
    pub(crate) valid_hours: Option<u64>,
    /// The exercise that it belongs to
    #[arg(long)]
    pub(crate) exercise: Option<String>,
}
