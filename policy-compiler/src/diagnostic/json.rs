//! Diagnostics for scripts: one JSON object a line.

use serde::Serialize;

use super::{Diagnostics, Severity};
use crate::source::{Source, Span};

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

/// Lines and columns count from one; columns count characters.
#[derive(Serialize)]
struct Place {
    file: String,
    line: usize,
    column: usize,
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
    let source = sources.get(span.file);
    let text = source.map_or("", |source| &source.text);
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before
        .rfind('\n')
        .map_or(0, |newline| newline.saturating_add(1));
    let column = before.get(line_start..).unwrap_or("").chars().count();
    Place {
        file: source.map_or_else(String::new, |source| source.path.display().to_string()),
        line: before.matches('\n').count().saturating_add(1),
        column: column.saturating_add(1),
        text: text.get(span.start..span.end).unwrap_or("").to_owned(),
    }
}
