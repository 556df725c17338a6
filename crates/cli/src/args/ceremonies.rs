//! The command line of what members do together after the founding: proposals, endorsements, and the roots of
//! members.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pouch_wire::Member;

/// Which directory a ceremony is judged by.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Without a running node: the network's charter
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// With --charter: the folder with the directory log, as far as it is known here
    #[arg(long, value_name = "DIR", requires = "charter")]
    pub(crate) log: Option<PathBuf>,
}

/// How many members must agree to what.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ThresholdArgs {
    /// Members that must agree to an admission, suspension or reinstatement
    #[arg(long, value_name = "N")]
    pub(crate) admission: Option<u8>,
    /// Members that must agree to a change of the network
    #[arg(long, value_name = "N")]
    pub(crate) network: Option<u8>,
    /// Other members that must agree to the recovery of a root
    #[arg(long, value_name = "N")]
    pub(crate) recovery: Option<u8>,
    /// The same, after the member vetoed a recovery
    #[arg(long, value_name = "N")]
    pub(crate) recovery_after_veto: Option<u8>,
    /// How long a recovery waits: 7d, 12h, 30m, 10s
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) recovery_delay: Option<u64>,
}

/// A span of time in milliseconds.
fn span(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no span of time: write 7d, 12h, 30m or 10s");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: u64 = text.strip_suffix(unit).and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    count.checked_mul(seconds).and_then(|s| s.checked_mul(1000)).ok_or_else(wrong)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// Admit a member; the newcomer and enough members sign it
    Admit {
        /// The newcomer's request (founder.toml), made by `init member`
        #[arg(long, value_name = "FILE")]
        member_request: PathBuf,
        #[command(flatten)]
        proposal: Proposal,
    },
    /// Suspend a member: its keys speak for nobody until it is reinstated
    Suspend {
        /// Which
        member: Member,
        /// Why, for everybody to read, for ever
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        proposal: Proposal,
    },
    /// End a suspension
    Reinstate {
        /// Which
        member: Member,
        #[command(flatten)]
        proposal: Proposal,
    },
    /// Change relays, witnesses, the quorum or the thresholds
    Change(Box<ProposeChange>),
}

/// Where a proposal comes from and goes to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Proposal {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ProposeChange {
    /// A relay that joins, or has new keys or another address (relay-request.toml)
    #[arg(long = "relay", value_name = "FILE")]
    pub(crate) relays: Vec<PathBuf>,
    /// A relay that leaves
    #[arg(long = "drop-relay", value_name = "NAME")]
    pub(crate) drop_relays: Vec<String>,
    /// A witness that joins, or has new keys (witness-request.toml)
    #[arg(long = "witness", value_name = "FILE")]
    pub(crate) witnesses: Vec<PathBuf>,
    /// A witness that leaves
    #[arg(long = "drop-witness", value_name = "NAME")]
    pub(crate) drop_witnesses: Vec<String>,
    /// The relay that keeps the directory log from now on
    #[arg(long, value_name = "NAME")]
    pub(crate) first_relay: Option<String>,
    /// New keys of the directory log, out of this relay's request (relay-request.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) directory_log: Option<PathBuf>,
    /// How many witnesses must cosign
    #[arg(long, value_name = "N")]
    pub(crate) quorum: Option<u8>,
    #[command(flatten)]
    pub(crate) thresholds: ThresholdArgs,
    #[command(flatten)]
    pub(crate) proposal: Proposal,
}

#[derive(Debug, Args)]
pub(crate) struct Endorse {
    /// The proposal, or the proposal as others endorsed it
    pub(crate) proposal: PathBuf,
    /// The member's folder with the root key
    #[arg(long, value_name = "DIR")]
    pub(crate) member_dir: PathBuf,
    /// The charter, to be sure that it is about this network
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// With --charter: the folder with the directory log, to see what a change of the network changes
    #[arg(long, value_name = "DIR", requires = "charter")]
    pub(crate) log: Option<PathBuf>,
    /// Where to write the endorsement
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Sign without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The proposal
    pub(crate) proposal: PathBuf,
    /// The endorsements
    pub(crate) endorsements: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where to write the statement
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AuthoriseOffice {
    /// The request of the office's node (contact-point.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    /// The member's folder with the root key
    #[arg(long, value_name = "DIR")]
    pub(crate) member_dir: PathBuf,
    /// The network's charter
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: PathBuf,
    /// Where to write the statement
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Sign without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The rotation of a root, beside that of a node's signing key.
#[derive(Debug, Args)]
pub(crate) struct RootRotation {
    /// Rotate the member's root instead: take the committed next root into use and commit to the one after
    #[arg(long, requires = "to")]
    pub(crate) root: bool,
    /// With --root: the new folder for the keys; the old folder stays as it is
    #[arg(long, value_name = "DIR", requires = "root")]
    pub(crate) to: Option<PathBuf>,
    /// With --root: the folder with the committed next root, when it does not lie in the member's folder
    #[arg(long, value_name = "DIR", requires = "root")]
    pub(crate) next_root_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Whose root is lost
    #[arg(long)]
    pub(crate) member: Member,
    /// The new folder for the new keys
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) proposal: Proposal,
    #[command(flatten)]
    pub(crate) cost: super::Cost,
}

#[derive(Debug, Args)]
pub(crate) struct Veto {
    /// Whose recovery
    #[arg(long)]
    pub(crate) member: Member,
    /// The folder with the committed next root (keys/next-root.pem)
    #[arg(long, value_name = "DIR")]
    pub(crate) next_root_dir: PathBuf,
    #[command(flatten)]
    pub(crate) proposal: Proposal,
    /// Sign without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_has_a_number_and_a_unit() {
        assert_eq!(span("7d"), Ok(604_800_000));
        assert_eq!(span("10s"), Ok(10_000));
        for wrong in ["", "d", "7", "7 d", "-1d", "1w", "99999999999999999999d", "18446744073709551615d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
