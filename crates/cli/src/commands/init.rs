//! `init`, `relay init`, `witness init`: new keys, a configuration that explains itself, and the
//! request to send to whoever authorises them. Each ends by saying who must do what next.

use std::path::Path;

use pouch_wire::{ContactPoint, Member};

use crate::args::{Init, InitNode};
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, cost, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::requests::{
    self, ContactPointRequest, FounderRequest, LogRequest, MemberRequest, OfficerRequest, RelayRequest,
    WitnessRequest,
};

pub(crate) async fn init(command: Init, source: &Source, out: &Output) -> Result<(), Problem> {
    match command {
        Init::Member { member, name, dir, next_root_dir, cost } => {
            let folders = Folders { dir: &dir, next_root: next_root_dir.as_deref() };
            init_member(&member, name, &folders, cost.throw_away, source, out)
        }
        Init::Node(node) => init_node(node, source, out).await,
        Init::Officer { contact_point, title, person, dir, cost } => {
            let officer = Officer { contact_point, title, person };
            init_officer(officer, &dir, cost.throw_away, source, out)
        }
    }
}

/// Where a member's keys lie: the next root may lie elsewhere, so that one thief does not find both.
struct Folders<'a> {
    dir: &'a Path,
    next_root: Option<&'a Path>,
}

fn init_member(
    member: &Member,
    display: String,
    Folders { dir, next_root: elsewhere }: &Folders<'_>,
    throw_away: bool,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let ring = KeyRing::create(&dir.join("keys"), source.fresh("the root keys")?, cost(throw_away))?;
    let root = ring.make_signing(name::ROOT)?.public();
    let next_root = match elsewhere {
        None => ring.make_signing(name::NEXT_ROOT)?,
        Some(folder) => {
            let passphrase = source.fresh("the next root")?;
            KeyRing::create(&folder.join("keys"), passphrase, cost(throw_away))?
                .make_signing(name::NEXT_ROOT)?
        }
    };
    let next_root = next_root.public().id();
    let request = dir.join("founder.toml");
    requests::write(
        &request,
        "A member asks to found a network or to be admitted to one. Send this to the secretariat; nothing in it is\n\
         secret. Compare the keys by telephone or at a meeting: trust starts here.",
        &FounderRequest { member: member.clone(), name: display, root, next_root },
    )?;
    out.say(&format!(
        "Root keys of {member} are in {}. Keep that folder offline.",
        dir.join("keys").display()
    ));
    out.next(&format!("send {} to the secretariat, who runs `pouch network create`", request.display()));
    Ok(())
}

async fn init_node(node: InitNode, source: &Source, out: &Output) -> Result<(), Problem> {
    let InitNode { contact_point, name: display, telephone, relays, witness, dir, cost: hard } = node;
    let ring = KeyRing::create(&dir.join("keys"), source.fresh("this node's keys")?, cost(hard.throw_away))?;
    let signing = ring.make_signing(name::SIGNING)?.public();
    let transport = ring.make_signing(name::TRANSPORT)?.public();
    ring.make_signing(name::VAULT)?;
    let request = dir.join("contact-point.toml");
    requests::write(
        &request,
        "A node asks its member to authorise it as a contact point: give this to whoever holds the\n\
         member's root key. Nothing in it is secret.",
        &MemberRequest::ContactPoint(Box::new(ContactPointRequest {
            contact_point: contact_point.clone(),
            name: display,
            telephone,
            home_relays: relays,
            signing,
            transport,
        })),
    )?;
    if let Some(witness) = &witness {
        let database = dir.join("data").join("agent.sqlite");
        write_witness_request(&ring, &dir, witness, None, &database).await?;
    }
    files::write_new(
        &dir.join("agent.toml"),
        agent_toml(&contact_point, witness.as_deref(), source).as_bytes(),
    )?;
    out.say(&format!("The node of {contact_point} is in {}.", dir.display()));
    out.next(&format!(
        "give {} to the holder of the root key (`pouch network sign --request`); put the finished charter at {}; \
         then `pouch agent run --config {}`",
        request.display(),
        dir.join("charter.pouch").display(),
        dir.join("agent.toml").display()
    ));
    Ok(())
}

