//! Requests as an adapter holds them, and ports that cost nothing.

use std::borrow::Cow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Result, bail};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tidegate_edge::{Decision, Gateway, Peer, Ports, RequestHead, Scheme, State};
use tidegate_shared::time::UnixMillis;

/// The secret of every HS256 issuer.
pub(crate) const SECRET: &[u8] = b"a secret of thirty-two octets!!!";

/// The time of every request, in seconds since the Unix epoch.
pub(crate) const NOW: u64 = 1_800_000_000;

/// What is the same in every request of a row.
#[derive(Debug)]
pub(crate) struct Client {
    host: String,
    fields: HeaderMap,
    peer: Peer,
}

impl Client {
    /// A client with the header fields that a mobile application sends.
    pub(crate) fn new(host: String) -> Self {
        let fields = [
            (header::ACCEPT, "application/json"),
            (header::ACCEPT_ENCODING, "gzip, br"),
            (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.9"),
            (header::USER_AGENT, "BankApp/7.1 (iOS 26.1; iPhone17,2)"),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        let mut fields: HeaderMap = fields
            .into_iter()
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect();
        fields.extend(HeaderValue::from_str(&host).map(|value| (header::HOST, value)));
        Self {
            host,
            fields,
            peer: Peer {
                address: Some([192, 0, 2, 7].into()),
                scheme: Scheme::Https,
            },
        }
    }

    /// The same client with a token.
    pub(crate) fn with_token(mut self, token: &str) -> Result<Self> {
        let field = format!("Bearer {token}").try_into()?;
        self.fields.insert(header::AUTHORIZATION, field);
        Ok(self)
    }

    pub(crate) fn get<'a>(&'a self, path: &'a str) -> Request<'a> {
        Request { client: self, path }
    }
}

/// A request's head.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    client: &'a Client,
    path: &'a str,
}

impl RequestHead for Request<'_> {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.client.host))
    }

    fn path_and_query(&self) -> &str {
        self.path
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let value = self.client.fields.get(name)?;
        value.to_str().ok().map(Cow::Borrowed)
    }

    fn peer(&self) -> &Peer {
        &self.client.peer
    }
}

/// Ports without cost: what is measured is the core.
#[derive(Debug)]
pub(crate) struct FreePorts;

impl Ports for FreePorts {
    fn now(&self) -> UnixMillis {
        UnixMillis(NOW * 1000)
    }

    fn entropy(&self) -> [u8; 24] {
        [7; 24]
    }

    fn secret(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(SECRET))
    }
}

/// Decides at the first poll; `None` where the decision is pending.
pub(crate) fn decide(
    gateway: &Gateway,
    state: &State,
    head: &impl RequestHead,
) -> Option<Decision> {
    let future = pin!(gateway.decide(state, &FreePorts, head));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => Some(decision),
        Poll::Pending => None,
    }
}

/// Decides once and requires the status of a reply, so that a row measures what it says.
pub(crate) fn expect_status(
    gateway: &Gateway,
    state: &State,
    head: &impl RequestHead,
    status: u16,
) -> Result<()> {
    match decide(gateway, state, head) {
        Some(Decision::Respond(reply, _)) if reply.status == status => Ok(()),
        other => bail!("expected a reply of status {status}, got {other:?}"),
    }
}
