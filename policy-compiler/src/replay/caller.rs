//! Who is assumed to have made a request.
//!
//! A record names the consumer and nothing of the credential. So it is assumed that the caller had
//! what the old policy asks for on the route that took the request, and not more: the first kind
//! of credential there that can be made here, with the scopes asked for there and no further
//! claims. The same caller is sent to both policies; of whom a policy knows neither the issuer nor
//! the ring, it gets no credential.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tidegate_shared::bundle::{Auth, Certificates, RingKeys, Route, Tables};

use super::{Call, Who};
use crate::{Bearer, Ir, TestCaller, TestCredential};

/// A caller, by names that hold in every policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Assumed {
    /// No credential.
    Nobody,
    /// A token of the issuer of this URL.
    Token(String, Holder),
    /// A token that the server of this URL vouches for.
    Opaque(String, Holder),
    /// An API key of a consumer, in the ring of a name.
    ApiKey {
        /// The ring's name.
        ring: String,
        /// The consumer.
        consumer: String,
        /// What it may do, where a store says so.
        scopes: Vec<String>,
    },
    /// A client certificate of a consumer, by the name of the certificates.
    Certificate {
        /// The certificates' name.
        certificates: String,
        /// The consumer.
        consumer: String,
    },
}

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Holder {
    subject: String,
    scopes: Vec<String>,
    claims: Map<String, Value>,
}

/// These consumers as holders of keys in every store of the policy: whose keys are there is not known
/// here.
pub(super) fn holders(ir: &Ir, consumers: &BTreeSet<&str>) -> Vec<TestCaller> {
    let rings = ir.tables.api_keys.iter().zip(0_u32..);
    let stored = rings.filter(|(ring, _)| matches!(ring.keys, RingKeys::Stored(_)));
    let holder = |ring, consumer: &&str| TestCaller {
        credential: TestCredential::ApiKey {
            ring,
            consumer: (*consumer).to_owned(),
            scopes: vec![],
        },
        revoked: false,
    };
    stored
        .flat_map(|(_, ring)| consumers.iter().map(move |consumer| holder(ring, consumer)))
        .collect()
}

impl Assumed {
    /// The caller of a request, which `route` of the old policy takes.
    pub(super) fn of(call: &Call, route: Option<&Route>, tables: &Tables) -> Self {
        match &call.who {
            Who::Nobody => Self::Nobody,
            Who::Bearer(claims) => Self::by_claims(claims),
            Who::Consumer(consumer) => {
                let poor = call.recorded.as_ref().is_some_and(|told| told.lacks_scope);
                let alternatives = route.map_or(&[][..], |route| route.auth.alternatives());
                let made = |auth: &Auth| Self::for_rule(auth, consumer, poor, tables);
                alternatives.iter().find_map(made).unwrap_or(Self::Nobody)
            }
        }
    }

