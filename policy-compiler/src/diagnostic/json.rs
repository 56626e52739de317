//! Diagnostics for scripts: one JSON object a line.

use serde::Serialize;

use super::{Diagnostics, Severity};
use crate::source::{self, Source, Span};

#[derive(Serialize)]
struct Record<'d> {
    severity: Severity,
    code: &'static str,
    message: &'d str,
    #[serde(flatten)]
    place: Place,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'d str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related<'d>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'d str>,
}

#[derive(Serialize)]
struct Related<'d> {
    message: &'d str,
    #[serde(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Place {
    #[serde(flatten)]
    place: source::Place,
    text: String,
}

/// Renders all findings.
pub fn render(diagnostics: &Diagnostics, sources: &[Source]) -> String {
    let mut lines = String::new();
    for diagnostic in diagnostics.iter() {
        let record = Record {
            severity: diagnostic.severity,
            code: diagnostic.code,
            message: &diagnostic.message,
            place: place(diagnostic.span, sources),
            label: &diagnostic.label,
            related: diagnostic
                .related
                .iter()
                .map(|(span, message)| Related {
                    message,
                    place: place(*span, sources),
                })
                .collect(),
            suggestion: diagnostic.help.as_deref(),
        };
        lines.push_str(&serde_json::to_string(&record).unwrap_or_default());
        lines.push('\n');
    }
    lines
}

fn place(span: Span, sources: &[Source]) -> Place {
    let text = sources
        .get(span.file())
        .and_then(|source| source.text.get(span.start()..span.end()));
    Place {
        place: span.place(sources),
        text: text.unwrap_or("").to_owned(),
    }
}
