//! What each service needs of the machine once it has its keys, and what came of giving up the rest.

use pouch_agent::{AgentConfig, WitnessConfig};
use pouch_contain::{ContainError, Demand, Held, Needs};
use pouch_relay::RelayConfig;
use tracing::{info, warn};

use crate::exit::Exit;
use crate::problem::Problem;

/// A relay has its keys in memory, and never reads them again.
pub(crate) fn relay(config: &RelayConfig) -> Needs {
    let roots = config.witness.iter().filter_map(|witness| witness.roots.clone());
    Needs {
        work: vec![config.data.clone(), config.publish.clone()],
        read: roots.collect(),
        tcp_ports: config.tcp_beside(config.listen).iter().map(core::net::SocketAddr::port).collect(),
        ..Needs::default()
    }
}

/// A node takes new signing keys into use while it runs, and destroys those of exercises.
pub(crate) fn node(config: &AgentConfig) -> Needs {
    let door = config.witness.as_ref().and_then(|witness| witness.listen_http);
    Needs {
        work: vec![config.data.clone(), config.keys.clone()],
        sockets: vec![Needs::folder_of(&config.socket)],
        tcp_ports: door.iter().map(core::net::SocketAddr::port).collect(),
        ..Needs::default()
    }
}

/// A witness that stands alone has a database and perhaps a door.
pub(crate) fn witness(config: &WitnessConfig) -> Needs {
    Needs {
        work: vec![config.data.clone()],
        tcp_ports: config.listen_http.iter().map(core::net::SocketAddr::port).collect(),
        ..Needs::default()
    }
}

/// Gives up the rest, and says once what the machine does not have.
pub(crate) fn enter(needs: &Needs, demand: Demand) -> Result<(), Problem> {
    let held = pouch_contain::enter(needs, demand).map_err(|error| refused(&error))?;
    for (part, code, grade) in held.lacking() {
        warn!(part, code, "not contained: {grade}");
    }
    info!("contained: {held}");
    Ok(())
}

fn refused(error: &ContainError) -> Problem {
    Problem::new(Exit::Usage, error.code(), error.to_string())
        .why("the configuration says `containment = \"required\"`")
        .next("see what this machine can: pouch check-config; or set `containment = \"best-effort\"`")
}

/// What a configuration's service would give up here.
pub(crate) fn rehearsed(needs: &Needs, demand: Demand) -> Result<Held, Problem> {
    let held = pouch_contain::rehearse(needs);
    let lacking = held.lacking().next().map(|(what, _, grade)| (what, grade.to_string()));
    match (demand, lacking) {
        (Demand::Required, Some((what, why))) => Err(refused(&ContainError::Lacking { what, why })),
        _ => Ok(held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_may_listen_on_tcp_where_its_configuration_says_and_nowhere_else() {
        let ports = |listen_tcp: &str| {
            let config = format!(
                "name = \"relay-1\"\ncharter = \"c\"\nlisten = \"127.0.0.1:4600\"\n{listen_tcp}\n\
                 data = \"d\"\nkeys = \"k\"\npublish = \"p\"\n"
            );
            relay(&toml::from_str(&config).unwrap()).tcp_ports
        };
        assert_eq!(ports(""), [4600]);
        assert_eq!(ports("listen_tcp = true"), [4600]);
        assert_eq!(ports("listen_tcp = \"127.0.0.1:8443\""), [8443]);
        assert_eq!(ports("listen_tcp = false"), [0_u16; 0]);
    }
}
