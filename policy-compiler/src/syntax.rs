//! The policy language: one type for each thing that a policy can say.

mod api;
mod api_keys;
mod auth;
mod caller;
mod certificates;
mod connector;
mod definitions;
mod introspection;
mod issuer;
mod limit;
mod mode;
mod plan;
mod revocations;
mod signatures;
mod signing;
mod test;
mod token_source;
mod when;

use crate::decode::{Named, Parsed, record};
use crate::source::Spanned;
use tidegate_shared::host::HostPattern;

pub(crate) use api::{Api, HeaderChanges, Headers, Match, Reply, Rewrite, Route, TestOf};
pub(crate) use api_keys::{ApiKeys, KeyScheme};
pub(crate) use auth::{ApiKeyAuth, Auth, JwtAuth};
pub(crate) use caller::{CallerFacts, CallerToken, Credential};
pub(crate) use certificates::{CertificateHolder, Certificates};
pub(crate) use connector::{Connector, ConnectorLimit, Per};
pub(crate) use definitions::{Cors, CorsChoice, CorsOrigins, Method, Upstream};
pub(crate) use introspection::Introspection;
pub(crate) use issuer::{Dpop, Issuer, KeySource, Profile, RemoteKeys};
pub(crate) use limit::{Limit, LimitAccuracy, LimitCost, LimitKey, LimitScope, Quota};
pub(crate) use mode::Mode;
pub(crate) use plan::{Plan, PlanClaim};
pub(crate) use revocations::Revocations;
pub(crate) use signatures::{Signatures, Signer};
pub(crate) use signing::RequestSigning;
pub(crate) use test::{Caller, PolicyTest};
pub(crate) use token_source::From;
pub(crate) use when::WhenChoice;

record! {
    /// A policy, or one file of it.
    struct Policy {
        /// The version of the language: `v1`.
        version as "tidegate": Parsed<Version>,
        /// The policy's name.
        name: Option<Spanned<String>>,
        /// The hosts that the APIs are served on.
        hosts: Option<Vec<Parsed<HostPattern>>>,
        /// Who signs tokens.
        issuers: Named<Spanned<Issuer>>,
        /// Rings of consumers with API keys.
        api_keys: Named<ApiKeys>,
        /// Servers that say what a token is worth.
        introspections: Named<Spanned<Introspection>>,
        /// Consumers that sign their requests.
        signatures: Named<Spanned<Signatures>>,
        /// Consumers that are known by client certificates.
        certificates: Named<Spanned<Certificates>>,
        /// The list of what was revoked before its time.
        revocations: Option<Spanned<Revocations>>,
        /// Where requests go.
        upstreams: Named<Spanned<Upstream>>,
        /// How much callers may call.
        limits: Named<Limit>,
        /// What callers of one kind may use, beside what holds for everyone.
        plans: Named<Plan>,
        /// Which pages of other origins may call, unless an API says otherwise.
        cors: Option<CorsChoice>,
        /// Changes to header fields on every route.
        headers: Option<Spanned<Headers>>,
        /// The APIs.
        apis: Named<Api>,
        /// The policy's own tests.
        tests: Vec<PolicyTest>,
    }
}

/// The version of the language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version;

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "v1" {
            Ok(Self)
        } else {
            Err(format!(
                "`{text}` is no version of the language that is known here: write `tidegate: v1`"
            ))
        }
    }
}
