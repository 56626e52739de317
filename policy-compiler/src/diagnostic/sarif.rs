//! Diagnostics for code scanning: one SARIF 2.1.0 log (OASIS).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{Source, Span};

/// Renders all findings.
pub fn render(diagnostics: &Diagnostics, sources: &[Source]) -> Value {
    let codes: BTreeSet<&str> = diagnostics.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|finding| result(finding, sources))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tidegate",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            // Columns count characters, as everywhere here (SARIF §3.14.17).
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Diagnostic, sources: &[Source]) -> Value {
    let said = [Some(finding.message.as_str()), finding.help.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    let place = |span, label: &str| location(span, label, sources);
    let related: Vec<Location> = finding
        .related
        .iter()
        .zip(1..)
        .map(|((span, label), id)| Location {
            id: Some(id),
            ..place(*span, label)
        })
        .collect();
    json!({
        "ruleId": finding.code,
        "level": match finding.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        "message": { "text": said.join("\n") },
        "locations": [place(finding.span, &finding.label)],
        "relatedLocations": related,
    })
}

/// A `location` object (SARIF §3.28).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    physical_location: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
}

fn location(span: Span, label: &str, sources: &[Source]) -> Location {
    let from = span.place(sources);
    let to = span.behind().place(sources);
    Location {
        id: None,
        physical_location: json!({
            "artifactLocation": { "uri": uri(&from.file) },
            "region": {
                "startLine": from.line,
                "startColumn": from.column,
                "endLine": to.line,
                "endColumn": to.column,
            },
        }),
        message: (!label.is_empty()).then(|| json!({ "text": label })),
    }
}

/// A path as a reference (RFC 3986 §4.2).
fn uri(path: &str) -> String {
    let segments = path.split(['/', '\\']).map(|segment| {
        let encoded: String = form_urlencoded::byte_serialize(segment.as_bytes()).collect();
        encoded.replace('+', "%20")
    });
    segments.collect::<Vec<_>>().join("/")
}