    /// What a token says that is in an archive; its signature is of no use here.
    fn by_claims(claims: &str) -> Self {
        let claims: Map<String, Value> = serde_json::from_str(claims).unwrap_or_default();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let scopes = text("scope").unwrap_or_default().split(' ');
        let holder = Holder {
            subject: text("sub").unwrap_or_default().to_owned(),
            scopes: scopes
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
            claims: claims
                .iter()
                .filter(|(name, _)| !OWN.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        };
        Self::Token(text("iss").unwrap_or_default().to_owned(), holder)
    }

    fn for_rule(auth: &Auth, consumer: &str, poor: bool, tables: &Tables) -> Option<Self> {
        // Of several credentials together only one can be made here.
        let [only] = auth.members() else {
            return None;
        };
        let rule = only.rule();
        let scopes = || if poor { vec![] } else { rule.scopes().to_vec() };
        let holder = || Holder {
            subject: consumer.to_owned(),
            scopes: scopes(),
            claims: Map::new(),
        };
        match rule {
            Auth::Jwt(jwt) => {
                let issuer = get(&tables.issuers, *jwt.issuers.first()?)?;
                Some(Self::Token(issuer.issuer.clone(), holder()))
            }
            Auth::Introspect(asked) => {
                let server = get(&tables.introspections, asked.introspection)?;
                Some(Self::Opaque(server.name.clone(), holder()))
            }
            Auth::ApiKey(asked) => {
                let ring = get(&tables.api_keys, asked.ring)?;
                let stored = matches!(ring.keys, RingKeys::Stored(_));
                let known = stored || ring.consumers().any(|own| own == consumer);
                known.then(|| Self::ApiKey {
                    ring: ring.name.clone(),
                    consumer: consumer.to_owned(),
                    scopes: scopes(),
                })
            }
            Auth::Certificate(certificates) => {
                let certificates = get(&tables.certificates, *certificates)?;
                has_holder(certificates, consumer).then(|| Self::Certificate {
                    certificates: certificates.name.clone(),
                    consumer: consumer.to_owned(),
                })
            }
            Auth::Public
            | Auth::Signature(_)
            | Auth::Any(_)
            | Auth::All(_)
            | Auth::Anonymous
            | Auth::Shadow(_) => None,
        }
    }

    /// The caller as one of the policies knows it; `None` where it gets no credential.
    pub(super) fn on(&self, tables: &Tables) -> Option<TestCaller> {
        let credential = match self {
            Self::Nobody => return None,
            Self::Token(url, holder) => {
                let mut issuers = tables.issuers.iter().zip(0..);
                let (_, issuer) = issuers.find(|(issuer, _)| issuer.issuer == *url)?;
                TestCredential::Token {
                    issuer,
                    bearer: holder.bearer(),
                }
            }
            Self::Opaque(name, holder) => {
                let mut servers = tables.introspections.iter().zip(0..);
                let (_, introspection) = servers.find(|(server, _)| server.name == *name)?;
                TestCredential::Opaque {
                    introspection,
                    bearer: holder.bearer(),
                }
            }
            Self::ApiKey {
                ring,
                consumer,
                scopes,
            } => {
                let mut rings = tables.api_keys.iter().zip(0..);
                let (_, ring) = rings.find(|(own, _)| {
                    let stored = matches!(own.keys, RingKeys::Stored(_));
                    own.name == *ring && (stored || own.consumers().any(|own| own == consumer))
                })?;
                TestCredential::ApiKey {
                    ring,
                    consumer: consumer.clone(),
                    scopes: scopes.clone(),
                }
            }
            Self::Certificate {
                certificates,
                consumer,
            } => {
                let mut all = tables.certificates.iter().zip(0..);
                let named = |own: &Certificates| own.name == *certificates;
                let (_, certificates) =
                    all.find(|(own, _)| named(own) && has_holder(own, consumer))?;
                TestCredential::Certificate {
                    certificates,
                    consumer: consumer.clone(),
                }
            }
        };
        Some(TestCaller {
            credential,
            revoked: false,
        })
    }

    pub(super) fn words(&self) -> String {
        let held = |by: &str, holder: &Holder| {
            let scopes = holder.scopes.join(" ");
            let with = if scopes.is_empty() {
                String::new()
            } else {
                format!(" with `{scopes}`")
            };
            format!("`{}` with a token of `{by}`{with}", holder.subject)
        };
        match self {
            Self::Nobody => "nobody in particular".to_owned(),
            Self::Token(by, holder) | Self::Opaque(by, holder) => held(by, holder),
            Self::ApiKey { ring, consumer, .. } => {
                format!("`{consumer}` with an API key of `{ring}`")
            }
            Self::Certificate {
                certificates,
                consumer,
            } => format!("`{consumer}` with a certificate of `{certificates}`"),
        }
    }
}

/// Claims that a token made here has anyway.
const OWN: [&str; 9] = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "cnf",
];

impl Holder {
    fn bearer(&self) -> Bearer {
        Bearer {
            subject: self.subject.clone(),
            scopes: self.scopes.clone(),
            claims: self.claims.clone(),
            expired: false,
        }
    }
}

fn has_holder(certificates: &Certificates, consumer: &str) -> bool {
    let mut holders = certificates.holders.iter();
    holders.any(|holder| holder.consumer == consumer)
}

fn get<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}