struct Officer {
    contact_point: ContactPoint,
    title: String,
    person: String,
}

fn init_officer(
    officer: Officer,
    dir: &Path,
    throw_away: bool,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let Officer { contact_point, title, person } = officer;
    let ring = KeyRing::create(dir, source.fresh("the officer's key")?, cost(throw_away))?;
    let key = ring.make_signing(name::OFFICER)?.public();
    let request = dir.join("officer.toml");
    requests::write(
        &request,
        "An officer asks the member to be authorised to approve notices. Give this to whoever holds the\n\
         member's root key. Nothing in it is secret.",
        &MemberRequest::Officer(OfficerRequest { contact_point: contact_point.clone(), title, person, key }),
    )?;
    out.say(&format!("The officer's key is {}.", dir.join(name::OFFICER).display()));
    out.next(&format!("give {} to the holder of {}'s root key", request.display(), contact_point.member));
    Ok(())
}

/// What `relay init` takes.
#[derive(Debug)]
pub(crate) struct NewRelay<'a> {
    pub(crate) name: &'a str,
    pub(crate) address: &'a str,
    pub(crate) origin: &'a str,
    /// Whether it only follows the directory's log.
    pub(crate) follows: bool,
    pub(crate) dir: &'a Path,
    pub(crate) throw_away: bool,
}

pub(crate) fn init_relay(relay: &NewRelay<'_>, source: &Source, out: &Output) -> Result<(), Problem> {
    let NewRelay { name: relay_name, address, origin, follows, dir, throw_away } = *relay;
    let ring = KeyRing::create(&dir.join("keys"), source.fresh("the relay's keys")?, cost(throw_away))?;
    let transport = ring.make_signing(name::TRANSPORT)?.public();
    let receipts = ring.make_signing(name::RECEIPTS)?.public();
    let message_log = LogRequest {
        origin: format!("{origin}/{relay_name}/messages"),
        ed25519: ring.make_note(name::MESSAGE_LOG)?.public(),
        mldsa: ring.make_mldsa(name::MESSAGE_LOG_MLDSA)?.public().clone(),
    };
    let directory_log = if follows {
        None
    } else {
        Some(LogRequest {
            origin: format!("{origin}/directory"),
            ed25519: ring.make_note(name::DIRECTORY_LOG)?.public(),
            mldsa: ring.make_mldsa(name::DIRECTORY_LOG_MLDSA)?.public().clone(),
        })
    };
    let request = dir.join("relay-request.toml");
    requests::write(
        &request,
        "A relay asks to be named in a charter. Send this to the secretariat; nothing in it is secret.",
        &RelayRequest {
            name: relay_name.into(),
            address: address.into(),
            transport,
            receipts,
            message_log,
            directory_log,
        },
    )?;
    files::write_new(&dir.join("relay.toml"), relay_toml(relay_name, address, source).as_bytes())?;
    out.say(&format!("The relay {relay_name} is in {}.", dir.display()));
    out.say(if follows {
        "It has its own keys and none of the directory's log: it follows the relay that the charter names first."
    } else {
        "It has keys of the directory's log too, which it uses if the charter names it first. For every other \
         relay give --follows."
    });
    out.next(&format!(
        "send {} to the secretariat; put the finished charter at {}; then `pouch relay run --config {}`",
        request.display(),
        dir.join("charter.pouch").display(),
        dir.join("relay.toml").display()
    ));
    Ok(())
}

