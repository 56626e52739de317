//! Diagnostics for people, in the manner of `rustc`.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{Source, Span};

/// Renders all findings, with colours or without.
pub fn render(diagnostics: &Diagnostics, sources: &[Source], colours: bool) -> String {
    let renderer = if colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut output = String::new();
    for diagnostic in diagnostics.iter() {
        output.push_str(&renderer.render(&report(diagnostic, sources)));
        output.push_str("\n\n");
    }
    output
}

fn report<'d>(diagnostic: &'d Diagnostic, sources: &'d [Source]) -> Vec<Group<'d>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
    let label = Some(diagnostic.label.as_str()).filter(|label| !label.is_empty());
    let primary = (diagnostic.span, AnnotationKind::Primary, label);
    let related = diagnostic
        .related
        .iter()
        .map(|(span, label)| (*span, AnnotationKind::Context, Some(label.as_str())));
    let annotations: Vec<_> = std::iter::once(primary).chain(related).collect();
    let mut files: Vec<usize> = Vec::new();
    for (span, ..) in &annotations {
        if !files.contains(&span.file()) {
            files.push(span.file());
        }
    }
    let mut group = Group::with_title(title);
    for file in files {
        let Some(source) = sources.get(file) else {
            continue;
        };
        let mut snippet = Snippet::source(&source.text).path(source.path.display().to_string());
        for (span, kind, label) in annotations.iter().filter(|(span, ..)| span.file() == file) {
            snippet = snippet.annotation(kind.span(within(*span, source)).label(*label));
        }
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    vec![group]
}

/// The span, cut to its first line: a whole mapping underlined says less than its beginning.
fn within(span: Span, source: &Source) -> std::ops::Range<usize> {
    let text = source.text.get(span.start()..span.end()).unwrap_or("");
    let first_line = text.lines().next().unwrap_or("").trim_end();
    span.start()..span.start().saturating_add(first_line.len())
}
