//! What routes refer to: issuers, API keys, upstreams, limits, CORS rules, conditions.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::{
    Accuracy, ApiKeyRing, Calendar, CallerFacts, Certificates, ConnectorRules, Introspection,
    Issuer, IssuerKeys, Limit, ListLocation, RequestSigning, RevocationRules, RingKeys,
    SignerMaterial, Signers,
};
use crate::condition::Condition;
use crate::spiffe::SpiffeId;
use crate::units::{Percent, Span};

/// The tables of a bundle. A route's reference is an index into one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Tables {
    /// Token issuers.
    pub issuers: Vec<Issuer>,
    /// Rings of API keys.
    pub api_keys: Vec<ApiKeyRing>,
    /// Servers that say what tokens are worth.
    pub introspections: Vec<Introspection>,
    /// Consumers that sign their requests.
    pub signatures: Vec<Signers>,
    /// Consumers that are known by client certificates.
    pub certificates: Vec<Certificates>,
    /// Upstreams.
    pub upstreams: Vec<Upstream>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// CORS rules.
    pub cors: Vec<Cors>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// The names of the plans.
    pub plans: Vec<String>,
    /// The calendars that quotas count by.
    pub calendars: Vec<Calendar>,
    /// How callers are held against a list of revocations.
    pub revocations: Option<RevocationRules>,
}

