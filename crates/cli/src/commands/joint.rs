//! `joint`: one text signed by several members. Every signature is a notice like others, so that each state's
//! own rules hold for it; this module only proposes, asks and shows.

use pouch_control::{Answer, Call, Client, ClientError, Compose, JointView};
use pouch_wire::{ContactPoint, NoticeType, limits};

use crate::args::{Joint, JointDraft};
use crate::commands::compose::{self, addressees, wanted};
use crate::commands::exercise;
use crate::config::NodeFiles;
use crate::exit::Exit;
use crate::files;
use crate::output::{Output, confirm};
use crate::problem::Problem;
use crate::render;

pub(crate) async fn joint(command: Joint, node: &NodeFiles, out: &Output) -> Result<u8, Problem> {
    let client = node.client();
    match command {
        Joint::Draft(propose) => {
            let asked = proposal(*propose, &node.config.contact_point, &client).await?;
            let Answer::Draft(draft) = client.call(&Call::Draft(Box::new(asked))).await? else {
                return Err(ClientError::Unexpected.into());
            };
            if draft.officers_needed > 0 || !draft.problems.is_empty() {
                return compose::show_draft(&draft, &render::draft(&draft), out).map(|()| Exit::Done.code());
            }
            let sent = client.call(&Call::Release { id: draft.id.to_string() }).await?;
            answered(sent, &client, out).await
        }
        Joint::Sign { id, yes } => {
            let view = ask(&wanted(&id), &client).await?;
            out.show(&render::joint(&view));
            if !yes && !confirm("Sign this text for your member?") {
                return Err(Problem::new(Exit::RefusedByPolicy, "POUCH-JNT-11", "not signed")
                    .next("confirm on a terminal, or give --yes"));
            }
            // By its id: what was shown is what is signed.
            let id = view.statement.to_string();
            answered(client.call(&Call::JointSign { id }).await?, &client, out).await
        }
        Joint::Decline { id, text } => {
            let call = Call::JointDecline { id: wanted(&id), text };
            answered(client.call(&call).await?, &client, out).await
        }
        Joint::Show { id } => {
            let view = ask(&wanted(&id), &client).await?;
            out.result("joint", &view, &render::joint(&view))?;
            Ok(Exit::Done.code())
        }
        Joint::Export { id, output } => match client.call(&Call::JointExport { id: wanted(&id) }).await? {
            Answer::File { digest, bytes, .. } => {
                files::write_new(&output, &bytes.0)?;
                let shown = output.display();
                out.say(&format!("The statement and its signatures are in {shown} (SHA-256 {digest})."));
                out.next(&format!("anyone checks it: pouch audit joint {shown} --charter charter.pouch"));
                Ok(Exit::Done.code())
            }
            _ => Err(ClientError::Unexpected.into()),
        },
    }
}

async fn ask(id: &str, client: &Client) -> Result<JointView, Problem> {
    match client.call(&Call::Joint { id: id.to_owned() }).await? {
        Answer::Joint(view) => Ok(*view),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// Sent at once, or a draft that waits for the officers that our own state demands.
async fn answered(answer: Answer, client: &Client, out: &Output) -> Result<u8, Problem> {
    match answer {
        Answer::Sent(row) => {
            out.result("sent", &row, &render::outbox_row(&row))?;
            out.next(&format!("see who signed: pouch joint show '{}'", row.number));
            compose::queued_or_done(&row, client, out).await
        }
        Answer::Draft(draft) => {
            compose::show_draft(&draft, &render::draft(&draft), out)?;
            Ok(Exit::Done.code())
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

async fn proposal(propose: JointDraft, me: &ContactPoint, client: &Client) -> Result<Compose, Problem> {
    if !propose.invite.contains(&me.member) {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-JNT-10",
            format!("{} is not among the invited", me.member),
        )
        .why("who proposes a statement signs it, and only the invited count")
        .next(format!("add it: --invite {},...", me.member)));
    }
    let text = files::read_text(&propose.file, limits::NOTICE_BYTES)?;
    let directory = crate::commands::keys::directory(client).await?;
    let drill = propose.exercise.as_deref().map(|wanted| exercise::called(&directory, wanted)).transpose()?;
    let others: Vec<String> = match propose.to.is_empty() {
        true => propose.invite.iter().map(ToString::to_string).collect(),
        false => propose.to.clone(),
    };
    let mut to = addressees(&others, &directory, drill)?;
    to.retain(|point| point != me);
    let invited: Vec<toml::Value> =
        propose.invite.iter().map(|member| toml::Value::String(member.to_string())).collect();
    let fields = format!(
        "text = {}\nthreshold = {}\ninvited = {}\n",
        toml::Value::String(text.trim_end().to_owned()),
        propose.threshold,
        toml::Value::Array(invited)
    );
    Ok(Compose {
        notice_type: NoticeType::JointStatement,
        to,
        info: Vec::new(),
        precedence: propose.precedence,
        tlp: propose.tlp,
        widen: false,
        subject: propose.subject,
        language: propose.language,
        fields,
        valid_seconds: propose.valid_hours.map(|hours| hours.saturating_mul(3600)),
        in_reply_to: None,
        attachments: Vec::new(),
        exercise: propose.exercise,
        break_glass: false,
    })
}
