//! The command line of exercises.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pouch_wire::Member;

use super::Cost;

#[derive(Debug, Subcommand)]
pub(crate) enum Exercise {
    /// Open an exercise: a world of its own, with keys of its own
    Open {
        /// Its name, as it stands beside EXERCISE on every message
        #[arg(long)]
        name: String,
        /// The members that may take part, separated by commas; this node's among them
        #[arg(long, value_delimiter = ',', required = true)]
        participants: Vec<Member>,
        /// When it begins (RFC 3339); now when absent
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// When it is over (RFC 3339), unless it is closed before
        #[arg(long, value_name = "TIME")]
        until: String,
        #[command(flatten)]
        root: Root,
    },
    /// Close an exercise that this member opened: its keys are destroyed everywhere
    Close {
        /// Its name, or its id's beginning
        exercise: String,
        #[command(flatten)]
        root: Root,
    },
    /// Sign a statement about an exercise with a root key that is kept offline; needs no node
    Sign(SignExercise),
    /// Exercises of the network, and who has joined them
    List,
    /// Let this node take part: it makes a key for the exercise, and the member's root authorises it
    Join {
        /// Its name, or its id's beginning
        exercise: String,
        #[command(flatten)]
        root: Root,
        #[command(flatten)]
        cost: Cost,
    },
    /// Let an officer approve notices of this node's office in an exercise, with a key for it alone
    Officer {
        /// The exercise's name, or its id's beginning
        exercise: String,
        /// The officer's request (officer.toml), made by `init officer`
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        #[command(flatten)]
        root: Root,
    },
}

/// Who signs, and what becomes of the statement.
#[derive(Debug, Args)]
pub(crate) struct Root {
    /// The member's folder with the root key; without it the statement is written unsigned, for
    /// `pouch exercise sign` where the key is
    #[arg(long, value_name = "DIR", required_unless_present = "output")]
    pub(crate) member_dir: Option<PathBuf>,
    /// Write the statement here, for `pouch directory submit`, instead of publishing it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A statement about an exercise, and the key that it needs.
#[derive(Debug, Args)]
pub(crate) struct SignExercise {
    /// The statement, written by another of these commands with --output
    pub(crate) file: PathBuf,
    /// The member's folder with the root key
    #[arg(long, value_name = "DIR")]
    pub(crate) member_dir: PathBuf,
    /// The charter, to be sure that it is about this network, and to see its name
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// Where to write it, signed
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Sign without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
