//! A policy in a few lines, a request in one, and a clock that stands still.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, Method};
use serde_bytes::ByteBuf;
use tidegate_edge::{
    Decision, FetchBounds, Forward, Gateway, LoadError, Peer, PortError, Ports, Refreshed, Reply,
    RequestHead, Scheme, State, signature,
};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::bundle::{
    Algorithm, Auth, Bundle, FORMAT_VERSION, Header, HostRoutes, HostSection, KeyMaterial, Origin,
    PathEntry, Retry, RetryOn, Route, Tables, Target, Upstream,
};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};

pub(crate) const HOST: &str = "api.bank.example";
pub(crate) const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

/// A public route to upstream 0.
pub(crate) fn route(name: &str) -> Route {
    Route::new(name, Auth::Public, Target::Upstream(0))
}

pub(crate) fn reply(status: u16, body: &str) -> Target {
    Target::Reply(tidegate_shared::bundle::Reply {
        status,
        headers: vec![],
        body: ByteBuf::from(body),
    })
}

pub(crate) fn upstream() -> Upstream {
    let origin = |name: &str| Origin {
        name: name.to_owned(),
        url: format!("https://{name}.bank.example"),
        tunnel: None,
    };
    Upstream {
        timeout: Span(3_000),
        retry: Retry {
            attempts: 2,
            on: vec![RetryOn::Connect, RetryOn::Status(503)],
            budget: Percent(20),
        },
        ..Upstream::new("banking", ["dc1", "dc2"].map(origin))
    }
}

pub(crate) fn tables() -> Tables {
    Tables {
        upstreams: vec![upstream()],
        ..Tables::default()
    }
}

/// Arranges routes as a compiler does, by comparing every pattern with every other.
pub(crate) fn arrange(routes: Vec<(&str, Route)>) -> HostRoutes {
    let mut paths: Vec<PathEntry> = Vec::new();
    for ((pattern, _), index) in routes.iter().zip(0..) {
        let pattern = pattern.parse().unwrap();
        match paths.iter_mut().find(|entry| entry.pattern == pattern) {
            Some(entry) => entry.routes.push(index),
            None => paths.push(PathEntry {
                pattern,
                routes: vec![index],
                otherwise: vec![],
            }),
        }
    }
    let patterns: Vec<_> = paths.iter().map(|entry| entry.pattern.clone()).collect();
    for (entry, own) in paths.iter_mut().zip(&patterns) {
        let mut others: Vec<u32> = (0..).take(patterns.len()).collect();
        others.retain(|other| {
            let other = &patterns[*other as usize];
            other.overlaps(own) && other.cmp_specificity(own).is_lt()
        });
        others.sort_by(|a, b| patterns[*b as usize].cmp_specificity(&patterns[*a as usize]));
        entry.otherwise = others;
    }
    HostRoutes {
        paths,
        routes: routes.into_iter().map(|(_, route)| route).collect(),
    }
}

pub(crate) fn gateway(tables: Tables, routes: Vec<(&str, Route)>) -> Gateway {
    gateway_of(tables, vec![(HOST, arrange(routes))])
}

pub(crate) fn gateway_of(tables: Tables, hosts: Vec<(&str, HostRoutes)>) -> Gateway {
    load(tables, hosts).unwrap()
}

pub(crate) fn load(tables: Tables, hosts: Vec<(&str, HostRoutes)>) -> Result<Gateway, LoadError> {
    let mut hosts: Vec<_> = hosts
        .into_iter()
        .map(|(host, routes)| HostSection::encode(host.parse().unwrap(), &routes).unwrap())
        .collect();
    hosts.sort_by(|a, b| a.host().cmp(b.host()));
    let header = Header {
        format: FORMAT_VERSION,
        name: "bank".to_owned(),
        sequence: 1,
        source: Digest::of(b""),
    };
    let key = SigningKey::from_seed([3; 32]);
    let signed = envelope::sign::<Bundle>(
        Bundle {
            header,
            tables,
            hosts,
        }
        .encode()
        .unwrap(),
        &key,
    );
    let verified = Signed::parse(&signed)
        .unwrap()
        .verify(&key.trust_key().into())
        .unwrap();
    Gateway::load(verified)
}

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

/// A world with a settable clock, four secrets, documents to fetch, and signatures in software.
pub(crate) struct World {
    pub(crate) now: Cell<UnixMillis>,
    pub(crate) state: State,
    /// What lies at each address, which a token may follow; what does not fails.
    pub(crate) documents: RefCell<BTreeMap<String, String>>,
    /// The same of what is no text.
    pub(crate) files: RefCell<BTreeMap<String, Vec<u8>>>,
    /// How often any was asked for.
    pub(crate) fetches: Cell<usize>,
    /// What the store `kv` has; `None` while it cannot be reached.
    pub(crate) store: RefCell<Option<BTreeMap<String, Vec<u8>>>>,
    /// How often it was asked.
    pub(crate) lookups: Cell<usize>,
    /// Signatures of key pairs that were checked.
    pub(crate) verifications: Cell<usize>,
    /// The authority of limits.
    pub(crate) authority: Shared<Authority>,
    /// What it does in place of answering.
    pub(crate) fault: Cell<Option<Fault>>,
    /// How often it was asked.
    pub(crate) asked: Cell<usize>,
}

pub(crate) type Shared<T> = Rc<RefCell<T>>;

/// What is wrong with an authority.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It cannot be reached.
    Away,
    /// It never answers.
    Silent,
    /// It answers with this, whatever was asked.
    Says(Answer),
}

