//! Shows what came of a replay.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Difference, Example, Replay};

/// For people.
pub fn render_human(replay: &Replay) -> String {
    let mut text = String::new();
    for difference in &replay.differences {
        let Difference {
            severity,
            before,
            after,
            route_before,
            route_after,
            requests,
            example,
        } = difference;
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{severity}: {}", count(*requests, "request"));
        let _ = writeln!(text, "  - {before}{}", by(route_before.as_deref()));
        let _ = writeln!(text, "  + {after}{}", by(route_after.as_deref()));
        let _ = writeln!(text, "    as {}\n", shown(example));
    }
    let _ = writeln!(text, "{}", summary(replay));
    if let Some(unlike) = unlike(replay) {
        let _ = writeln!(text, "{unlike}");
    }
    text
}

/// A table, for a comment on a change of the policy.
pub fn render_markdown(replay: &Replay) -> String {
    let mut text = format!("**{}**\n", summary(replay));
    if !replay.differences.is_empty() {
        text.push_str(
            "\n| severity | requests | before | after | example |\n|---|---|---|---|---|\n",
        );
    }
    for difference in &replay.differences {
        let cell = |text: String| {
            text.replace('|', "\\|")
                .replace('<', "&lt;")
                .replace('*', "\\*")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            difference.severity,
            difference.requests,
            cell(difference.before.clone() + &by(difference.route_before.as_deref())),
            cell(difference.after.clone() + &by(difference.route_after.as_deref())),
            cell(shown(&difference.example)),
        );
    }
    if let Some(unlike) = unlike(replay) {
        let _ = writeln!(text, "\n{unlike}");
    }
    text
}

/// One document.
pub fn render_json(replay: &Replay) -> Value {
    json!(replay)
}

fn summary(replay: &Replay) -> String {
    let Replay {
        requests, changed, ..
    } = replay;
    format!(
        "{changed} of {} {} another verdict",
        count(*requests, "request"),
        if *changed == 1 { "gets" } else { "get" }
    )
}

fn unlike(replay: &Replay) -> Option<String> {
    let unlike = replay.unlike.as_ref()?;
    Some(format!(
        "to {} the old policy gives another verdict here than the record says, which lacks what \
         decided:\n  {}: {}, by the record; {} here",
        count(unlike.requests, "request"),
        shown(&unlike.example),
        unlike.recorded,
        unlike.replayed,
    ))
}

fn shown(example: &Example) -> String {
    let Example {
        number,
        request,
        caller,
    } = example;
    format!("number {number}, {request} by {caller}")
}

fn by(route: Option<&str>) -> String {
    route.map_or_else(String::new, |route| format!(" by `{route}`"))
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
