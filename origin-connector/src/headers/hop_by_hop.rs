//! Fields that end at each hop (RFC 9110 §7.6.1).

use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// `Proxy-Authenticate` and `Proxy-Authorization` are for the next proxy (RFC 9110 §11.7), which
/// is this one.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
];

/// Takes out the fields that `Connection` names and those that are hop-by-hop by definition.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = elements(headers, &CONNECTION)
        .filter_map(|name| name.parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether the sender takes trailers, the one thing about `TE` that is worth passing on.
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    elements(headers, &TE).any(|coding| coding.eq_ignore_ascii_case("trailers"))
}

/// The protocol to which the sender wants to switch (RFC 9110 §7.8). `h2c` is none: a tunnel into
/// which HTTP/2 requests go unread would walk around every decision made here.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = elements(headers, &CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"));
    let mut protocols = headers.get_all(UPGRADE).iter();
    let (Some(protocol), None, true) = (protocols.next(), protocols.next(), asked) else {
        return None;
    };
    Some(protocol)
        .filter(|one| switches_to(one.as_bytes()))
        .cloned()
}

/// Whether this is one protocol, and one that may be switched to.
pub(crate) fn switches_to(protocol: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(protocol) else {
        return false;
    };
    let name = text.split('/').next().unwrap_or_default().trim();
    let own = ["h2c", "h2", "http", "tls"];
    !text.contains(',') && !own.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The elements of a list of tokens, as `Connection` is one.
pub(crate) fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn strips_what_connection_names_and_what_is_known() {
        let mut fields = headers(&[
            ("connection", "close, X-Hop"),
            ("connection", "keep-alive"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers, deflate"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("x-end-to-end", "1"),
            ("trailer", "grpc-status"),
        ]);
        assert!(takes_trailers(&fields));
        strip(&mut fields);
        let mut left: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["trailer", "x-end-to-end"]);
    }

    #[test]
    fn reads_a_wish_to_upgrade() {
        let websocket = headers(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert_eq!(upgrade(&websocket).unwrap(), "websocket");
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), None);
        for protocol in ["h2c", "H2C", "websocket, h2c", "HTTP/2.0", "TLS/1.3"] {
            let fields = headers(&[("connection", "upgrade"), ("upgrade", protocol)]);
            assert_eq!(upgrade(&fields), None, "{protocol}");
        }
    }
}
