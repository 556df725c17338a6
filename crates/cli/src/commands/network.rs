//! Founding a network: a draft from everybody's requests, signed by every founder, joined into the
//! charter that travels by hand. Files go between the parties; each step says who does what next.

mod show;

use std::path::{Path, PathBuf};

use pouch_crypto::{SigningKey, spoken_digits};
use pouch_directory::{
    Act, Audience, Charter, CharterFile, CharterSignature, ContactPointEntry, DisplayName, Founder, LogKeys,
    Mandate, OfficerEntry, Relay, ReleaseRule, SignedCharter, SignedStatement, Statement, Thresholds,
    Witness,
};
use pouch_wire::{
    Blob, Canonical, Digest, Environment, List, Member, NetworkId, NoticeType, OutOfBounds, Precedence, Set,
    Text, Timestamp, Tlp, canonical, limits,
};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use crate::args::{Network, ThresholdArgs};
use crate::clock;
use crate::commands::ceremonies;
use crate::commands::founding::{described, enough};
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::render::counted;
use crate::requests::{self, FounderRequest, MemberRequest, RelayRequest, WitnessRequest};

/// A founder's signature on the charter and the first statements of its offices.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FounderSignatures {
    network: NetworkId,
    charter: CharterSignature,
    statements: List<Blob<{ limits::STATEMENT_BYTES }>, 64>,
}
canonical!(FounderSignatures, "founder signatures", 1024 * 1024);

pub(crate) async fn network(
    command: Network,
    config: &Path,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    match command {
        Network::Create { name, founders, relays, witnesses, quorum, thresholds, output } => {
            let parties = Parties { founders, relays, witnesses, thresholds };
            create(&name, &parties, quorum, &output, out)
        }
        Network::Propose(propose) => ceremonies::propose(propose, config, out).await,
        Network::Endorse(endorse) => ceremonies::endorse(&endorse, source, out),
        Network::Join(join) => ceremonies::join(&join, config, out).await,
        Network::Authorise(office) => ceremonies::authorise(&office, source, out),
        Network::Sign { draft, member_dir, requests, officers, output } => {
            sign(&Signing { draft, member_dir, requests, officers, output }, source, out)
        }
        Network::Finish { draft, signatures, output } => finish(&draft, &signatures, &output, out),
        Network::Policy { file, log, output } => show::policy(&file, &log, &output, out),
        Network::Show { file } => show::show(&file, out),
    }
}

struct Parties {
    founders: Vec<PathBuf>,
    relays: Vec<PathBuf>,
    witnesses: Vec<PathBuf>,
    thresholds: ThresholdArgs,
}

fn create(
    name: &str,
    parties: &Parties,
    quorum: Option<u8>,
    output: &Path,
    out: &Output,
) -> Result<(), Problem> {
    let charter = draft(name, parties, quorum)?;
    let bytes = charter.to_bytes().map_err(|error| Problem::usage(error.to_string()))?;
    files::write_new(output, &bytes)?;
    out.say(&format!("The draft of {name:?} is in {}.", output.display()));
    out.next("send it to every founder, who checks it with `pouch network show` and signs it with `pouch network sign`");
    Ok(())
}

