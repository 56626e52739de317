//! The signature by which a connector knows that a request came through a gateway: a HTTP Message
//! Signature (RFC 9421) over all that the connector decides by. Gateway and connector agree on it
//! here.

use crate::message_signature::{Component, FieldForm};

/// What the signature is for (RFC 9421 §2.3, `tag`), and its label in both fields.
pub const TAG: &str = "tidegate";

/// The field that says for which host the client asked: the connector picks the backend by it.
pub const FORWARDED: &str = "forwarded";

/// What the signature of a request with these fields covers: the method and all of the target as
/// the connector gets them, `Forwarded`, and the fields, by name and each once.
pub fn components<'n>(fields: impl IntoIterator<Item = &'n str>) -> Vec<Component> {
    let mut names: Vec<&str> = fields.into_iter().chain([FORWARDED]).collect();
    names.sort_unstable();
    names.dedup();
    let request = [
        Component::Method,
        Component::Authority,
        Component::Path,
        Component::Query,
    ];
    let fields = names
        .into_iter()
        .map(|name| Component::Field(name.to_owned(), FieldForm::Plain));
    request.into_iter().chain(fields).collect()
}

/// A field that a signature may not cover, because what lies between the gateway and the connector
/// writes it anew: framing, hops, and what HTTP/2 splits.
pub fn is_changed_on_the_way(name: &str) -> bool {
    const CHANGED: [&str; 17] = [
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "signature",
        "signature-input",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-proto",
    ];
    // Those of runtimes and of the next proxy.
    let prefixes = ["cf-", "proxy-", "spin-"];
    CHANGED.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_signature::fixes_request;

    #[test]
    fn what_is_covered_fixes_the_request_and_has_each_field_once() {
        let components = components(["x-b", "x-a", "forwarded", "x-b"]);
        assert_eq!(fixes_request(&components), Ok(()));
        let written: Vec<String> = components.iter().map(ToString::to_string).collect();
        let expected = r#""@method" "@authority" "@path" "@query" "forwarded" "x-a" "x-b""#;
        assert_eq!(written.join(" "), expected);
    }
}
