//! The path that an origin gets.

use tidegate_shared::bundle::{PathTemplate, TemplatePart};
use tidegate_shared::pattern::{PathPattern, Segment};

use super::Context;
use super::route::is_normal;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::Rewrite;

pub(super) fn lower(
    rewrite: &Spanned<Rewrite>,
    base: &str,
    pattern: &PathPattern,
    cx: &mut Context<'_>,
) -> Option<PathTemplate> {
    match (&rewrite.path, &rewrite.base) {
        (Some(path), None) => template(path, pattern, cx),
        (None, Some(new)) => replace_base(new, base, pattern, cx),
        (None, None) | (Some(_), Some(_)) => {
            cx.error(
                "invalid-value",
                rewrite.span,
                "a rewrite has either `path` or `base`",
            );
            None
        }
    }
}

/// A whole path with `{name}` and `{*}` in it.
fn template(
    path: &Spanned<String>,
    pattern: &PathPattern,
    cx: &mut Context<'_>,
) -> Option<PathTemplate> {
    let mut parts = Vec::new();
    let mut rest = path.value.as_str();
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            cx.error(
                "invalid-value",
                path.span,
                format!("`{}` has a `{{` without `}}`", path.value),
            );
            return None;
        };
        parts.push(TemplatePart::Literal(literal.to_owned()));
        if name == "*" {
            if !pattern.is_prefix() {
                cx.error(
                    "unknown-parameter",
                    path.span,
                    format!("`{{*}}` needs a path that ends in `/*`: `{pattern}` does not"),
                );
            }
            parts.push(TemplatePart::Rest);
        } else {
            check_parameter(name, path.span, pattern, cx);
            parts.push(TemplatePart::Parameter(name.to_owned()));
        }
        rest = after;
    }
    parts.push(TemplatePart::Literal(rest.to_owned()));
    parts.retain(|part| !matches!(part, TemplatePart::Literal(text) if text.is_empty()));
    let outline: String = parts
        .iter()
        .map(|part| match part {
            TemplatePart::Literal(text) => text.as_str(),
            TemplatePart::Parameter(_) | TemplatePart::Rest => "x",
        })
        .collect();
    if !is_normal(&outline) {
        cx.error(
            "invalid-value",
            path.span,
            format!("`{}` is not a path in normal form", path.value),
        );
        return None;
    }
    Some(PathTemplate(parts))
}

fn check_parameter(name: &str, span: Span, pattern: &PathPattern, cx: &mut Context<'_>) {
    if !pattern.parameters().any(|own| own == name) {
        let message = format!("the path `{pattern}` has no parameter `{{{name}}}`");
        let diagnostic = Diagnostic::error("unknown-parameter", span, message);
        cx.diagnostics
            .push(diagnostic.suggest(name, pattern.parameters()));
    }
}

/// The route's own path with another base.
fn replace_base(
    new: &Spanned<String>,
    base: &str,
    pattern: &PathPattern,
    cx: &mut Context<'_>,
) -> Option<PathTemplate> {
    let new_base = new.value.trim_end_matches('/');
    if !new_base.is_empty() && !is_normal(new_base) {
        cx.error(
            "invalid-value",
            new.span,
            format!("`{}` is not a base path", new.value),
        );
        return None;
    }
    let mut parts = vec![TemplatePart::Literal(new_base.to_owned())];
    let below = base.split('/').count().saturating_sub(1);
    for segment in pattern.segments().skip(below) {
        match segment {
            Segment::Literal(literal) => parts.push(TemplatePart::Literal(format!("/{literal}"))),
            Segment::Parameter {
                before,
                name,
                after,
            } => parts.extend([
                TemplatePart::Literal(format!("/{before}")),
                TemplatePart::Parameter(name.to_owned()),
                TemplatePart::Literal(after.to_owned()),
            ]),
        }
    }
    if pattern.is_prefix() {
        parts.extend([TemplatePart::Literal("/".to_owned()), TemplatePart::Rest]);
    }
    let is_empty =
        |part: &TemplatePart| matches!(part, TemplatePart::Literal(text) if text.is_empty());
    parts.retain(|part| !is_empty(part));
    if parts.is_empty() {
        parts.push(TemplatePart::Literal("/".to_owned()));
    }
    Some(PathTemplate(parts))
}
