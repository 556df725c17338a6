//! The command line of services and auditors.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Cost;

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
        /// It follows the directory's log and does not sequence it: for every relay but the charter's first
        #[arg(long)]
        follows: bool,
        /// Where to put everything
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        cost: Cost,
    },
    /// Run the relay until SIGTERM
    Run,
    /// How far the running relay's logs are, and which witnesses are away
    #[command(after_help = "Ends with 40 when a witness is away, with 41 when too few are left.")]
    Status,
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
    /// Verify a joint statement and its signatures with nothing but the charter
    Joint {
        /// The file, made by `pouch joint export`
        file: PathBuf,
        /// The charter
        #[arg(long, value_name = "FILE")]
        charter: PathBuf,
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
    /// Messages of one sender that cannot both be; with --json, both headers and signatures
    Contradictions,
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
