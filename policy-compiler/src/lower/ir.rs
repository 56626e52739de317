//! The compiled policy, before it is encoded: what commands that run or change a policy work on.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use rustc_hash::FxBuildHasher;
use tidegate_shared::bundle::{
    Bundle, FORMAT_VERSION, Header, HostRoutes, HostSection, InvalidBundle, Tables,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::host::HostPattern;
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::source::Span;

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct Ir {
    /// The policy's name.
    pub name: String,
    /// The digest of the source files.
    pub source: Digest,
    /// What routes refer to.
    pub tables: Tables,
    /// The routes of each host. Invariant: sorted by host, without repetition.
    pub hosts: Vec<(HostPattern, HostRoutes)>,
    /// Where each route stands in the sources, by its name.
    pub places: HashMap<String, RoutePlaces, FxBuildHasher>,
    /// Where each limit is defined, by its name.
    pub limits: BTreeMap<String, Span>,
    /// What the policy pins and that is good for a time only.
    pub expiries: Vec<Expiry>,
    /// The policy's own tests.
    pub tests: Vec<PolicyTest>,
}

/// When something that a policy pins expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What it is, in words.
    pub what: String,
    /// Where the policy names it.
    pub span: Span,
    /// When.
    pub at: UnixMillis,
}

/// Where a route says what it says, or inherits it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePlaces {
    /// Its path.
    pub path: Span,
    /// Who may call.
    pub auth: Option<Span>,
    /// Each condition.
    pub conditions: Vec<Span>,
    /// Each limit.
    pub limits: Vec<Span>,
    /// Who answers.
    pub answer: Option<Span>,
}

impl Ir {
    /// The policy of a bundle, which knows neither where anything stands nor its tests.
    ///
    /// # Errors
    /// Where a host's routes cannot be read.
    pub fn of_bundle(bundle: Bundle) -> Result<Self, InvalidBundle> {
        let hosts = bundle
            .hosts
            .iter()
            .map(|section| Ok((section.host().clone(), section.decode(&bundle.tables)?)))
            .collect::<Result<_, InvalidBundle>>()?;
        Ok(Self {
            name: bundle.header.name,
            source: bundle.header.source,
            tables: bundle.tables,
            hosts,
            places: HashMap::default(),
            limits: BTreeMap::new(),
            expiries: Vec::new(),
            tests: Vec::new(),
        })
    }

    /// The bundle with a sequence number.
    ///
    /// # Errors
    /// Where the policy is larger than a bundle may be.
    pub fn bundle(&self, sequence: u64) -> Result<Bundle, InvalidBundle> {
        let sections = self
            .hosts
            .iter()
            .map(|(host, routes)| HostSection::encode(host.clone(), routes));
        Ok(Bundle {
            header: Header {
                format: FORMAT_VERSION,
                name: self.name.clone(),
                sequence,
                source: self.source,
            },
            tables: self.tables.clone(),
            hosts: sections.collect::<Result<_, _>>()?,
        })
    }

    /// The signed bundle.
    ///
    /// # Errors
    /// As [`Ir::bundle`].
    pub fn sign(&self, sequence: u64, key: &SigningKey) -> Result<Vec<u8>, InvalidBundle> {
        Ok(envelope::sign::<Bundle>(
            self.bundle(sequence)?.encode()?,
            key,
        ))
    }

    /// How many routes there are, on all hosts together.
    pub fn route_count(&self) -> usize {
        self.hosts
            .iter()
            .map(|(_, routes)| routes.routes.len())
            .sum()
    }
}

/// A test of the policy.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// The name in the report.
    pub name: String,
    /// What is sent.
    pub request: TestRequest,
    /// How often to send it; the last answer counts.
    pub repeat: u32,
    /// What must come of it.
    pub expect: TestExpectation,
}

/// A request to try a policy with.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// The method.
    pub method: http::Method,
    /// `https` or `http`.
    pub https: bool,
    /// The authority.
    pub authority: String,
    /// Path and query.
    pub path_and_query: String,
    /// Header fields.
    pub headers: Vec<(http::HeaderName, String)>,
    /// Who calls: each of the credentials that the request carries.
    pub callers: Vec<TestCaller>,
    /// The client's address.
    pub from: IpAddr,
}

/// The text is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a request")]
pub struct InvalidRequest(String);

impl InvalidRequest {
    /// What would be right.
    pub const HELP: &str = "write a method and a URL: `GET https://api.example.com/v1/things`";
}

/// `GET https://api.example.com/v1/things`: from nobody in particular, at an address from the
/// range for documentation (RFC 5737).
impl FromStr for TestRequest {
    type Err = InvalidRequest;

    fn from_str(text: &str) -> Result<Self, InvalidRequest> {
        let parse = || {
            let (method, url) = text.split_once(' ')?;
            let uri = url.parse::<http::Uri>().ok()?;
            Some(Self {
                method: method.parse().ok()?,
                https: match uri.scheme_str()? {
                    "https" => true,
                    "http" => false,
                    _ => return None,
                },
                authority: uri.authority()?.to_string(),
                path_and_query: uri.path_and_query()?.to_string(),
                headers: Vec::new(),
                callers: Vec::new(),
                from: Ipv4Addr::new(192, 0, 2, 1).into(),
            })
        };
        parse().ok_or_else(|| InvalidRequest(text.to_owned()))
    }
}

/// Who calls in a test.
#[derive(Clone, Debug)]
pub struct TestCaller {
    /// The credential.
    pub credential: TestCredential,
    /// Whether its subject or consumer is on the list of revocations.
    pub revoked: bool,
}

/// A credential in a test.
#[derive(Clone, Debug)]
pub enum TestCredential {
    /// The bearer of a token, by the index of the issuer.
    Token {
        /// The issuer.
        issuer: u32,
        /// What it says.
        bearer: Bearer,
    },
    /// The bearer of a token that a server vouches for, by the index of the introspection.
    Opaque {
        /// The introspection.
        introspection: u32,
        /// What the server says of it.
        bearer: Bearer,
    },
    /// The holder of an API key, by the index of the ring.
    ApiKey {
        /// The ring.
        ring: u32,
        /// The consumer.
        consumer: String,
        /// What the key may do, where a store says so.
        scopes: Vec<String>,
    },
    /// The holder of a client certificate, by the index of the certificates.
    Certificate {
        /// The certificates.
        certificates: u32,
        /// The consumer.
        consumer: String,
    },
}

/// What a token says of its bearer, beside what the policy asks of every token.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The subject.
    pub subject: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// More claims.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// Whether it has expired.
    pub expired: bool,
}

/// What must come of a test's request. What is absent is not looked at.
#[derive(Clone, Debug)]
pub struct TestExpectation {
    /// The status of the gateway's own answer.
    pub status: Option<u16>,
    /// The problem.
    pub problem: Option<Problem>,
    /// The upstream that the request goes to.
    pub to: Option<String>,
    /// The path that the origin gets, with the query.
    pub path: Option<String>,
    /// The route's name.
    pub route: Option<String>,
    /// Header fields of the answer.
    pub headers: Vec<(http::HeaderName, String)>,
}