fn draft(name: &str, parties: &Parties, quorum: Option<u8>) -> Result<Charter, Problem> {
    let founders = parties.founders.iter().map(|path| founder(path)).collect::<Result<Vec<_>, _>>()?;
    let requests = parties
        .relays
        .iter()
        .map(|path| requests::read::<RelayRequest>(path))
        .collect::<Result<Vec<_>, _>>()?;
    let sequencer = requests.first().ok_or_else(|| Problem::usage("a network needs a relay"))?;
    let directory_log = log_keys(sequencer.directory_log.as_ref().ok_or_else(|| {
        Problem::usage(format!(
            "{} is named first, so that it sequences the directory, and was made with --follows",
            sequencer.name
        ))
        .next("give another relay's request first, or make this relay again without --follows")
    })?)?;
    let relays = requests.iter().map(relay).collect::<Result<Vec<_>, _>>()?;
    let witnesses = parties.witnesses.iter().map(|path| witness(path)).collect::<Result<Vec<_>, _>>()?;
    let others = |spare: usize| u8::try_from(founders.len().saturating_sub(spare).max(1)).unwrap_or(u8::MAX);
    let quorum =
        quorum.unwrap_or_else(|| u8::try_from(witnesses.len().saturating_sub(1).max(1)).unwrap_or(u8::MAX));
    // More than half of the others, and never all of them; after a veto more than that.
    let recovery = others(2).min((others(1) / 2).saturating_add(1));
    let thresholds = Thresholds {
        // More than half, and never all.
        admission: others(1).min((others(0) / 2).saturating_add(1)),
        network: others(1),
        recovery,
        recovery_after_veto: others(2).max(recovery.saturating_add(1)).min(others(1)),
        recovery_delay_ms: 7 * 24 * 3600 * 1000,
    };
    let thresholds = ceremonies::with(thresholds, &parties.thresholds);
    Ok(Charter {
        version: 1,
        name: text(name)?,
        created: clock::now(),
        founders: bounded(Set::new(founders))?,
        relays: bounded(List::new(relays))?,
        directory_log,
        witnesses: bounded(Set::new(witnesses))?,
        quorum,
        thresholds,
    })
}

pub(crate) fn bounded<T>(value: Result<T, OutOfBounds>) -> Result<T, Problem> {
    value.map_err(|error| Problem::usage(error.to_string()))
}

pub(crate) fn text<const MAX: usize>(value: &str) -> Result<Text<MAX>, Problem> {
    Text::new(value).map_err(|error| Problem::usage(format!("{value:?}: {error}")))
}

fn founder(path: &Path) -> Result<Founder, Problem> {
    let FounderRequest { member, name, root, next_root } = requests::read(path)?;
    Ok(Founder { member, name: text(&name)?, root, next_root })
}

fn log_keys(log: &requests::LogRequest) -> Result<LogKeys, Problem> {
    Ok(LogKeys { origin: text(&log.origin)?, ed25519: log.ed25519, mldsa: log.mldsa.clone() })
}

pub(crate) fn relay(request: &RelayRequest) -> Result<Relay, Problem> {
    Ok(Relay {
        name: text(&request.name)?,
        address: text(&request.address)?,
        transport: request.transport,
        receipts: request.receipts,
        message_log: log_keys(&request.message_log)?,
    })
}

pub(crate) fn witness(path: &Path) -> Result<Witness, Problem> {
    let WitnessRequest { name, ed25519, mldsa, transport } = requests::read(path)?;
    Ok(Witness { name: text(&name)?, ed25519, mldsa, transport })
}

pub(crate) struct Signing {
    draft: PathBuf,
    member_dir: PathBuf,
    pub(crate) requests: Vec<PathBuf>,
    pub(crate) officers: Option<u8>,
    output: PathBuf,
}