pub(crate) async fn init_witness(
    witness: &str,
    dir: &Path,
    throw_away: bool,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let ring = KeyRing::create(&dir.join("keys"), source.fresh("the witness's keys")?, cost(throw_away))?;
    let transport = ring.make_signing(name::TRANSPORT)?.public();
    let database = dir.join("data").join("witness.sqlite");
    write_witness_request(&ring, dir, witness, Some(transport), &database).await?;
    files::write_new(&dir.join("witness.toml"), witness_toml(witness, source).as_bytes())?;
    out.say(&format!("The witness {witness} is in {}.", dir.display()));
    out.next(&format!(
        "send {} to the secretariat; put the finished charter at {}; then `pouch witness run --config {}`",
        dir.join("witness-request.toml").display(),
        dir.join("charter.pouch").display(),
        dir.join("witness.toml").display()
    ));
    Ok(())
}

/// A witness's keys, the memory that belongs to them and to no others, and the request.
async fn write_witness_request(
    ring: &KeyRing,
    dir: &Path,
    witness: &str,
    transport: Option<pouch_crypto::PublicKey>,
    database: &Path,
) -> Result<(), Problem> {
    let ed25519 = ring.make_note(name::WITNESS)?.public();
    let mldsa = ring.make_mldsa(name::WITNESS_MLDSA)?.public().clone();
    files::make_folder(&dir.join("data"))?;
    pouch_agent::begin_witness_memory(database, witness, ed25519, &mldsa).await.map_err(|error| {
        let exit = if error.is_storage() { Exit::Storage } else { Exit::Failed };
        Problem::new(exit, error.code(), error.to_string())
    })?;
    requests::write(
        &dir.join("witness-request.toml"),
        "A witness asks to be named in a charter. Send this to the secretariat; nothing in it is secret.",
        &WitnessRequest { name: witness.into(), ed25519, mldsa, transport },
    )
}

fn passphrase_line(source: &Source) -> String {
    let text = "# A file (mode 0600) with the passphrase of the key files. Without it the passphrase is taken from\n\
                # the systemd credential `pouch-passphrase`, from --passphrase-file, or asked on the terminal.\n";
    match source {
        Source::File(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("{text}passphrase_file = {:?}\n", path.display().to_string())
        }
        Source::Descriptor(_) | Source::Terminal => format!("{text}# passphrase_file = \"passphrase\"\n"),
    }
}

fn agent_toml(contact_point: &ContactPoint, witness: Option<&str>, source: &Source) -> String {
    let witness = match witness {
        Some(name) => format!("witness = {name:?}\n"),
        None => "# witness = \"example.org/witness\"\n".into(),
    };
    format!(
        "# A Pouch node. Paths are relative to this file. Unknown keys are refused.\n\n\
         # The contact point that this node speaks for.\n\
         contact_point = \"{contact_point}\"\n\n\
         # The network's charter, which came to you by hand.\n\
         charter = \"charter.pouch\"\n\n\
         # The folder of the database. Back it up with the node stopped, or together with its -wal file.\n\
         data = \"data\"\n\n\
         # The folder of the encrypted key files (mode 0600).\n\
         keys = \"keys\"\n\n\
         # The Unix socket on which commands reach the node (mode 0600).\n\
         socket = \"agent.sock\"\n\n{}\n\
         # How far apart its beacons are, in seconds (10 to 60): by them others see within ten seconds more\n\
         # that a message was held back, and that this node is there.\n\
         # beacon_seconds = 60\n\n\
         {CONTAINMENT}\n\
         # How relays are reached: \"auto\" (QUIC, and TCP when QUIC does not come up), \"quic\" or \"tcp\"; and single\n\
         # relays by name, when the way to them differs.\n\
         # transport = \"auto\"\n\
         # transport_to = {{ \"relay-1\" = \"tcp\" }}\n\n\
         # The name under which this node cosigns logs, if the network names it as a witness. What it cosigned is in\n\
         # its database: if that is lost or put back to a backup, the witness must be replaced. To have it answer\n\
         # others' logs by C2SP tlog-witness too (POST /add-checkpoint), give a table: the TCP address on which it\n\
         # listens, plain HTTP behind a web server that adds TLS; and the verifier keys of logs beside the network's.\n\
         # witness = {{ name = \"example.org/witness\", listen_http = \"127.0.0.1:8080\", log = [{{ keys = [\"...\"] }}] }}\n{witness}",
        passphrase_line(source)
    )
}

