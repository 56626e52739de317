//! Runs a policy's own tests on the gateway's core: no network, no origin, and a clock that
//! stands still while a test runs.

mod callers;
mod coverage;
mod request;
mod seen;
mod store;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_edge::{Gateway, Peer, Routing, Scheme, State, Verdict};
use tidegate_limits::Authority;
use tidegate_shared::bundle::{Bundle, Route};
use tidegate_shared::envelope::{self, Signed};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::credentials::{Carried, Credentials, Purpose};
use crate::{Ir, PolicyTest, TestCaller, TestRequest};
use callers::Brought;
use request::Request;
use seen::observe;
use world::World;

pub use coverage::{Covered, coverage};
pub(crate) use seen::Seen;

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
