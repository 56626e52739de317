//! A request of a test, as the gateway sees one.

use std::borrow::Cow;

use http::{HeaderName, Method};
use tidegate_edge::{Peer, RequestHead};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;

use crate::TestRequest;

pub(super) struct Request<'t> {
    pub(super) test: &'t TestRequest,
    pub(super) path_and_query: String,
    /// The fields that carry the credential.
    pub(super) fields: Vec<(HeaderName, String)>,
    /// The client certificate of the connection, where it is no more than a digest.
    pub(super) certificate: Option<Digest>,
    /// What it says, where that matters.
    pub(super) details: Option<ClientCertificate>,
    pub(super) peer: Peer,
}

impl RequestHead for Request<'_> {
    fn method(&self) -> &Method {
        &self.test.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.test.authority))
    }

    fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let fields = self.test.headers.iter().chain(&self.fields);
        let mut values = fields.filter(|(own, _)| own == name);
        let (_, first) = values.next()?;
        let first = Cow::Borrowed(first.as_str());
        Some(values.fold(first, |all, (_, value)| format!("{all}, {value}").into()))
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn client_certificate(&self) -> Option<Digest> {
        let details = self.details.as_ref();
        details.map(|details| details.sha256).or(self.certificate)
    }

    fn certificate_details(
        &self,
    ) -> Option<Result<Cow<'_, ClientCertificate>, InvalidCertificate>> {
        Some(Ok(Cow::Borrowed(self.details.as_ref()?)))
    }
}
