//! Changes to header fields.

use http::{HeaderName, HeaderValue};
use tidegate_shared::bundle::HeaderEdits;

use super::Context;
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::HeaderChanges;

/// Fields that frame a message, name its target, or are the gateway's own word: a policy that
/// changed them would make two parties read one message differently.
const RESERVED: [&str; 17] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "te",
    "trailer",
    "via",
    "forwarded",
    "traceparent",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-client-cert",
];

/// Adds the changes of one level to those of the levels outside it.
pub(super) fn add(changes: Option<&HeaderChanges>, edits: &mut HeaderEdits, cx: &mut Context<'_>) {
    let Some(changes) = changes else { return };
    for name in &changes.remove {
        edits.remove.extend(field(name, cx));
    }
    set(&changes.set, &mut edits.set, cx);
    set(&changes.add, &mut edits.add, cx);
}

/// Adds fields to a list.
pub(super) fn set(
    fields: &Named<Spanned<String>>,
    list: &mut Vec<(String, String)>,
    cx: &mut Context<'_>,
) {
    for (name, value) in fields.iter() {
        if HeaderValue::from_str(value).is_err() {
            cx.error(
                "invalid-value",
                value.span,
                format!("`{}` is no header value", value.value),
            );
        }
        list.extend(field(name, cx).map(|name| (name, value.value.clone())));
    }
}

/// A field that a policy may change, in lower case.
pub(super) fn field(name: &Spanned<String>, cx: &mut Context<'_>) -> Option<String> {
    let Ok(parsed) = name.parse::<HeaderName>() else {
        cx.error(
            "invalid-value",
            name.span,
            format!("`{}` is no header name", name.value),
        );
        return None;
    };
    if RESERVED.contains(&parsed.as_str()) {
        cx.diagnostics.push(reserved(name, name.span));
        return None;
    }
    Some(parsed.as_str().to_owned())
}

fn reserved(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        "invalid-value",
        span,
        format!("`{name}` is the gateway's own: a policy cannot change it"),
    )
}
