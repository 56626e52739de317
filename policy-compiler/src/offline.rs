//! Runs a policy's own tests on the gateway's core: no network, no origin, and a clock that
//! stands still while a test runs.

mod callers;
mod coverage;
mod store;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderName, HeaderValue, Method};
use tidegate_edge::{
    AccessRecord, Decision, End, FetchBounds, Gateway, Outcome, Peer, PortError, Ports,
    RequestHead, ResponseHead, Routing, Scheme, State, Verdict,
};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::bundle::{Bundle, Route};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Span;

use crate::credentials::{self, Carried, Credentials, Purpose};
use crate::{Ir, PolicyTest, TestCaller, TestExpectation, TestRequest};
use callers::Brought;

pub use coverage::{Covered, coverage};

/// Buckets of limits that one test may use.
const MAX_BUCKETS: usize = 1_024;

/// What came of a test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// What was not as expected; empty where all was.
    pub failures: Vec<String>,
    /// The route that took the request.
    pub route: Option<String>,
    /// Whether the request was not refused.
    pub let_through: bool,
}

/// The tests could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the tests cannot run: {0}")]
pub struct OfflineError(String);

fn failed(error: impl std::fmt::Display) -> OfflineError {
    OfflineError(error.to_string())
}

/// Runs the tests, each with an empty memory of its own.
///
/// # Errors
/// [`OfflineError`] where the policy cannot be loaded.
pub fn run(ir: &Ir) -> Result<Vec<TestResult>, OfflineError> {
    let offline = Offline::new(ir, ir.tests.iter().map(|test| &test.request))?;
    let result = |test: &PolicyTest| {
        let seen = offline.send(&test.request, test.repeat)?;
        Ok(TestResult {
            name: test.name.clone(),
            failures: seen.differences(&test.expect),
            let_through: seen.record.decision != Verdict::Refuse,
            route: seen.record.route,
        })
    };
    ir.tests.iter().map(result).collect()
}

/// A policy that can be asked, with credentials for every caller.
pub(crate) struct Offline {
    ir: Ir,
    gateway: Gateway,
    credentials: Credentials,
    world: World,
}

impl Offline {
    /// For these requests.
    pub(crate) fn new<'r>(
        ir: &Ir,
        requests: impl Iterator<Item = &'r TestRequest>,
    ) -> Result<Self, OfflineError> {
        Self::knowing(ir, requests.flat_map(|request| &request.callers))
    }

    /// For requests of these callers.
    pub(crate) fn knowing<'c>(
        ir: &Ir,
        callers: impl Iterator<Item = &'c TestCaller>,
    ) -> Result<Self, OfflineError> {
        let mut ir = ir.clone();
        let credentials = store::stand_in(&mut ir, callers)?;
        let gateway = load(&ir.bundle(1).map_err(failed)?)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(failed)?;
        let world = World {
            now: UnixMillis(u64::try_from(now.as_millis()).map_err(failed)?),
            authority: RefCell::new(Authority::new(MAX_BUCKETS)),
            store: RefCell::default(),
            secrets: credentials
                .secrets()
                .map(|(name, secret)| (name.to_owned(), secret))
                .collect(),
        };
        Ok(Self {
            ir,
            gateway,
            credentials,
            world,
        })
    }

    /// Sends a request so many times, with an empty memory; the last answer counts.
    pub(crate) fn send(&self, test: &TestRequest, times: u32) -> Result<Seen, OfflineError> {
        (self.world.authority).replace(Authority::new(MAX_BUCKETS));
        let state = State::new([0; 16]);
        let mut seen = None;
        for _ in 0..times {
            // Each with a credential of its own: some are good once.
            let request = self.request(test)?;
            seen = Some(observe(&self.gateway, &state, &self.world, &request)?);
        }
        seen.ok_or_else(|| failed("a test that sends nothing"))
    }

    /// How the gateway routes a request.
    pub(crate) fn routing(&self, test: &TestRequest) -> Result<Option<Routing>, OfflineError> {
        Ok(self.gateway.routing(&self.request(test)?))
    }

    /// The route that takes a request, whatever becomes of it there.
    pub(crate) fn route(&self, test: &TestRequest) -> Result<Option<&Route>, OfflineError> {
        let routing = self.routing(test)?;
        Ok(routing.and_then(|routing| {
            let taken = routing.candidates.last()?;
            let mut hosts = self.ir.hosts.iter();
            let (_, routes) = hosts.find(|(own, _)| *own == routing.host)?;
            let index = usize::try_from(taken.route).ok()?;
            routes
                .routes
                .get(index)
                .filter(|_| taken.mismatch.is_none())
        }))
    }

    fn request<'t>(&self, test: &'t TestRequest) -> Result<Request<'t>, OfflineError> {
        let scheme = if test.https {
            Scheme::Https
        } else {
            Scheme::Http
        };
        let authority = &test.authority;
        let address = format!("{}://{authority}{}", scheme.as_str(), test.path_and_query);
        let purpose = Purpose {
            method: &test.method,
            address: &address,
            now: self.world.now,
        };
        let brought = Brought::by(&test.callers, &self.ir.tables, &self.credentials, &purpose)?;
        let Brought {
            carried,
            certificate,
            details,
            stored,
            revoked,
        } = brought;
        let mut store: BTreeMap<String, Vec<u8>> = stored.into_iter().collect();
        store.extend([store::list(revoked, self.world.now)?]);
        self.world.store.replace(store);
        Ok(Request {
            test,
            path_and_query: carried
                .iter()
                .fold(test.path_and_query.clone(), |target, credential| {
                    credential.address(&target)
                }),
            fields: carried.into_iter().flat_map(Carried::fields).collect(),
            certificate,
            details,
            peer: Peer {
                address: Some(test.from),
                scheme,
            },
        })
    }
}