fn sign(signing: &Signing, source: &Source, out: &Output) -> Result<(), Problem> {
    let bytes = files::read(&signing.draft, limits::CHARTER_BYTES)?;
    let charter = Charter::from_bytes(&bytes).map_err(|e| not_a(&signing.draft, "drafted charter", &e))?;
    let founder: FounderRequest = requests::read(&signing.member_dir.join("founder.toml"))?;
    let ring = KeyRing::open(&signing.member_dir.join("keys"), source.existing("the root key")?);
    let root = ring.signing(name::ROOT)?;
    let named = charter.founders.iter().any(|f| f.member == founder.member && f.root == root.public());
    if !named {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-CHA-30",
            format!(
                "{}: does not name {} with this root key as a founder",
                signing.draft.display(),
                founder.member
            ),
        )
        .why("a charter that names another key for you would let its holder speak for you")
        .next("ask the secretariat for a draft made from your founder.toml"));
    }
    let signed_with = described(signing)?;
    let signature = charter.sign(founder.member.clone(), &root).map_err(|e| Problem::usage(e.to_string()))?;
    let network = charter.network_id().map_err(|e| Problem::usage(e.to_string()))?;
    let signatures = FounderSignatures {
        network,
        charter: signature,
        statements: bounded(List::new(first_statements(signing, &founder.member, network, &root, out)?))?,
    };
    let bytes = signatures.to_bytes().map_err(|e| Problem::usage(e.to_string()))?;
    files::write_new(&signing.output, &bytes)?;
    out.say(&format!("{} signed the charter; its digits are {}.", founder.member, spoken_digits(&network.0)));
    out.say(&format!("Signed with it, as the member's first {}:", counted(signed_with.len(), "statement")));
    for words in signed_with {
        out.say(&format!("  {words}"));
    }
    out.next(&format!(
        "send {} to the secretariat, who runs `pouch network finish`",
        signing.output.display()
    ));
    Ok(())
}

fn first_statements(
    signing: &Signing,
    member: &Member,
    network: NetworkId,
    root: &SigningKey,
    out: &Output,
) -> Result<Vec<Blob<{ limits::STATEMENT_BYTES }>>, Problem> {
    let mut acts = Vec::new();
    let mut points = Vec::new();
    let mut officers_of = Vec::new();
    for path in &signing.requests {
        match requests::read(path)? {
            MemberRequest::ContactPoint(request) => {
                if request.contact_point.member != *member {
                    return Err(Problem::usage(format!("{}: is not an office of {member}", path.display())));
                }
                points.push(request.contact_point.clone());
                acts.insert(0, Act::AuthoriseContactPoint(Box::new(contact_point(&request)?)));
            }
            MemberRequest::Officer(request) => {
                officers_of.push((request.contact_point.clone(), request.person.clone()));
                acts.push(Act::AuthoriseOfficer(Box::new(OfficerEntry {
                    contact_point: request.contact_point,
                    environment: Environment::Live,
                    key: request.key,
                    title: text(&request.title)?,
                    person: text(&request.person)?,
                    mandate: full_mandate()?,
                })));
            }
        }
    }
    if let Some(officers) = signing.officers {
        for contact_point in points {
            enough(officers, &contact_point, &officers_of, out)?;
            let rules = bounded(List::new(vec![two_officer_rule(officers)?]))?;
            acts.push(Act::SetReleaseRules { contact_point, rules });
        }
    }
    acts.into_iter().map(|act| signed(act, network, &[root])).collect()
}

/// A statement of now, signed, as bytes.
pub(crate) fn signed(
    act: Act,
    network: NetworkId,
    keys: &[&SigningKey],
) -> Result<Blob<{ limits::STATEMENT_BYTES }>, Problem> {
    let mut nonce = [0; 32];
    rand::rng().fill_bytes(&mut nonce);
    let statement = Statement { network, created: clock::now(), nonce: Digest::new(nonce), act };
    let signed: SignedStatement = statement.sign(keys).map_err(|e| Problem::usage(e.to_string()))?;
    bounded(Blob::new(signed.to_bytes().map_err(|e| Problem::usage(e.to_string()))?))
}

pub(crate) fn contact_point(request: &requests::ContactPointRequest) -> Result<ContactPointEntry, Problem> {
    let relays = request.home_relays.iter().map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(ContactPointEntry {
        contact_point: request.contact_point.clone(),
        environment: Environment::Live,
        signing: request.signing,
        transport: request.transport,
        home_relays: bounded(List::new(relays))?,
        telephone: text(&request.telephone)?,
        display_names: bounded(Set::new([DisplayName {
            language: text("en")?,
            name: text(&request.name)?,
        }]))?,
        mandate: full_mandate()?,
    })
}

