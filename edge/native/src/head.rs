//! Heads of hyper's messages, as the core reads them.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, HeaderName, Method, request, response};
use tidegate_edge::{Peer, RequestHead, ResponseHead};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;

use crate::tls::Shown;

/// A request's head.
pub(crate) struct Request<'r> {
    pub(crate) parts: &'r request::Parts,
    pub(crate) peer: Peer,
    /// The certificate that the client has shown on its connection.
    pub(crate) certificate: Option<&'r Shown>,
}

impl RequestHead for Request<'_> {
    fn method(&self) -> &Method {
        &self.parts.method
    }

    /// RFC 9112 §3.2, RFC 9113 §8.3.1: an absolute target or `:authority` and a `Host` field may
    /// both be there, and must then agree.
    fn authority(&self) -> Option<Cow<'_, str>> {
        let target = self.parts.uri.authority().map(http::uri::Authority::as_str);
        let mut fields = self.parts.headers.get_all(HOST).iter();
        let field = match (fields.next(), fields.next()) {
            (None, _) => None,
            (Some(only), None) => Some(only.to_str().ok()?),
            (Some(_), Some(_)) => return None,
        };
        match (target, field) {
            (Some(target), Some(field)) if !target.eq_ignore_ascii_case(field) => None,
            (target, field) => target.or(field).map(Cow::Borrowed),
        }
    }

    fn path_and_query(&self) -> &str {
        self.parts
            .uri
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str)
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        field(&self.parts.headers, name)
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn client_certificate(&self) -> Option<Digest> {
        self.certificate.map(|shown| shown.digest)
    }

    fn certificate_details(
        &self,
    ) -> Option<Result<Cow<'_, ClientCertificate>, InvalidCertificate>> {
        let details = self.certificate?.details.as_ref();
        Some(details.map(Cow::Borrowed).map_err(Clone::clone))
    }
}

/// A response's head.
pub(crate) struct Response<'r>(pub(crate) &'r response::Parts);

impl ResponseHead for Response<'_> {
    fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        field(&self.0.headers, name)
    }
}

fn field<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let mut values = headers
        .get_all(name)
        .iter()
        .map(|value| latin1(value.as_bytes()));
    let first = values.next()?;
    Some(values.fold(first, |all, value| Cow::Owned(format!("{all}, {value}"))))
}

/// ISO 8859-1, in which every octet is one character.
fn latin1(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(octets.iter().copied().map(char::from).collect()),
    }
}
