//! What a watched roll-out says: to people, to programs one object a line, and its progress to a
//! terminal alone.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_policy_compiler::rollout::{Compared, Counts, Judgement, Measure, Share, Tally};
use tidegate_shared::channel::Statement;

use super::super::history::Format;
use super::super::{channel, output};

/// The end of a step.
pub(super) struct End<'a> {
    /// How it ended: a stable name.
    pub(super) end: &'static str,
    /// What was in force.
    pub(super) statement: &'a Statement,
    /// For how long.
    pub(super) watched: Duration,
    /// Why.
    pub(super) judgement: &'a Judgement,
    /// From what.
    pub(super) tally: &'a Tally,
}

/// Where things are said.
pub(super) struct Show {
    format: Format,
    terminal: bool,
}

impl Show {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            terminal: io::stderr().is_terminal(),
        }
    }

    /// A statement is in force.
    pub(super) fn published(&self, statement: &Statement) {
        self.clear();
        match self.format {
            Format::Human => output::print(&format!(
                "{}%: sequence {} is in force with {}",
                statement.rollout.0, statement.sequence, statement.bundle
            )),
            Format::Json => {
                let mut document = channel::document(statement);
                if let Value::Object(fields) = &mut document {
                    fields.insert("event".to_owned(), "published".into());
                }
                output::print(&document.to_string());
            }
        }
    }

    /// A step has ended.
    pub(super) fn end(&self, end: &End<'_>) {
        self.clear();
        output::print(&match self.format {
            Format::Human => human(end),
            Format::Json => document(end).to_string(),
        });
    }

    /// What fails for now.
    pub(super) fn trouble(&self, error: &impl Display) {
        self.clear();
        output::complain(&format!("warning: {error}; it is tried again"));
    }

    /// How far the step is; one line that is written over.
    pub(super) fn progress(&self, statement: &Statement, lasted: Duration, tally: &Tally) {
        if self.terminal {
            let side = |counts: &Counts| {
                let (refused, failed) = (percent(counts.refused), percent(counts.failed));
                let requests = counts.requests();
                format!("{requests} requests, {refused} refused, {failed} failed")
            };
            let _ = write!(
                io::stderr(),
                "\r\x1b[K{}%, {} s: new {}; old {}",
                statement.rollout.0,
                lasted.as_secs(),
                side(&tally.new),
                side(&tally.old)
            );
        }
    }

    fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn percent(share: Share) -> String {
    format!("{:.2}%", share.ratio() * 100.0)
}

fn human(end: &End<'_>) -> String {
    let End {
        end,
        statement,
        watched,
        judgement,
        tally,
    } = end;
    let words = match *end {
        "gave-up" if judgement.enough => "undecided, stays",
        "gave-up" => "too few requests, stays",
        "rolled-back" => "ROLLED BACK",
        _ => "steps on",
    };
    let mut text = format!(
        "{}%: {words} after {} s, with {} requests of the new bundle and {} of the old",
        statement.rollout.0,
        watched.as_secs(),
        tally.new.requests(),
        tally.old.requests()
    );
    for compared in &judgement.compared {
        text.push_str(&format!("\n  {}", line(compared)));
    }
    for (count, what) in [
        (tally.malformed, "lines were malformed"),
        (tally.other, "records were of other bundles"),
    ] {
        if count > 0 {
            text.push_str(&format!("\n  {count} {what}"));
        }
    }
    text
}

fn line(compared: &Compared) -> String {
    let Compared {
        measure,
        old,
        new,
        excess: _,
        finding,
    } = compared;
    let (old_over, new_over) = match measure {
        Measure::Refusals | Measure::Failures => Default::default(),
        Measure::Latency { old, allowed } => {
            (format!(" over {old} ms"), format!(" over {allowed} ms"))
        }
    };
    format!(
        "{:<8}  new {}{new_over}, old {}{old_over}: {}",
        measure.name(),
        percent(*new),
        percent(*old),
        finding.name()
    )
}

fn document(end: &End<'_>) -> Value {
    let End {
        end,
        statement,
        watched,
        judgement,
        tally,
    } = end;
    let seconds = watched.as_secs();
    let compared: Vec<_> = judgement.compared.iter().map(compared).collect();
    json!({
        "event": end,
        "rollout": statement.rollout.0,
        "sequence": statement.sequence,
        "seconds": seconds,
        "enough": judgement.enough,
        "compared": compared,
        "malformed": tally.malformed,
        "other": tally.other,
    })
}

fn compared(compared: &Compared) -> Value {
    let Compared {
        measure,
        old,
        new,
        excess: (low, high),
        finding,
    } = compared;
    let share = |share: &Share| json!({ "part": share.part, "whole": share.whole });
    let mut document = json!({
        "measure": measure.name(),
        "old": share(old),
        "new": share(new),
        // Without data they are infinite, which JSON has no number for: then null.
        "excess": [low, high],
        "finding": finding.name(),
    });
    if let (Measure::Latency { old, allowed }, Value::Object(fields)) = (measure, &mut document) {
        fields.insert("old_ms".to_owned(), (*old).into());
        fields.insert("allowed_ms".to_owned(), (*allowed).into());
    }
    document
}