pub(crate) const SECRET: &[u8] = b"a secret of at least 32 octets, really";

/// The secret of somebody else.
pub(crate) const OTHER_SECRET: &[u8] = b"another secret of at least 32 octets";

/// An octet too short for HS256.
pub(crate) const WEAK_SECRET: &[u8] = b"a secret of thirty-one octets!!";

/// A pair of keys for signatures over requests.
pub(crate) fn pair() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Cell::new(NOW),
            state: State::new([9; 16]),
            documents: RefCell::default(),
            files: RefCell::default(),
            fetches: Cell::new(0),
            store: RefCell::new(Some(BTreeMap::new())),
            lookups: Cell::new(0),
            verifications: Cell::new(0),
            authority: Rc::new(RefCell::new(Authority::new(1_000))),
            fault: Cell::new(None),
            asked: Cell::new(0),
        }
    }

    pub(crate) fn decide(&self, gateway: &Gateway, request: &Request) -> Decision {
        ready(gateway.decide(&self.state, self, request))
    }

    /// What the adapter does behind the requests.
    pub(crate) fn refresh(&self, gateway: &Gateway) -> Vec<Refreshed> {
        ready(gateway.refresh(&self.state, self))
    }

    /// What the adapter does for leases: carries what is due to the authorities.
    pub(crate) fn carry(&self) {
        while let Some(due) = self.state.next_renewal() {
            // What came of it shows in the next request.
            let _ = ready(due.carry(self));
        }
    }

    pub(crate) fn pass(&self, time: Span) {
        self.now.set(self.now.get().plus(time.0));
    }

    pub(crate) fn reply(&self, gateway: &Gateway, request: &Request) -> Reply {
        match self.decide(gateway, request) {
            Decision::Respond(reply, _) => reply,
            Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
        }
    }

    pub(crate) fn forward(&self, gateway: &Gateway, request: &Request) -> Forward {
        match self.decide(gateway, request) {
            Decision::Forward(forward) => forward,
            Decision::Respond(reply, _) => panic!("answered: {reply:?}"),
        }
    }

    /// What a request comes to, in a word or two: `forward`, `200`, or `404 route-not-found`.
    pub(crate) fn verdict(&self, gateway: &Gateway, request: &Request) -> String {
        match self.decide(gateway, request) {
            Decision::Forward(_) => "forward".to_owned(),
            Decision::Respond(reply, _) => match problem(&reply) {
                Some(problem) => format!("{} {problem}", reply.status),
                None => reply.status.to_string(),
            },
        }
    }
}

pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here is asynchronous"),
    }
}

impl Ports for World {
    fn now(&self) -> UnixMillis {
        self.now.get()
    }

    fn entropy(&self) -> [u8; 24] {
        std::array::from_fn(|index| u8::try_from(index + 1).unwrap())
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match name {
            "legacy" => Some(Cow::Borrowed(SECRET)),
            "other" => Some(Cow::Borrowed(OTHER_SECRET)),
            "pair" => Some(Cow::Owned(pair().to_secret_text().into_bytes())),
            "weak" => Some(Cow::Borrowed(WEAK_SECRET)),
            _ => None,
        }
    }

    async fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        octets: &[u8],
    ) -> Result<bool, PortError> {
        self.verifications.set(self.verifications.get() + 1);
        Ok(signature::verify(algorithm, key, message, octets))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        assert_eq!(store, "kv");
        self.lookups.set(self.lookups.get() + 1);
        let store = self.store.borrow();
        let records = store.as_ref().ok_or(PortError("no answer".to_owned()))?;
        Ok(records.get(key).cloned())
    }

    async fn authority(&self, question: &Question, _: Span) -> Result<Answer, PortError> {
        self.asked.set(self.asked.get() + 1);
        match self.fault.get() {
            None => {
                let answer = self.authority.borrow_mut().answer(question, self.now.get());
                answer.map_err(|error| PortError(error.to_string()))
            }
            Some(Fault::Away) => Err(PortError("connection refused".to_owned())),
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::Says(answer)) => Ok(answer),
        }
    }

    async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<http::Response<Vec<u8>>, PortError> {
        self.fetches.set(self.fetches.get() + 1);
        if let Some(file) = self.files.borrow().get(&request.uri().to_string()) {
            return Ok(http::Response::new(file.clone()));
        }
        let documents = self.documents.borrow();
        // What is asked with a form depends on the token in it.
        let form = form_urlencoded::parse(request.body());
        let token = form.into_iter().find(|(name, _)| name == "token");
        let address = match token {
            Some((_, token)) => format!("{} {token}", request.uri()),
            None => request.uri().to_string(),
        };
        let document = documents.get(&address);
        let document = document.ok_or(PortError("connection refused".to_owned()))?;
        if document.len() > bounds.octets {
            return Err(PortError("too large".to_owned()));
        }
        // A number alone is a status.
        let response = match document.parse() {
            Ok(status) => http::Response::builder()
                .status::<u16>(status)
                .body(Vec::new()),
            Err(_) => Ok(http::Response::new(document.clone().into_bytes())),
        };
        Ok(response.unwrap())
    }
}

pub(crate) fn problem(reply: &Reply) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    Some(
        document
            .get("type")?
            .as_str()?
            .strip_prefix("urn:tidegate:problem:")?
            .to_owned(),
    )
}

/// A reply's field, several joined.
pub(crate) fn field(reply: &Reply, name: &str) -> Option<String> {
    let values: Vec<&str> = reply
        .headers
        .iter()
        .filter(|(own, _)| own == name)
        .map(|(_, value)| value.to_str().unwrap())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}
