//! F10: a session that comes from another address a hundred times a second.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use tokio_util::sync::CancellationToken;

use crate::flood::{Attacking, Blow, Bounds, Defence, Flood};
use crate::ground::{Ground, HOSTILE, office};
use crate::hacked::{self, Hacked};
use crate::pace::pause;
use crate::place::ATTACKERS;
use crate::relay::Target;

#[derive(Debug)]
pub(crate) struct Moving;

impl Flood for Moving {
    fn name(&self) -> &'static str {
        "F10"
    }

    fn words(&self) -> &'static str {
        "a session that moves a hundred times a second"
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            flash_p99: Some(Duration::from_millis(500)),
            session_p99: Some(Duration::from_millis(500)),
            memory_mib: Some(128),
            ..Bounds::default()
        }
    }

    fn without(&self) -> &'static [Defence] {
        &[Defence::NoMigration]
    }

    fn attack<'a>(&'a self, _: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a> {
        Box::pin(async move {
            let hacked = Hacked::open(&office(HOSTILE, 1), target).await?;
            tokio::task::spawn_blocking(move || moves(hacked, &end))
                .await
                .map_err(|error| StageError(error.to_string()))
        })
    }

    fn holds(&self, blow: &Blow) -> Result<(), String> {
        match blow.count("answers elsewhere") {
            0 => Ok(()),
            answers => Err(format!("the relay followed to another address: {answers} answers")),
        }
    }
}

fn moves(mut hacked: Hacked, end: &CancellationToken) -> Blow {
    let [a, b] = ATTACKERS;
    let (begun, mut moved, mut answers) = (Instant::now(), 0_u64, 0_u64);
    let mut places: Vec<UdpSocket> = Vec::new();
    let mut answer = [0; 2048];
    while !end.is_cancelled() {
        let place = UdpSocket::bind(format!("{a}.{b}.1.{}:0", 1 + moved % 250)).unwrap();
        place.set_nonblocking(true).unwrap();
        moved += u64::from(hacked.send_from(&place, &hacked::ping()));
        places.push(place);
        pause(Duration::from_millis(10));
        answers += places.iter().map(|place| u64::from(place.recv(&mut answer).is_ok())).sum::<u64>();
        // Whatever is to come to an old one has come.
        if places.len() > 100 {
            places.remove(0);
        }
    }
    Blow { ran: begun.elapsed(), counts: vec![("moves", moved), ("answers elsewhere", answers)] }
}
