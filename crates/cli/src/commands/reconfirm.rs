//! `inbox --rejudged` and `reconfirm`: what a revocation did to notices of the past, and how a doubt ends:
//! the sender says it again under a key that is good, and whoever received it asks for that.

use pouch_control::{Answer, Call, Client, ClientError, DoubtedView, DraftView, RejudgedView};
use pouch_notice::visible;
use pouch_wire::Timestamp;

use crate::args::Reconfirm;
use crate::clock::{self, age};
use crate::commands::compose::wanted;
use crate::output::Output;
use crate::problem::Problem;
use crate::render;

/// What was judged again, with what to do.
pub(crate) async fn rejudged(client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::Rejudged).await? {
        Answer::Rejudged(views) => {
            out.result("rejudged", &views, &rejudged_words(&views, clock::now()))?;
            if views.iter().any(|view| !view.ask.is_empty()) {
                out.next("ask by telephone, or draft the questions: pouch reconfirm --ask --all");
            }
            Ok(())
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

pub(crate) async fn reconfirm(command: Reconfirm, client: &Client, out: &Output) -> Result<(), Problem> {
    let ids = numbers(&command.ids);
    match (command.ask, command.all || !ids.is_empty()) {
        (true, false) => rejudged(client, out).await,
        (true, true) => drafts(&Call::AskToConfirm { ids }, client, out).await,
        (false, true) => drafts(&Call::Reconfirm { ids }, client, out).await,
        (false, false) => doubted(client, out).await,
    }
}

/// A number may be typed with a space, without quotes: `NL/technical 2026-0001`.
pub(crate) fn numbers(words: &[String]) -> Vec<String> {
    let mut ids: Vec<Vec<String>> = Vec::new();
    for word in words {
        match ids.last_mut() {
            Some(last)
                if last.len() == 1
                    && last.iter().all(|first| first.contains('/') && !first.contains(' ')) =>
            {
                last.push(word.clone());
            }
            _ => ids.push(vec![word.clone()]),
        }
    }
    ids.iter().map(|words| wanted(words)).collect()
}

async fn drafts(call: &Call, client: &Client, out: &Output) -> Result<(), Problem> {
    let Answer::Drafts(drafts) = client.call(call).await? else {
        return Err(ClientError::Unexpected.into());
    };
    let words = if drafts.is_empty() { "Nothing needs it.".to_owned() } else { render::drafts(&drafts) };
    out.result("drafts", &drafts, &words)?;
    for draft in &drafts {
        out.next(&step(draft));
    }
    Ok(())
}

fn step(draft: &DraftView) -> String {
    let id = draft.id.short();
    match draft.officers_missing {
        0 => format!("read it: pouch draft --show {id}; send it: pouch release {id}"),
        n => format!(
            "{} must approve it: pouch approve {id} --key officer.pem; then: pouch release {id}",
            render::counted(usize::from(n), "officer")
        ),
    }
}

async fn doubted(client: &Client, out: &Output) -> Result<(), Problem> {
    let Answer::Doubted(views) = client.call(&Call::Doubted).await? else {
        return Err(ClientError::Unexpected.into());
    };
    out.result("doubted", &views, &doubted_words(&views))?;
    let open = views.iter().any(|v| v.state != "before" && v.confirmed_by.is_empty());
    if open {
        out.next(
            "confirm what is yours, and no more: pouch reconfirm NUMBER; or all of it: pouch reconfirm --all",
        );
    }
    Ok(())
}

fn rejudged_words(views: &[RejudgedView], now: Timestamp) -> String {
    if views.is_empty() {
        return "No notice here was judged again.".into();
    }
    views.iter().map(|view| rejudged_row(view, now)).collect::<Vec<_>>().join("\n")
}

fn rejudged_row(view: &RejudgedView, now: Timestamp) -> String {
    let state = match view.now.as_str() {
        "before" => "STANDS",
        "unclear" => "DOUBTFUL",
        _ => "REFUSED",
    };
    let acted = match (view.acted_on, view.acknowledged_at) {
        (true, _) => "  WE ANSWERED IT",
        (false, Some(_)) => "  WE ACKNOWLEDGED IT",
        (false, None) => "",
    };
    let mut lines = vec![
        format!(
            "{state}  {}  {}{acted}  {}",
            view.precedence.as_str().to_uppercase(),
            visible(&view.number, true),
            age(view.received_at, now)
        ),
        format!("    {} ({})", visible(&view.why, true), view.code),
    ];
    if !view.confirmed_by.is_empty() {
        lines.push(format!("    confirmed again by {}", visible(&view.confirmed_by.join(", "), true)));
    }
    lines.push(format!("    what to do: {}", visible(&view.next, true)));
    if !view.ask.is_empty() {
        lines.push(format!("    spoken check {}", view.spoken_check));
        lines.push(format!("    ask: {}", visible(&view.ask, true)));
    }
    lines.join("\n")
}

fn doubted_words(views: &[DoubtedView]) -> String {
    if views.is_empty() {
        return "No key of ours ended that signed or approved a notice.".into();
    }
    views.iter().map(doubted_row).collect::<Vec<_>>().join("\n")
}

fn doubted_row(view: &DoubtedView) -> String {
    let state = match view.state.as_str() {
        "before" => "sent before; whoever has the proof does not doubt it",
        "unclear" => "DOUBTED: nobody can tell whether it came before",
        _ => "REFUSED: it came after",
    };
    let recipients: Vec<String> = view.recipients.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            view.precedence.as_str().to_uppercase(),
            visible(&view.number, true),
            visible(&view.subject, true)
        ),
        format!("    {state}; {}", visible(&view.why, true)),
        format!("    sent to {}", recipients.join(", ")),
    ];
    if !view.confirmed_by.is_empty() {
        lines.push(format!("    confirmed by {}", visible(&view.confirmed_by.join(", "), true)));
    } else if let Some(draft) = &view.draft {
        lines.push(format!("    draft {draft} waits to confirm it"));
    }
    lines.join("\n")
}

/// Nothing is confirmed by accident: without names, and without --all, it only lists.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_quotes() {
        let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(numbers(&words("nl/technical|2026-0001|abcd12")), ["NL/technical 2026-0001", "abcd12"]);
        assert_eq!(
            numbers(&words("NL/technical 2026-0001|NL/technical|2026-0002")),
            ["NL/technical 2026-0001", "NL/technical 2026-0002"]
        );
    }
}
