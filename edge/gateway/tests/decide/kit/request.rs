//! A request that a test writes down in one line.

use std::borrow::Cow;

use http::{HeaderName, Method};
use tidegate_edge::{Peer, RequestHead, Scheme};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;

use super::HOST;

/// A request that a test writes down in one line.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) authority: Option<String>,
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) peer: Peer,
    /// The certificate of the connection.
    pub(crate) certificate: Option<Digest>,
    /// What it says, where the runtime tells.
    pub(crate) details: Option<Result<ClientCertificate, InvalidCertificate>>,
}

/// `GET /path`, to [`HOST`], from 192.0.2.7 over TLS.
pub(crate) fn request(line: &str) -> Request {
    let (method, target) = line.split_once(' ').unwrap();
    Request {
        method: method.parse().unwrap(),
        authority: Some(HOST.to_owned()),
        target: target.to_owned(),
        headers: vec![],
        peer: Peer {
            address: Some([192, 0, 2, 7].into()),
            scheme: Scheme::Https,
        },
        certificate: None,
        details: None,
    }
}

impl Request {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers
            .push((HeaderName::from_static(name), value.into()));
        self
    }

    pub(crate) fn to(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }
}

impl RequestHead for Request {
    fn method(&self) -> &Method {
        &self.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        self.authority.as_deref().map(Cow::Borrowed)
    }

    fn path_and_query(&self) -> &str {
        &self.target
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| Cow::Owned(values.join(", ")))
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn client_certificate(&self) -> Option<Digest> {
        self.certificate
    }

    fn certificate_details(
        &self,
    ) -> Option<Result<Cow<'_, ClientCertificate>, InvalidCertificate>> {
        let details = self.details.as_ref()?.as_ref();
        Some(details.map(Cow::Borrowed).map_err(Clone::clone))
    }
}
