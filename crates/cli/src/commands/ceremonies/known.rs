//! The directory that a ceremony is judged by: a running node's, or what lies in files.

use std::path::Path;

use pouch_control::{Answer, Call, Client, ClientError};
use pouch_directory::{Directory, SignedCharter};
use pouch_wire::Canonical as _;

use crate::args::Place;
use crate::commands::audit;
use crate::commands::network::read_charter;
use crate::config;
use crate::exit::Exit;
use crate::problem::Problem;

/// The directory of the place, or of the configured node.
pub(super) async fn known(place: &Place, config: &Path) -> Result<Directory, Problem> {
    match (&place.charter, &place.log) {
        (None, _) => of_node(&config::node(config)?.client()).await,
        (Some(charter), None) => {
            let file = read_charter(charter)?;
            file.found().map_err(|error| {
                Problem::new(Exit::RefusedByPolicy, error.code(), format!("the charter is not good: {error}"))
            })
        }
        (Some(charter), Some(log)) => {
            audit::folded(log, &read_charter(charter)?).map(|(directory, _)| directory)
        }
    }
}

/// The node's directory, folded here once more.
pub(super) async fn of_node(client: &Client) -> Result<Directory, Problem> {
    let mut folded: Option<Directory> = None;
    loop {
        let from = folded.as_ref().map_or(0, Directory::size);
        let Answer::DirectoryEntries(entries) = client.call(&Call::DirectoryEntries { from }).await? else {
            return Err(ClientError::Unexpected.into());
        };
        if entries.is_empty() {
            return folded.ok_or_else(|| ClientError::Unexpected.into());
        }
        for entry in entries {
            match &mut folded {
                None => {
                    let charter = SignedCharter::from_bytes(&entry.0).map_err(|_| ClientError::Unexpected)?;
                    let directory = Directory::found(&charter).map_err(|_| ClientError::Unexpected)?;
                    folded = Some(directory);
                }
                Some(directory) => {
                    directory.apply(directory.size(), &entry.0);
                }
            }
        }
    }
}
