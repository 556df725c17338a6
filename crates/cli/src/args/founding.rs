//! The command line of those who found a network and keep its keys: `init`, `network`, `keys`, `directory`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pouch_wire::{ContactPoint, Member};

use super::ceremonies::{
    AuthoriseOffice, Endorse, Join, Propose, Recover, RootRotation, ThresholdArgs, Veto,
};

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
        /// Put the next root into a folder of its own, to be kept at another place
        #[arg(long, value_name = "DIR")]
        next_root_dir: Option<PathBuf>,
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
        /// Names the person within the member, in small letters a to z, digits and hyphens; one person has
        /// one vote
        #[arg(long, value_parser = person)]
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
        #[command(flatten)]
        thresholds: ThresholdArgs,
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
    /// Propose what members decide together: to admit, suspend or reinstate a member, to change the network
    #[command(subcommand)]
    Propose(Propose),
    /// Show what a proposal does, and sign it with the member's root key
    Endorse(Endorse),
    /// Join a proposal and its endorsements into a statement, or say who is missing
    Join(Join),
    /// Sign the first office of a member that was admitted, with its root key
    Authorise(AuthoriseOffice),
    /// Show a charter, a draft or a proposal, with digits to compare by telephone
    Show {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// This node's keys and their state
    List,
    /// Make a new signing key and put it into the directory; with --root, rotate the member's root
    Rotate {
        /// The member's folder with the root key
        #[arg(long, value_name = "DIR")]
        member_dir: PathBuf,
        #[command(flatten)]
        root: RootRotation,
        #[command(flatten)]
        cost: Cost,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Make new roots for a member that lost its own, and a proposal for other members to endorse
    Recover(Recover),
    /// Stop a recovery that waits, with the committed next root
    Veto(Veto),
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
    /// Put a signed statement into the directory, through this node
    Submit {
        /// The statement, from `network join`, `keys rotate --root`, `keys veto` or another command
        file: PathBuf,
    },
    /// What contradicts the directory as the node believes it, with what proves it (`--json`)
    Forks,
    /// Verify a folder with the directory log against a charter, offline
    Verify {
        /// The folder with `checkpoint` and `tile/`
        dir: PathBuf,
        /// The charter
        #[arg(long, value_name = "FILE")]
        charter: PathBuf,
    },
}

/// A person's name as the directory takes it; refused here, before a key is made for nothing.
fn person(given: &str) -> Result<String, String> {
    if pouch_directory::is_person(given) {
        Ok(given.to_owned())
    } else {
        Err("a person is named with 1 to 64 small letters a to z, digits and hyphens, as in anna-berg"
            .to_owned())
    }
}
