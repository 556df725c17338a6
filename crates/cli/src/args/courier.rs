//! The command line of couriers.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Courier {
    /// Write what waits for its recipients into a file for a USB stick, a mail, or any other carrier
    #[command(after_help = EXPORT)]
    Export {
        /// The notices: numbers or beginnings of ids, with the receipts due to their recipients. Without any:
        /// what waits here for a relay
        ids: Vec<String>,
        /// Only for these offices, and all that they have not confirmed, separated by commas; a member alone
        /// means all its offices
        #[arg(long, value_delimiter = ',')]
        to: Vec<String>,
        /// All of the directory, not only what the recipients are not known to have
        #[arg(long)]
        whole_directory: bool,
        /// Where to write it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Take what a courier brought, verified like everything else
    #[command(after_help = IMPORT)]
    Import {
        /// The file, where it lies; it is only read
        file: PathBuf,
    },
}

const EXPORT: &str = "\
The messages are sealed as they would travel over relays. Whoever finds the file sees what a relay sees: who
writes to whom, when, how urgently and how much; and the directory, which is no secret. Write one file per
recipient where couriers should not see who else is written to.

Nothing counts as delivered by this: the outbox says when it was handed over, and the recipient's receipt comes
over a relay or back by courier. When a relay is reachable again, the same messages go there too, and are shown
once.

Examples:
  pouch courier export --to MD --output /media/usb/md.courier
  pouch courier export NL/technical 2026-0007 --output /media/usb/flash.courier

Exit codes: 0 written, 4 nothing waits.";

const IMPORT: &str = "\
Each message is opened and verified as if a relay had brought it, and marked as carried by courier: no relay
promised or logged it, so when it was sent is its sender's word alone. Importing a file again changes nothing.
Receipts for the sender wait in the outbox: over a relay, or back by courier with `pouch courier export --to`.

Exit codes: 0 all of it is here; that of the verdict where a message was refused or cannot be judged yet;
4 nothing in it is for this office; 10 no courier file, or damaged; 15 of another network.";
