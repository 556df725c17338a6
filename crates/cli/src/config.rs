//! Configuration files: read whole or not at all. Paths inside are relative to the file; an unknown key
//! is refused with its line.

use std::path::{Path, PathBuf};

use pouch_agent::{AgentConfig, WitnessConfig};
use pouch_control::Client;
use pouch_relay::RelayConfig;
use serde::de::DeserializeOwned;

use crate::exit::Exit;
use crate::files;
use crate::problem::Problem;

/// Largest configuration file.
const CONFIG_BYTES_MAX: usize = 64 * 1024;

/// A node's configuration, with paths made absolute.
#[derive(Debug, Clone)]
pub(crate) struct NodeFiles {
    pub(crate) config: AgentConfig,
}

impl NodeFiles {
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.config.socket)
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let text = files::read_text(path, CONFIG_BYTES_MAX).map_err(|problem| {
        let exit = Exit::Usage.code();
        Problem { exit, ..problem }
            .next("give the node's configuration with --config FILE (`pouch init node` writes one)")
    })?;
    toml::from_str(&text).map_err(|error| {
        let next = match nearest(error.message()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "mend the line; every key is explained in the file that `init` wrote".to_owned(),
        };
        Problem::new(
            Exit::Usage,
            "POUCH-CFG-02",
            format!("{}: {}", path.display(), error.to_string().trim_end()),
        )
        .why("a configuration is taken whole or not at all")
        .next(next)
    })
}

/// The known key that an unknown one is most like, from what the parser says: "unknown field `x`,
/// expected one of `a`, `b`".
fn nearest(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    quoted
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, known)| distance.saturating_mul(3) <= known.len().max(3))
        .map(|(_, known)| known)
}

fn resolver(path: &Path) -> impl Fn(&mut PathBuf) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    move |file| *file = folder.join(&*file)
}

pub(crate) fn node(path: &Path) -> Result<NodeFiles, Problem> {
    let mut config: AgentConfig = parse(path)?;
    let resolve = resolver(path);
    for file in [&mut config.charter, &mut config.data, &mut config.keys, &mut config.socket] {
        resolve(file);
    }
    config.passphrase_file.iter_mut().for_each(resolve);
    Ok(NodeFiles { config })
}

pub(crate) fn relay(path: &Path) -> Result<RelayConfig, Problem> {
    let mut config: RelayConfig = parse(path)?;
    let resolve = resolver(path);
    for file in [&mut config.charter, &mut config.data, &mut config.keys, &mut config.publish] {
        resolve(file);
    }
    config.witness.iter_mut().filter_map(|witness| witness.roots.as_mut()).for_each(&resolve);
    config.passphrase_file.iter_mut().for_each(resolve);
    Ok(config)
}

pub(crate) fn witness(path: &Path) -> Result<WitnessConfig, Problem> {
    let mut config: WitnessConfig = parse(path)?;
    let resolve = resolver(path);
    for file in [&mut config.charter, &mut config.data, &mut config.keys] {
        resolve(file);
    }
    config.passphrase_file.iter_mut().for_each(resolve);
    Ok(config)
}