/// Everything, to everyone, for ten years: what a member gives its own offices at the start.
pub(crate) fn full_mandate() -> Result<Mandate, Problem> {
    let from = clock::now();
    Ok(Mandate {
        types: bounded(Set::new(NoticeType::ALL.iter().copied()))?,
        highest_precedence: Precedence::Flash,
        strictest_tlp: Tlp::Red,
        most_open_tlp: Tlp::Clear,
        audience: Audience::Everyone,
        from: Timestamp(from.0.saturating_sub(limits::CLOCK_SKEW_MS_MAX)),
        until: Timestamp(from.0.saturating_add(10 * 365 * 24 * 3600 * 1000)),
    })
}

fn two_officer_rule(officers: u8) -> Result<ReleaseRule, Problem> {
    let checks = [NoticeType::CommCheck];
    let types = NoticeType::ALL.iter().copied().filter(|t| !checks.contains(t));
    Ok(ReleaseRule {
        types: bounded(Set::new(types))?,
        at_or_above: Precedence::Immediate,
        officers,
        break_glass: true,
    })
}

fn finish(draft: &Path, signatures: &[PathBuf], output: &Path, out: &Output) -> Result<(), Problem> {
    let bytes = files::read(draft, limits::CHARTER_BYTES)?;
    let charter = Charter::from_bytes(&bytes).map_err(|e| not_a(draft, "drafted charter", &e))?;
    let network = charter.network_id().map_err(|e| Problem::usage(e.to_string()))?;
    let mut founders = Vec::new();
    let mut statements = Vec::new();
    for path in signatures {
        let bytes = files::read(path, FounderSignatures::MAX_BYTES)?;
        let part =
            FounderSignatures::from_bytes(&bytes).map_err(|e| not_a(path, "founder's signature", &e))?;
        if part.network != network {
            return Err(Problem::new(
                Exit::NotAuthentic,
                "POUCH-CHA-31",
                format!(
                    "{}: signs another draft ({} instead of {})",
                    path.display(),
                    part.network.short(),
                    network.short()
                ),
            )
            .next("ask the founder to sign this draft"));
        }
        founders.push(part.charter);
        statements.extend(part.statements.into_vec());
    }
    let file = CharterFile {
        charter: SignedCharter {
            charter: bounded(Blob::new(bytes))?,
            signatures: bounded(Set::new(founders))?,
        },
        first_statements: bounded(List::new(statements))?,
    };
    let directory = file.found().map_err(|error| {
        charter_refused(&error.to_string(), error.code()).next(
            "every founder signs the draft (pouch network sign); give all the files that they sent back",
        )
    })?;
    files::write_new(output, &file.to_bytes().map_err(|e| Problem::usage(e.to_string()))?)?;
    out.say(&format!(
        "{:?} is founded: {} entries, network {}.",
        &*charter.name,
        directory.size(),
        network.short()
    ));
    out.say(&format!("Its digits, to compare by telephone: {}", spoken_digits(&network.0)));
    out.next(&format!("carry {} to every member, relay and witness by hand", output.display()));
    Ok(())
}

pub(crate) fn charter_refused(what: &str, code: &str) -> Problem {
    Problem::new(Exit::RefusedByPolicy, code, format!("the charter is not good: {what}"))
}

pub(crate) fn not_a(path: &Path, what: &str, error: &pouch_wire::DecodeError) -> Problem {
    Problem::new(Exit::Failed, "POUCH-CHA-32", format!("{}: not a {what}: {error}", path.display()))
}

/// Reads and checks a charter file.
pub(crate) fn read_charter(path: &Path) -> Result<CharterFile, Problem> {
    let bytes = files::read(path, limits::CHARTER_FILE_BYTES)?;
    let file = CharterFile::from_bytes(&bytes).map_err(|e| {
        not_a(path, "charter", &e).next("the file comes from `pouch network finish`, by hand")
    })?;
    file.found().map_err(|error| charter_refused(&format!("{}: {error}", path.display()), error.code()))?;
    Ok(file)
}
