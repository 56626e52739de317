//! Addresses of those who say who is let in.

use crate::diagnostic::Diagnostic;
use crate::lower::Context;
use crate::source::Spanned;

/// Whether nobody on the way can change what is answered: by TLS, or because it never leaves the
/// machine. What else there is is reported.
pub(super) fn check(url: &Spanned<String>, what: &str, cx: &mut Context<'_>) -> bool {
    let parsed: Option<http::Uri> = url.value.parse().ok();
    let host = parsed.as_ref().and_then(http::Uri::host);
    let safe = match parsed.as_ref().and_then(http::Uri::scheme_str) {
        Some("https") => true,
        Some("http") => matches!(host, Some("localhost" | "127.0.0.1" | "[::1]")),
        Some(_) | None => false,
    };
    if !safe {
        let message = format!("`{}` is no address to take {what} from", url.value);
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", url.span, message)
                .help("use `https://`: else whoever can change the answer says who is let in"),
        );
    }
    safe
}
