//! Who is who, and the log that says so, in words.

use pouch_control::{
    Bytes, ContactPointView, DirectoryView, EntryView, MemberView, RecoveryView, ThresholdsView, WitnessView,
};
use pouch_crypto::KeyFingerprint;
use pouch_directory::{
    Act, Directory, Outcome, SignedStatement, Statement, Thresholds, View, WaitingRecovery,
};
use pouch_notice::visible;
use pouch_store::Mirror as _;
use pouch_wire::{Canonical as _, ContactPoint, Environment, Timestamp};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::refusals::Failed;
use crate::views::exercises::exercise;

pub(crate) fn directory(desk: &Desk) -> DirectoryView {
    let believed = desk.believed.borrow().clone();
    let directory = believed.directory.clone();
    let view = directory.now_view();
    let now = (desk.clock)();
    DirectoryView {
        network: desk.network,
        name: desk.network_name.clone(),
        size: believed.size.max(directory.size()),
        cosigned_at: believed.cosigned_at,
        members: view.members().map(|m| member(m, &view, now)).collect(),
        relays: view.relays().iter().map(|r| format!("{} at {}", &*r.name, &*r.address)).collect(),
        witnesses: view.witnesses().iter().map(|w| WitnessView { name: w.name.to_string() }).collect(),
        quorum: view.quorum(),
        exercises: view.exercises().map(|e| exercise(e, &view, now, desk)).collect(),
        thresholds: Some(thresholds(&view.thresholds())),
    }
}

fn member(record: &pouch_directory::MemberRecord, view: &View<'_>, now: Timestamp) -> MemberView {
    let points = view.contact_points(Environment::Live).filter(|e| e.contact_point.member == record.member);
    MemberView {
        member: record.member.clone(),
        name: shown_name(record, view),
        suspended: record.suspended,
        root: record.root.id(),
        next_root: Some(record.next_root),
        vetoed: view.vetoed(&record.member),
        recovery: view.recoveries().find(|waiting| waiting.member == record.member).map(recovery),
        contact_points: points.map(|e| point(&e.contact_point, view, now)).collect(),
    }
}

fn recovery(waiting: WaitingRecovery) -> RecoveryView {
    RecoveryView {
        index: waiting.index,
        endorsers: waiting.endorsers,
        new_root: waiting.new_root.id(),
        effective: waiting.effective,
    }
}

fn thresholds(thresholds: &Thresholds) -> ThresholdsView {
    ThresholdsView {
        admission: thresholds.admission,
        network: thresholds.network,
        recovery: thresholds.recovery,
        recovery_after_veto: thresholds.recovery_after_veto,
        recovery_delay_ms: thresholds.recovery_delay_ms,
    }
}

/// The code stands beside it wherever it is shown.
fn shown_name(record: &pouch_directory::MemberRecord, view: &View<'_>) -> String {
    let name = visible(&record.name, true);
    match view.looks_like(&record.member) {
        None => name,
        Some(other) => format!("{name} (NOT {}, whose name looks the same)", other.member),
    }
}

fn point(contact_point: &ContactPoint, view: &View<'_>, now: Timestamp) -> ContactPointView {
    let entry = view.contact_point(contact_point, Environment::Live);
    let history = view.key_history(contact_point, Environment::Live);
    let since = history.last();
    let names = entry.map(|e| &*e.display_names).unwrap_or_default();
    let name = names.iter().find(|n| &*n.language == "en").or_else(|| names.first());
    let signing_key =
        entry.map(|e| e.signing.id()).unwrap_or(pouch_wire::KeyId(pouch_wire::Digest::new([0; 32])));
    ContactPointView {
        contact_point: contact_point.clone(),
        name: name.map(|n| visible(&n.name, true)).unwrap_or_default(),
        signing_key,
        fingerprint: KeyFingerprint::of(&signing_key).to_string(),
        since_index: since.map_or(0, |p| p.from_index),
        since: since.map_or(Timestamp(0), |p| p.from),
        telephone: entry.map(|e| visible(&e.telephone, true)).unwrap_or_default(),
        home_relays: entry.map(|e| e.home_relays.iter().map(|r| r.to_string()).collect()).unwrap_or_default(),
        mandate: entry.map(|e| e.mandate.words()).unwrap_or_default(),
        live_prekeys: view.prekeys(contact_point, Environment::Live, now).len(),
        officers: view
            .officers(contact_point, Environment::Live)
            .iter()
            .map(|o| visible(&o.title, true))
            .collect(),
    }
}

