//! A request's head, read from the host as far as the core asks for it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderName, Method};
use spin_sdk::wasip3::http::types::{self, Headers, Request, Response};
use tidegate_edge::{Peer, RequestHead, ResponseHead, Scheme};

use crate::fields;

/// Where Spin says who connected.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// The head of a request.
pub(crate) struct IncomingHead {
    method: Method,
    authority: Option<String>,
    path_and_query: String,
    headers: Headers,
    peer: Peer,
}

impl IncomingHead {
    /// `None` where the method is none of HTTP's.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let headers = request.get_headers();
        let peer = Peer {
            address: client_address(&headers),
            scheme: match request.get_scheme() {
                Some(types::Scheme::Https) => Scheme::Https,
                Some(types::Scheme::Http | types::Scheme::Other(_)) | None => Scheme::Http,
            },
        };
        Some(Self {
            method: request.get_method().try_into().ok()?,
            authority: request.get_authority(),
            path_and_query: request.get_path_with_query().unwrap_or_default(),
            headers,
            peer,
        })
    }

    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl RequestHead for IncomingHead {
    fn method(&self) -> &Method {
        &self.method
    }

    /// Spin has refused a `Host` that contradicts the target.
    fn authority(&self) -> Option<Cow<'_, str>> {
        self.authority.as_deref().map(Cow::Borrowed)
    }

    fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        fields::joined(&self.headers, name).map(Cow::Owned)
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// Spin puts its value behind those that a client sent under the same name.
fn client_address(headers: &Headers) -> Option<IpAddr> {
    let last = headers.get(CLIENT_ADDRESS).pop()?;
    let address: SocketAddr = std::str::from_utf8(&last).ok()?.parse().ok()?;
    Some(address.ip())
}

/// The head of an origin's response.
pub(crate) struct OriginHead {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
}

impl OriginHead {
    pub(crate) fn of(response: &Response) -> Self {
        Self {
            status: response.get_status_code(),
            headers: response.get_headers(),
        }
    }
}

impl ResponseHead for OriginHead {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        fields::joined(&self.headers, name).map(Cow::Owned)
    }
}