impl Tables {
    /// The names of the secrets that the platform's store must hold, and what needs each.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, String)> + Clone {
        let issuers = self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            IssuerKeys::Secret(name) => Some((name.as_str(), format!("issuer `{}`", issuer.name))),
            IssuerKeys::Pinned(_) => None,
        });
        let nonces = self.issuers.iter().filter_map(|issuer| {
            let name = issuer.possession.nonce.as_deref()?;
            Some((name, format!("nonces of issuer `{}`", issuer.name)))
        });
        let asked = self.introspections.iter().filter_map(|asked| {
            let name = asked.possession.nonce.as_deref()?;
            Some((name, format!("nonces of introspection `{}`", asked.name)))
        });
        let upstreams = self.upstreams.iter().filter_map(|upstream| {
            let token = upstream.caller.token.as_ref()?;
            Some((
                token.secret.as_str(),
                format!("upstream `{}`", upstream.name),
            ))
        });
        let introspections = self.introspections.iter().map(|asked| {
            let purpose = format!("introspection `{}`", asked.name);
            (asked.client.secret.as_str(), purpose)
        });
        let signers = self.signatures.iter().flat_map(|signers| {
            let secrets = signers.keys.iter().filter_map(|key| match &key.material {
                SignerMaterial::Secret(name) => Some(name.as_str()),
                SignerMaterial::Public(_) => None,
            });
            secrets.map(|name| (name, format!("signatures `{}`", signers.name)))
        });
        let signing = self.upstreams.iter().filter_map(|upstream| {
            let sign = upstream.sign.as_ref()?;
            let purpose = format!("requests to upstream `{}`", upstream.name);
            Some((sign.key.as_str(), purpose))
        });
        issuers
            .chain(nonces)
            .chain(asked)
            .chain(introspections)
            .chain(upstreams)
            .chain(signers)
            .chain(signing)
    }

    /// The names of the key-value stores that the platform must have, for API keys and for the list
    /// of revocations.
    pub fn credential_stores(&self) -> impl Iterator<Item = &str> + Clone {
        let rings = self.api_keys.iter().filter_map(|ring| match &ring.keys {
            RingKeys::Pinned(_) => None,
            RingKeys::Stored(stored) => Some(stored.store.as_str()),
        });
        let lists = self.revocations.iter();
        rings.chain(lists.filter_map(|rules| match &rules.location {
            ListLocation::Store(store) => Some(store.as_str()),
            ListLocation::Url(_) => None,
        }))
    }

    /// The origins that are reached by tunnels: the upstream's name, the origin's, and who opens
    /// the tunnels.
    pub fn tunnels(&self) -> impl Iterator<Item = (&str, &str, &SpiffeId)> {
        self.upstreams.iter().flat_map(|upstream| {
            let origins = upstream.origins.iter();
            origins.filter_map(|origin| {
                let connector = origin.tunnel.as_ref()?;
                Some((upstream.name.as_str(), origin.name.as_str(), connector))
            })
        })
    }

    /// Whether limits hold over many places, so that the platform must have an authority for them.
    pub fn needs_authority(&self) -> bool {
        self.limits.iter().any(|limit| match limit.accuracy {
            Accuracy::Local => false,
            Accuracy::Leased(_) | Accuracy::Strict(_) => true,
        })
    }

    /// The plan of this name.
    pub fn plan(&self, name: &str) -> Option<&str> {
        let mut plans = self.plans.iter().map(String::as_str);
        plans.find(|plan| *plan == name)
    }

    /// Whether whoever is put on a plan is put on one that is there.
    pub(super) fn know_plans(&self) -> bool {
        let issuers = self
            .issuers
            .iter()
            .filter_map(|issuer| issuer.plan.as_ref());
        let servers = self.introspections.iter();
        let servers = servers.filter_map(|asked| asked.plan.as_ref());
        let defaults = issuers.chain(servers);
        let defaults = defaults.filter_map(|rule| rule.default.as_deref());
        let consumers = self.api_keys.iter().flat_map(ApiKeyRing::plans);
        let consumers = consumers.map(|(_, plan)| plan.as_str());
        let signers = self.signatures.iter().flat_map(|signers| &signers.keys);
        let signers = signers.filter_map(|key| key.plan.as_deref());
        let holders = self.certificates.iter().flat_map(|own| &own.holders);
        let holders = holders.filter_map(|holder| holder.plan.as_deref());
        let mut names = defaults.chain(consumers).chain(signers).chain(holders);
        names.all(|name| self.plan(name).is_some())
    }

    pub(super) fn largest(&self) -> usize {
        let Self {
            issuers,
            api_keys,
            introspections,
            signatures,
            certificates,
            upstreams,
            limits,
            cors,
            conditions,
            plans,
            calendars,
            revocations: _,
        } = self;
        [
            issuers.len(),
            api_keys.len(),
            introspections.len(),
            signatures.len(),
            certificates.len(),
            upstreams.len(),
            limits.len(),
            cors.len(),
            conditions.len(),
            plans.len(),
            calendars.len(),
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
    }
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Upstream {
    /// The name in the policy.
    pub name: String,
    /// The origins in the order in which they are tried. Never empty.
    pub origins: Vec<Origin>,
    /// The name of the client certificate, which the platform holds.
    pub identity: Option<String>,
    /// The authorities (DER certificates) that origins' certificates must chain to, where the
    /// runtime leaves that to the gateway; empty for the runtime's own.
    pub trust: Vec<ByteBuf>,
    /// The time until the response head, over all attempts.
    pub timeout: Span,
    /// When to try again.
    pub retry: Retry,
    /// What origins are told of the caller.
    pub caller: CallerFacts,
    /// How requests are signed, where they are.
    pub sign: Option<RequestSigning>,
    /// What its connectors enforce, where the policy says so.
    pub connector: Option<ConnectorRules>,
}

impl Upstream {
    /// An upstream that is tried once, has 30 seconds, and is told nothing of the caller, in requests
    /// that are not signed, to connectors that follow rules of their own.
    pub fn new(name: impl Into<String>, origins: impl IntoIterator<Item = Origin>) -> Self {
        Self {
            name: name.into(),
            origins: origins.into_iter().collect(),
            identity: None,
            trust: Vec::new(),
            timeout: Span(30_000),
            retry: Retry {
                attempts: 1,
                on: Vec::new(),
                budget: Percent(0),
            },
            caller: CallerFacts::default(),
            sign: None,
            connector: None,
        }
    }
}

/// One place of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Origin {
    /// The name in the policy.
    pub name: String,
    /// Scheme, authority and base path, without a slash at the end.
    pub url: String,
    /// The connector that has opened the connections over which this is reached, where the gateway
    /// opens none.
    pub tunnel: Option<SpiffeId>,
}

/// When an attempt is repeated, at the next origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Retry {
    /// Attempts altogether, the first included.
    pub attempts: u8,
    /// What is worth another attempt.
    pub on: Vec<RetryOn>,
    /// Retries as a share of requests, beyond a small reserve.
    pub budget: Percent,
}

/// What is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RetryOn {
    /// The connection was not made; the origin saw nothing.
    Connect,
    /// No response head in time.
    Timeout,
    /// The origin answered with this status.
    Status(u16),
}

/// Which pages of other origins may call (the Fetch standard's CORS protocol).
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Cors {
    /// The allowed origins.
    pub origins: AllowedOrigins,
    /// The allowed methods, as a preflight asks for them.
    pub methods: Vec<String>,
    /// The allowed request headers, in lower case.
    pub headers: Vec<String>,
    /// The response headers that a page may read.
    pub expose: Vec<String>,
    /// Whether cookies and the like are sent.
    pub credentials: bool,
    /// How long a browser keeps the answer to a preflight.
    pub max_age: Option<Span>,
}

/// Origins of pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowedOrigins {
    /// Every origin.
    Any,
    /// These, each in its serialised form: scheme, host, and port unless it is the default.
    Listed(Vec<String>),
}