/// A gateway that runs a bundle here, signed for the occasion.
///
/// # Errors
/// [`OfflineError`] where no gateway would load it.
pub(crate) fn load(bundle: &Bundle) -> Result<Gateway, OfflineError> {
    let key = SigningKey::from_seed([1; 32]);
    let signed = envelope::sign::<Bundle>(bundle.encode().map_err(failed)?, &key);
    let signed = Signed::parse(&signed).map_err(failed)?;
    let bundle = signed.verify(&key.trust_key().into()).map_err(failed)?;
    Gateway::load(bundle).map_err(failed)
}

/// What came of a request.
pub(crate) struct Seen {
    pub(crate) record: AccessRecord,
    /// The status of the gateway's own answer.
    pub(crate) status: Option<u16>,
    /// Path and query for the origin, where the request is passed on.
    pub(crate) path: Option<String>,
    /// Header fields of the gateway's own answer, or that it sets in the origin's.
    pub(crate) headers: Vec<(HeaderName, String)>,
}

fn observe(
    gateway: &Gateway,
    state: &State,
    world: &World,
    request: &Request<'_>,
) -> Result<Seen, OfflineError> {
    let mut decision = pin!(gateway.decide(state, world, request));
    let Poll::Ready(decision) = decision
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    else {
        return Err(failed(
            "the gateway waits for something that is not there offline",
        ));
    };
    let outcome = |status, plan| Outcome {
        status,
        plan,
        end: End::Complete,
        now: world.now,
    };
    let text = |(name, value): &(HeaderName, HeaderValue)| {
        (
            name.clone(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    Ok(match decision {
        Decision::Respond(reply, exchange) => Seen {
            record: gateway.finish(exchange, &outcome(reply.status, None)),
            status: Some(reply.status),
            path: None,
            headers: reply.headers.iter().map(text).collect(),
        },
        Decision::Forward(forward) => {
            let edits = gateway.respond(&forward.exchange, &NoHead);
            Seen {
                record: gateway.finish(forward.exchange, &outcome(0, Some(&forward.plan))),
                status: None,
                path: Some(forward.path_and_query),
                headers: edits.set.iter().chain(&edits.add).map(text).collect(),
            }
        }
    })
}

impl Seen {
    fn differences(&self, expect: &TestExpectation) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, found: Option<String>| {
            if expected.is_some() && expected != found {
                let show = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                differences.push(format!(
                    "{what}: expected {}, found {}",
                    show(expected),
                    show(found)
                ));
            }
        };
        compare(
            "status",
            expect.status.map(|status| status.to_string()),
            self.status.map(|s| s.to_string()),
        );
        compare(
            "problem",
            expect.problem.map(|problem| problem.to_string()),
            self.record.problem.map(str::to_owned),
        );
        compare("to", expect.to.clone(), self.record.upstream.clone());
        compare("path", expect.path.clone(), self.path.clone());
        compare("route", expect.route.clone(), self.record.route.clone());
        for (name, value) in &expect.headers {
            let found = self
                .headers
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.clone());
            compare(name.as_str(), Some(value.clone()), found);
        }
        if let Some(reason) = self
            .record
            .reason
            .as_ref()
            .filter(|_| !differences.is_empty())
        {
            differences.push(format!("refused because: {reason}"));
        }
        differences
    }
}

struct Request<'t> {
    test: &'t TestRequest,
    path_and_query: String,
    /// The fields that carry the credential.
    fields: Vec<(HeaderName, String)>,
    /// The client certificate of the connection, where it is no more than a digest.
    certificate: Option<Digest>,
    /// What it says, where that matters.
    details: Option<ClientCertificate>,
    peer: Peer,
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

/// An answer of which nothing is known.
struct NoHead;

impl ResponseHead for NoHead {
    fn status(&self) -> u16 {
        200
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }
}

struct World {
    now: UnixMillis,
    authority: RefCell<Authority>,
    /// What the platform's key-value stores have, each the same.
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    secrets: HashMap<String, Vec<u8>>,
}

impl Ports for World {
    fn now(&self) -> UnixMillis {
        self.now
    }

    fn entropy(&self) -> [u8; 24] {
        [1; 24]
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.secrets
            .get(name)
            .map(|secret| Cow::Borrowed(secret.as_slice()))
    }

    async fn credential(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn authority(&self, question: &Question, _: Span) -> Result<Answer, PortError> {
        let answer = self.authority.borrow_mut().answer(question, self.now);
        answer.map_err(|error| PortError(error.to_string()))
    }

    /// Answers as a server that is asked what a token is worth: nothing else is fetched, as
    /// issuers have the keys of the test.
    async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
        _: FetchBounds,
    ) -> Result<http::Response<Vec<u8>>, PortError> {
        Ok(http::Response::new(credentials::answer(request.body())))
    }
}
