//! Heads as the core reads them.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, Method, header};
use tidegate_edge::{Peer, RequestHead, ResponseHead, Scheme};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;
use wasm_bindgen::JsValue;

use crate::certificate;
use crate::fields::Changes;

/// Where Cloudflare states the client's address. It overwrites what a client sends.
const CLIENT_ADDRESS: &str = "cf-connecting-ip";

/// A request's head, as one text: see `heads.js`.
#[derive(Debug)]
pub(crate) struct IncomingHead {
    text: String,
    method: Method,
    /// Where in the text path and query stand.
    target: std::ops::Range<usize>,
    /// Where in the text the fields begin.
    fields: usize,
    peer: Peer,
    /// The request itself, for what is seldom asked for.
    request: JsValue,
}

impl IncomingHead {
    /// `None` where the method or the address is none that HTTP allows.
    pub(crate) fn new(text: String, request: JsValue) -> Option<Self> {
        let (method, rest) = text.split_once('\n')?;
        let (url, fields) = rest.split_once('\n').unwrap_or((rest, ""));
        let scheme = match url.split_once("://")?.0 {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        };
        let start = method.len() + 1;
        let end = start + url.len();
        let target = start + path(url, field(fields, header::HOST.as_str()))?..end;
        let address = field(fields, CLIENT_ADDRESS).and_then(|text| text.parse::<IpAddr>().ok());
        Some(Self {
            method: Method::from_bytes(method.as_bytes()).ok()?,
            target,
            fields: text.len() - fields.len(),
            peer: Peer { address, scheme },
            request,
            text,
        })
    }

    /// Cloudflare's own fields are for the Worker: they are no origin's business, and an origin
    /// must not believe them. The hop-by-hop fields that the runtime does not keep to itself go
    /// too.
    pub(crate) fn strip(&self, changes: &mut Changes) {
        for (name, _) in fields(self.fields()) {
            if name.starts_with("cf-") || name.starts_with("proxy-") {
                changes.remove(name);
            }
        }
    }

    fn fields(&self) -> &str {
        self.text.get(self.fields..).unwrap_or_default()
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

fn fields(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines.lines().filter_map(|line| line.split_once(':'))
}

fn field<'t>(lines: &'t str, name: &str) -> Option<&'t str> {
    fields(lines).find_map(|(found, value)| (found == name).then_some(value))
}

impl RequestHead for IncomingHead {
    fn method(&self) -> &Method {
        &self.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        field(self.fields(), header::HOST.as_str()).map(Cow::Borrowed)
    }

    fn path_and_query(&self) -> &str {
        self.text.get(self.target.clone()).unwrap_or_default()
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        // The runtime keeps `Connection` to itself, and shows `Upgrade` where it may happen.
        let name = if name == header::CONNECTION {
            &header::UPGRADE
        } else {
            name
        };
        field(self.fields(), name.as_str()).map(Cow::Borrowed)
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn client_certificate(&self) -> Option<Digest> {
        certificate::digest(&self.request)
    }

    fn certificate_details(
        &self,
    ) -> Option<Result<Cow<'_, ClientCertificate>, InvalidCertificate>> {
        Some(certificate::details(&self.request)?.map(Cow::Owned))
    }
}

/// What the core may ask of a response. Its fields are not among it: the runtime keeps
/// `Connection` to itself, and nothing else is ever asked for.
pub(crate) struct AnswerHead(pub(crate) u16);

impl ResponseHead for AnswerHead {
    fn status(&self) -> u16 {
        self.0
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }
}
