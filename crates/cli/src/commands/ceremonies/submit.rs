//! `directory submit`: a signed statement goes into the directory through a node.

use std::path::Path;

use pouch_control::Client;
use pouch_directory::{Act, Directory};

use super::described;
use super::known::of_node;
use super::propose::without_effect;
use crate::clock;
use crate::commands::statements;
use crate::commands::statements::Carried;
use crate::output::Output;
use crate::problem::Problem;

pub(crate) async fn submit(file: &Path, client: &Client, out: &Output) -> Result<(), Problem> {
    let carried = Carried::read(file)?;
    let directory = of_node(client).await?;
    directory.check(&carried.entry()?).map_err(|refused| without_effect(&refused))?;
    let index = statements::submit(client, carried.entry()?).await?;
    let value = serde_json::json!({ "entry": index, "words": carried.words(), "digits": carried.digits() });
    let text = format!("The directory's entry {index}:\n{}", described(&carried));
    out.result("submitted", &value, &text)?;
    out.next(&after(&carried.statement.act, &of_node(client).await?));
    Ok(())
}

/// Who does what once it is in effect.
fn after(act: &Act, directory: &Directory) -> String {
    let view = directory.now_view();
    match act {
        Act::AdmitMember { member, .. } => format!(
            "give {member} the charter. {member} makes its office's node (pouch init node) and signs it: pouch network \
             authorise --request contact-point.toml --member-dir DIR --charter charter.pouch --output office.pouch"
        ),
        Act::RecoverRoot { member, .. } => {
            let waiting = view.recoveries().find(|waiting| waiting.member == *member);
            let when = waiting.map(|w| clock::utc(w.effective)).unwrap_or_else(|| "its delay".to_owned());
            format!(
                "wait. It takes effect after {when}, with the first entry that a member signs which did not endorse \
                 it; nodes sign some every day. Until then {member} can stop it: pouch keys veto --member {member} \
                 --next-root-dir DIR --output veto.pouch. Look at it: pouch directory show {member}"
            )
        }
        Act::VetoRecovery { member, .. } => format!(
            "the next recovery of {member} needs {} members. {member}'s next root has been shown: take it into use \
             and commit to another: pouch keys rotate --root --member-dir DIR --to NEWDIR",
            view.thresholds().recovery_after_veto
        ),
        Act::RotateRoot { member, .. } => format!(
            "{member} works with the new folder from now on, puts the root after it at another place, and destroys \
             the old root"
        ),
        Act::ChangeNetwork(_) => {
            "every node and relay takes it in by itself; a new relay or witness gets the charter \
             and is started. Look: pouch directory show"
                .to_owned()
        }
        Act::AuthoriseContactPoint(entry) => format!(
            "tell {}: its node can be started there (pouch agent run --config FILE). Compare the digits with it by \
             telephone: pouch keys fingerprint {}",
            entry.contact_point.member, entry.contact_point
        ),
        _ => "nothing: every node takes it in by itself".to_owned(),
    }
}