fn relay_toml(relay: &str, address: &str, source: &Source) -> String {
    format!(
        "# A Pouch relay. Paths are relative to this file. Unknown keys are refused.\n\n\
         # Its name in the charter.\n\
         name = {relay:?}\n\n\
         # The network's charter.\n\
         charter = \"charter.pouch\"\n\n\
         # The UDP address to listen on. The charter tells others how to reach it.\n\
         listen = {address:?}\n\n\
         # Where it listens on TCP too, for those whom no UDP leaves: the same address and number, unless another\n\
         # stands here; `false` turns it off.\n\
         # listen_tcp = true\n\n\
         # How it reaches other relays: \"auto\" (QUIC, and TCP when QUIC does not come up), \"quic\" or \"tcp\".\n\
         # transport = \"auto\"\n\n\
         # The folder of the database.\n\
         data = \"data\"\n\n\
         # The folder of the encrypted key files (mode 0600).\n\
         keys = \"keys\"\n\n\
         # Where both logs are written as C2SP tiles, for any web server to publish.\n\
         publish = \"log\"\n\n{}\n\
         # What one office may have stored here and not yet delivered; a member's offices together twice that.\n\
         quota_bytes = 67108864\n\
         quota_messages = 10000\n\n\
         # For how many seconds a witness is missed before it counts as away, and that is told.\n\
         witness_alarm_seconds = 60\n\n\
         {CONTAINMENT}\n\
         # Where witnesses are asked over HTTP (C2SP tlog-witness) that open no session: a table for each that the\n\
         # network names. `roots` is a file of root certificates for https; without it, those of the system count.\n\
         # [[witness]]\n\
         # name = \"witness.example.org\"\n\
         # url = \"https://witness.example.org/\"\n\
         # roots = \"roots.pem\"\n",
        passphrase_line(source)
    )
}

fn witness_toml(witness: &str, source: &Source) -> String {
    format!(
        "# A Pouch witness. Paths are relative to this file. Unknown keys are refused.\n\n\
         # The name of its keys in the charter.\n\
         name = {witness:?}\n\n\
         # The network's charter.\n\
         charter = \"charter.pouch\"\n\n\
         # The folder of its state. If this is ever lost, the witness must be replaced, not restarted.\n\
         data = \"data\"\n\n\
         # The folder of the encrypted key files (mode 0600).\n\
         keys = \"keys\"\n\n{}\n{CONTAINMENT}\n{WITNESS_OPTIONS}",
        passphrase_line(source)
    )
}

/// How a service is contained, commented out.
const CONTAINMENT: &str = "# Whether it starts where the system cannot keep it to its own files and to few system calls:\n\
         # \"best-effort\", or \"required\" for not to. `pouch check-config` says what this machine can.\n\
         # containment = \"best-effort\"\n";

/// What a witness may be told besides, commented out.
const WITNESS_OPTIONS: &str = "# How it reaches relays: \"auto\" (QUIC, and TCP when QUIC does not come up), \"quic\" or \"tcp\".\n\
    # transport = \"auto\"\n\n\
    # The TCP address on which it answers others' logs by C2SP tlog-witness: POST /add-checkpoint. Plain HTTP:\n\
         # a web server in front of it adds TLS. It listens nowhere when this is absent.\n\
         # listen_http = \"127.0.0.1:8080\"\n\n\
         # Logs that it cosigns besides the network's: a table for each, with the log's verifier keys, of which one\n\
         # is enough.\n\
         # [[log]]\n\
         # keys = [\"example.org/log+530d903c+ATS...\"]\n";
