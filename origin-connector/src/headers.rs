//! What a proxy takes out of a message's head and puts in.

pub(crate) mod client_cert;
pub(crate) mod forwarded;
pub(crate) mod hop_by_hop;
pub(crate) mod trace;

use http::header::{COOKIE, Entry, HOST, HeaderMap, HeaderName, HeaderValue, VIA};
use http::{Request, Version};

/// Adds this hop, by its pseudonym, with the version in which the message was received (RFC 9110
/// §7.6.3).
pub(crate) fn add_via(headers: &mut HeaderMap, received: Version) {
    let hop = match received {
        Version::HTTP_2 => "2 tidegate-connector",
        Version::HTTP_10 => "1.0 tidegate-connector",
        _ => "1.1 tidegate-connector",
    };
    headers.append(VIA, HeaderValue::from_static(hop));
}

/// RFC 9113 §8.2.3: the crumbs into which HTTP/2 splits `Cookie` become one field again.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let Entry::Occupied(cookies) = headers.entry(COOKIE) else {
        return;
    };
    if cookies.iter().count() < 2 {
        return;
    }
    let crumbs: Vec<&[u8]> = cookies.iter().map(HeaderValue::as_bytes).collect();
    let joined = HeaderValue::from_bytes(&crumbs.join(b"; ".as_slice()));
    cookies.remove_entry_mult();
    if let Ok(mut joined) = joined {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}

/// The host that a request is for, as received: where a gateway forwarded it under another name,
/// its `Forwarded` field tells the original one (RFC 7239 §5.3).
///
/// # Errors
/// Where the request names no host, or more than one.
pub(crate) fn original_host<B>(request: &Request<B>) -> Result<String, InvalidHost> {
    // RFC 9112 §3.2: exactly one, even where the target names the host; HTTP/2 may do without.
    let mut hosts = request.headers().get_all(HOST).iter();
    let own = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(InvalidHost::Several),
        (None, _) if request.version() != Version::HTTP_2 => return Err(InvalidHost::Missing),
        (own, _) => own,
    };
    if let Some(host) = forwarded::host(request.headers())? {
        return Ok(host);
    }
    // RFC 9112 §3.2.2 and RFC 9113 §8.3.1: the target's authority comes before `Host`.
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.as_str().to_owned());
    }
    let own = own.ok_or(InvalidHost::Missing)?;
    own.to_str()
        .map(str::to_owned)
        .map_err(|_| InvalidHost::Malformed)
}

/// The request does not name exactly one host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHost {
    #[error("the request names no host")]
    Missing,
    #[error("the request names several hosts")]
    Several,
    #[error("the request's host is none")]
    Malformed,
    #[error("the `Forwarded` field is malformed")]
    Forwarded,
}

/// Fields by which a backend in the mesh knows a caller; only the connector may set them.
fn vouches(name: &HeaderName) -> bool {
    // Some origins (CGI, RFC 3875 §4.1.18) take `_` and `-` for the same.
    let name = name.as_str().bytes().map(|octet| match octet {
        b'_' => b'-',
        other => other,
    });
    // RFC 9440 §2: `Client-Cert` and `Client-Cert-Chain`.
    [
        "x-forwarded-client-cert",
        "client-cert",
        "client-cert-chain",
    ]
    .iter()
    .any(|reserved| reserved.len() == name.len() && reserved.bytes().eq(name.clone()))
}

/// Takes out what a caller must not set. Also for trailers, which some origins merge.
pub(crate) fn strip_vouching(headers: &mut HeaderMap) {
    let spoofed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| vouches(name))
        .cloned()
        .collect();
    for name in spoofed {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_cookie_crumbs() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut headers);
        let cookies: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2"]);
    }

    #[test]
    fn takes_out_every_spelling_of_what_vouches_for_a_caller() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-forwarded-client-cert",
            "x_forwarded_client_cert",
            "x-forwarded_client-cert",
            "client-cert",
            "client_cert_chain",
            "client-certificate",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        strip_vouching(&mut headers);
        let left: Vec<_> = headers.keys().collect();
        assert_eq!(left, ["client-certificate"]);
    }

    #[test]
    fn finds_the_one_host() {
        let find = |uri: &str, fields: &[(HeaderName, &str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in fields {
                request = request.header(name, *value);
            }
            original_host(&request.body(()).unwrap())
        };
        let forwarded = http::header::FORWARDED;
        let own = (
            forwarded,
            "for=192.0.2.1;host=\"api.bank.example\";proto=https",
        );
        assert_eq!(
            find("/", &[(HOST, "a.example:8443")]).unwrap(),
            "a.example:8443"
        );
        assert_eq!(
            find("https://b.example/", &[(HOST, "a.example")]).unwrap(),
            "b.example"
        );
        assert_eq!(
            find("/", &[(HOST, "a.example"), own.clone()]).unwrap(),
            "api.bank.example"
        );
        assert_eq!(find("/", &[]), Err(InvalidHost::Missing));
        assert_eq!(find("/", &[own]), Err(InvalidHost::Missing));
        assert_eq!(find("https://a.example/", &[]), Err(InvalidHost::Missing));
        let two = [(HOST, "a.example"), (HOST, "b.example")];
        assert_eq!(find("/", &two), Err(InvalidHost::Several));
        let http2 = Request::get("https://a.example/").version(Version::HTTP_2);
        let http2 = http2.body(()).unwrap();
        assert_eq!(original_host(&http2).unwrap(), "a.example");
    }
}
