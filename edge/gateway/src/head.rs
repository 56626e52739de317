//! What the core may ask of a request and of a response.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, Method};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;

/// A request's head. Lazy, because on some runtimes each read crosses a boundary.
pub trait RequestHead {
    /// The method.
    fn method(&self) -> &Method;

    /// The authority that the request names: `:authority`, the host of an absolute target, or the
    /// `Host` field (RFC 9110 §7.1, RFC 9112 §3.2). `None` where there is none, where there are
    /// several `Host` fields, or where the two disagree.
    fn authority(&self) -> Option<Cow<'_, str>>;

    /// Path and query as they came, without normalisation.
    fn path_and_query(&self) -> &str;

    /// A field's value, several fields of one name joined by `, ` (RFC 9110 §5.2), octets above
    /// 0x7F as ISO 8859-1.
    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>>;

    /// Who sent the request.
    fn peer(&self) -> &Peer;

    /// The SHA-256 digest of the certificate (DER) that the client has shown to have, as the
    /// platform or the listener has verified it; never from a field that a client can set. `None`
    /// where there is none, or where the runtime does not tell.
    fn client_certificate(&self) -> Option<Digest> {
        None
    }

    /// What that certificate says. `None` where there is none, or where the runtime tells no more
    /// than its digest.
    fn certificate_details(
        &self,
    ) -> Option<Result<Cow<'_, ClientCertificate>, InvalidCertificate>> {
        None
    }
}

/// Who sent a request, as the platform or the listener knows it; never from a header that a
/// client can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// How the client reached the gateway.
    pub scheme: Scheme,
}

/// How a client reached the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear.
    Http,
}

impl Scheme {
    /// The scheme as in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// A response's head.
pub trait ResponseHead {
    /// The status code.
    fn status(&self) -> u16;

    /// A field's value, as [`RequestHead::header`].
    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>>;
}
