//! What Spin does to a request before the component sees it
//! (`crates/trigger-http` of Spin 4.1), for the single route `/...`.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Request, Uri};

/// Completes the URI from `Host` and adds Spin's headers.
///
/// Spin appends its values: those that a caller sent under the same names stay
/// in front of them.
pub(crate) fn prepare<B>(request: &mut Request<B>, peer: SocketAddr) -> anyhow::Result<()> {
    request.headers_mut().remove(CONNECTION);
    let authority = authority(request)?;
    let path_and_query = request.uri().path_and_query().cloned();
    let path = request.uri().path().to_owned();

    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    *request.uri_mut() = Uri::from_parts(parts)?;

    let path_and_query = path_and_query
        .as_ref()
        .map_or("/", |path_and_query| path_and_query.as_str());
    let added = [
        ("spin-path-info", path),
        (
            "spin-full-url",
            format!("http://{authority}{path_and_query}"),
        ),
        ("spin-matched-route", "/...".to_owned()),
        ("spin-base-path", "/".to_owned()),
        ("spin-raw-component-route", "/...".to_owned()),
        ("spin-component-route", String::new()),
        ("spin-client-addr", peer.to_string()),
    ];
    for (name, value) in added {
        request
            .headers_mut()
            .append(HeaderName::from_static(name), HeaderValue::try_from(value)?);
    }
    Ok(())
}

/// `Host` and the URI must not contradict each other.
fn authority<B>(request: &Request<B>) -> anyhow::Result<Authority> {
    let host = request
        .headers()
        .get(HOST)
        .map(|host| Authority::try_from(host.as_bytes()).context("invalid `Host`"))
        .transpose()?;
    match (host, request.uri().authority().cloned()) {
        (None, None) => bail!("neither `Host` nor an authority in the URI"),
        (Some(authority), None) | (None, Some(authority)) => Ok(authority),
        (Some(host), Some(authority)) => {
            ensure!(host == authority, "`Host` contradicts the URI");
            Ok(host)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(request: http::request::Builder) -> anyhow::Result<Request<()>> {
        let mut request = request.body(()).unwrap();
        prepare(&mut request, "127.0.0.1:4711".parse().unwrap())?;
        Ok(request)
    }

    #[test]
    fn completes_the_uri() {
        let request = prepared(Request::get("/v1?a=1").header("host", "api.bank.example")).unwrap();
        assert_eq!(request.uri(), "http://api.bank.example/v1?a=1");
        assert_eq!(
            request.headers()["spin-full-url"],
            "http://api.bank.example/v1?a=1"
        );
        assert_eq!(request.headers()["spin-path-info"], "/v1");
    }

    #[test]
    fn a_callers_value_stays_in_front() {
        let request = prepared(
            Request::get("/")
                .header("host", "api.bank.example")
                .header("spin-client-addr", "192.0.2.1:1"),
        )
        .unwrap();
        let values: Vec<_> = request
            .headers()
            .get_all("spin-client-addr")
            .iter()
            .collect();
        assert_eq!(values, ["192.0.2.1:1", "127.0.0.1:4711"]);
    }

    #[test]
    fn refuses_two_authorities() {
        let request = Request::get("http://other.example/").header("host", "api.bank.example");
        assert!(prepared(request).is_err());
        assert!(prepared(Request::get("/")).is_err());
    }
}
