//! Heads as the core reads them. Each field that it asks for crosses to JavaScript.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, Method, header};
use tidegate_edge::{Peer, RequestHead, ResponseHead, Scheme};
use web_sys::{Headers, Request, Response};

/// Where Cloudflare states the client's address. It overwrites what a client sends.
const CLIENT_ADDRESS: &str = "cf-connecting-ip";

/// A request's head.
pub(crate) struct IncomingHead {
    headers: Headers,
    method: Method,
    url: String,
    authority: Option<String>,
    /// Where path and query begin in `url`.
    path: usize,
    peer: Peer,
}

impl IncomingHead {
    /// `None` where the method or the address is none that HTTP allows.
    pub(crate) fn new(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let method = Method::from_bytes(request.method().as_bytes()).ok()?;
        let url = request.url();
        let scheme = match url.split_once("://")?.0 {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        };
        let address = field(&headers, CLIENT_ADDRESS).and_then(|text| text.parse::<IpAddr>().ok());
        let authority = field(&headers, header::HOST.as_str());
        let path = path(&url, authority.as_deref())?;
        Some(Self {
            headers,
            method,
            url,
            authority,
            path,
            peer: Peer { address, scheme },
        })
    }
}

/// Where the path begins. The runtime puts the `Host` field into the address as it came, so that
/// a slash inside it would move the border; it is therefore looked for behind the whole field.
fn path(url: &str, host: Option<&str>) -> Option<usize> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = match host {
        Some(host) if rest.starts_with(host) => host.len(),
        // Made canonical on the way, so that it is unambiguous: a default port is left out.
        _ => rest.find(['/', '?']).unwrap_or(rest.len()),
    };
    Some(scheme.len() + "://".len() + authority)
}

impl RequestHead for IncomingHead {
    fn method(&self) -> &Method {
        &self.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        self.authority.as_deref().map(Cow::Borrowed)
    }

    fn path_and_query(&self) -> &str {
        self.url.get(self.path..).unwrap_or_default()
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        // The runtime keeps `Connection` to itself, and `Upgrade` where it is a WebSocket's.
        let name = if name == header::CONNECTION {
            &header::UPGRADE
        } else {
            name
        };
        field(&self.headers, name.as_str()).map(Cow::Owned)
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// A response's head.
pub(crate) struct AnswerHead {
    status: u16,
    headers: Headers,
}

impl AnswerHead {
    pub(crate) fn new(response: &Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers(),
        }
    }
}

impl ResponseHead for AnswerHead {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        field(&self.headers, name.as_str()).map(Cow::Owned)
    }
}

/// The runtime refuses only what is no field name, and a [`HeaderName`] is one.
fn field(headers: &Headers, name: &str) -> Option<String> {
    headers.get(name).ok().flatten()
}
