//! What a client and an origin see of a decision, as text.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate_edge::{
    Attempt, Decision, Gateway, HeadEdits, Peer, Ports, RequestHead, ResponseHead, Scheme, State,
};
use tidegate_shared::bundle::{Bundle, Origin};
use tidegate_shared::envelope::Signed;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::compiled;

/// Milliseconds since the Unix epoch.
pub(crate) const BEGIN: u64 = 1_750_000_000_000;
const HOUR: u64 = 3_600_000;

/// Aspects of a decision, by name.
pub(crate) type Seen = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) host: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The method that routing is by: of a preflight, the one that it asks about.
    pub(crate) fn methods(&self) -> impl Iterator<Item = Method> {
        let asked = self
            .headers
            .iter()
            .find(|(name, _)| *name == "access-control-request-method")
            .map(|(_, method)| method.parse().unwrap());
        [self.method.clone()].into_iter().chain(asked)
    }
}

/// A gateway that is looked at.
pub(crate) struct Watched {
    gateway: Gateway,
    state: State,
    now: Cell<UnixMillis>,
}

impl Watched {
    pub(crate) fn new(text: &str) -> Self {
        let key = SigningKey::from_seed([7; 32]);
        let signed = compiled(text).unwrap().sign(1, &key).unwrap();
        let verified = Signed::parse(&signed)
            .unwrap()
            .verify::<Bundle>(&key.trust_key().into())
            .unwrap();
        Self {
            gateway: Gateway::load(verified).unwrap(),
            state: State::new([1; 16]),
            now: Cell::new(UnixMillis(BEGIN)),
        }
    }

    /// What is seen of a request that is sent five times, from two addresses, an hour later: the
    /// limits are full again.
    pub(crate) fn observe(&self, request: &Request) -> Vec<Seen> {
        self.now.set(UnixMillis(self.now.get().0 + HOUR));
        let send = |address: u8| {
            let head = Head {
                request,
                peer: Peer {
                    address: Some([192, 0, 2, address].into()),
                    scheme: Scheme::Https,
                },
            };
            let mut decision = pin!(self.gateway.decide(&self.state, self, &head));
            match decision
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(decision) => self.seen(decision),
                Poll::Pending => panic!("nothing here is asynchronous"),
            }
        };
        [1, 1, 1, 2, 2].into_iter().map(send).collect()
    }

    fn seen(&self, decision: Decision) -> Seen {
        let mut seen = Seen::new();
        match decision {
            Decision::Respond(reply, _) => {
                seen.insert("status".to_owned(), reply.status.to_string());
                seen.insert("body".to_owned(), format!("{:?}", reply.body));
                let mut headers = HeaderMap::new();
                for (name, value) in reply.headers {
                    headers.append(name, value);
                }
                fields("reply", &headers, &mut seen);
            }
            Decision::Forward(mut forward) => {
                seen.insert("path".to_owned(), forward.path_and_query);
                let now = self.now.get();
                let Attempt::Send(destination, deadline) =
                    forward.plan.next(&self.state, None, now)
                else {
                    panic!("there is an origin")
                };
                let upstream = destination.upstream();
                let places = upstream
                    .origins
                    .iter()
                    .map(|Origin { url, tunnel, .. }| format!("{url} {tunnel:?}"));
                seen.insert("origins".to_owned(), places.collect::<Vec<_>>().join(" "));
                seen.insert("identity".to_owned(), format!("{:?}", upstream.identity));
                seen.insert("trust".to_owned(), format!("{:?}", upstream.trust));
                seen.insert("retry".to_owned(), format!("{:?}", upstream.retry));
                seen.insert("time".to_owned(), deadline.since(now).to_string());
                fields("request", &edited(forward.request), &mut seen);
                let back = self.gateway.respond(&forward.exchange, &Answer);
                fields("response", &edited(back), &mut seen);
            }
        }
        seen
    }
}

/// A head with fields that policies remove, after changes.
fn edited(edits: HeadEdits) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ["cookie", "x-b", "x-c", "x-d", "x-e", "tracestate", "server"] {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static("was there"),
        );
    }
    edits.apply(&mut headers);
    headers
}

fn fields(of: &str, headers: &HeaderMap, seen: &mut Seen) {
    for name in headers.keys() {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        seen.insert(format!("{of} {name}"), format!("{values:?}"));
    }
}

struct Head<'r> {
    request: &'r Request,
    peer: Peer,
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &Method {
        &self.request.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(self.request.host.into())
    }

    fn path_and_query(&self) -> &str {
        &self.request.target
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let mut headers = self.request.headers.iter();
        let found = headers.find(|(own, _)| own == name);
        found.map(|(_, value)| value.into())
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

struct Answer;

impl ResponseHead for Answer {
    fn status(&self) -> u16 {
        200
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }
}

impl Ports for Watched {
    fn now(&self) -> UnixMillis {
        self.now.get()
    }

    fn entropy(&self) -> [u8; 24] {
        [1; 24]
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Owned(secret(name)))
    }
}

/// The octets of a secret of that name.
pub(crate) fn secret(name: &str) -> Vec<u8> {
    format!("{name}, a secret of 32 octets at the least").into_bytes()
}
