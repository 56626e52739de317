//! Where in a request a token is.

use tidegate_shared::bundle::TokenSource;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::syntax::From;

pub(super) fn lower(from: Option<&From>, cx: &mut Context<'_>) -> TokenSource {
    let Some(from) = from else {
        return TokenSource::default();
    };
    if matches!(from.source, TokenSource::Query(_)) {
        cx.diagnostics.push(
            Diagnostic::warning("token-in-query", from.span, "a token in the address")
                .label("histories and logs keep it (RFC 6750 §5.3)")
                .help("where clients can do otherwise, let them send it in a header"),
        );
    }
    from.source.clone()
}