pub(crate) async fn entries(from: u64, count: u32, desk: &Desk) -> Result<Vec<EntryView>, Failed> {
    let all = desk.store.entries(0, u32::MAX).await?;
    let mut folded: Option<Directory> = None;
    let mut views = Vec::new();
    for (index, bytes) in (0_u64..).zip(all) {
        let view = match &mut folded {
            None => {
                let charter = pouch_directory::SignedCharter::from_bytes(&bytes)?;
                let directory = Directory::found(&charter).map_err(|e| AgentError::Charter(e.to_string()))?;
                let words = format!(
                    "charter of {:?}, signed by {} founders",
                    &*directory.charter().name,
                    charter.signatures.len()
                );
                let created = Some(directory.charter().created);
                folded = Some(directory);
                EntryView { index, words, created, no_effect: None }
            }
            Some(directory) => entry(index, &bytes, directory),
        };
        if index >= from && views.len() < usize::try_from(count).unwrap_or(usize::MAX) {
            views.push(view);
        }
    }
    Ok(views)
}

/// Some entries as they stand in the log; whoever asks goes on after them.
pub(crate) async fn raw_entries(from: u64, desk: &Desk) -> Result<Vec<Bytes>, Failed> {
    Ok(desk.store.entries(from, RAW_AT_ONCE).await?.into_iter().map(Bytes).collect())
}

/// Entries in one answer: 16 MiB at most.
const RAW_AT_ONCE: u32 = 256;

fn entry(index: u64, bytes: &[u8], directory: &mut Directory) -> EntryView {
    let statement = SignedStatement::from_bytes(bytes)
        .ok()
        .and_then(|signed| Statement::from_bytes(&signed.statement).ok());
    let no_effect = match directory.apply(index, bytes) {
        Outcome::Applied => None,
        Outcome::NoEffect(refused) => Some(format!("{refused} ({})", refused.code())),
    };
    let words =
        statement.as_ref().map_or_else(|| "not a statement".to_owned(), |s| visible(&act(&s.act), true));
    EntryView { index, words, created: statement.map(|s| s.created), no_effect }
}

/// Says of what belongs to an exercise that it does.
fn within(environment: Environment) -> String {
    match environment {
        Environment::Live => String::new(),
        Environment::Exercise(id) => format!(" in exercise {}", id.short()),
    }
}

fn act(act: &Act) -> String {
    match act {
        Act::AdmitMember { member, name, .. } => format!("admits {member} ({name})"),
        Act::AuthoriseContactPoint(entry) => {
            format!(
                "authorises {}{} with signing key {}",
                entry.contact_point,
                within(entry.environment),
                entry.signing.id().short()
            )
        }
        Act::AuthoriseOfficer(entry) => {
            let place = within(entry.environment);
            format!("authorises an officer of {}{place}: {}", entry.contact_point, &*entry.title)
        }
        Act::SetReleaseRules { contact_point, rules } => {
            format!("sets {} release rules of {contact_point}", rules.len())
        }
        Act::PublishPrekeys { contact_point, environment, prekeys } => {
            format!("publishes {} sealing keys of {contact_point}{}", prekeys.len(), within(*environment))
        }
        Act::RotateRoot { member, .. } => format!("rotates the root key of {member}"),
        Act::RecoverRoot { member, .. } => format!("begins a recovery of the root key of {member}"),
        Act::VetoRecovery { member, .. } => format!("vetoes the recovery of {member}"),
        Act::RevokeKey { key, reason, .. } => format!("revokes key {} ({reason:?})", key.short()),
        Act::OpenExercise { name, participants, .. } => {
            let members: Vec<&str> = participants.iter().map(|member| member.as_str()).collect();
            format!("opens exercise {:?} of {}", &**name, members.join(", "))
        }
        Act::CloseExercise { exercise } => format!("closes exercise {}", exercise.short()),
        Act::SuspendMember { member, .. } => format!("suspends {member}"),
        Act::ReinstateMember { member } => format!("reinstates {member}"),
        Act::ChangeNetwork(change) => format!("changes the network: {}", change.words().join("; ")),
    }
}
