//! The bundle: a compiled policy as the gateway runs it.
//!
//! The payload is an array of a [`Header`], the [`Tables`] that all hosts share, and for each
//! host its routes as embedded CBOR (`bundle/section.rs`), which is decoded when that host is first
//! asked for. Records are arrays; a reference is an index into a table or list.

mod api_keys;
mod auth;
mod calendar;
mod caller;
mod certificate;
mod connector;
mod introspection;
mod issuer;
mod limit;
mod name;
mod plan;
mod possession;
mod revocations;
mod route;
mod section;
mod signature;
mod signing;
mod tables;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::cbor::{self, InvalidCbor};
use crate::digest::Digest;
use crate::envelope::Content;
use crate::host::HostPattern;

pub use api_keys::{ApiKeyRing, ApiKeySource, InvalidPinnedKeys, PinnedKeys, RingKeys, StoredKeys};
pub use auth::{ApiKeyAuth, Auth, Carrier, IntrospectAuth, JwtAuth};
pub use calendar::{Calendar, CalendarPeriod, MAX_RUNS, Period};
pub use caller::{CallerFact, CallerFacts, CallerToken};
pub use certificate::{CertificateHolder, Certificates, NobodysCertificate};
pub use connector::{
    ConnectorAllowance, ConnectorLimit, ConnectorRules, MAX_CALLERS, MAX_LIMITS, SignatureDemand,
};
pub use introspection::{ClientMethod, Introspection, IntrospectionClient, UnknownClientMethod};
pub use issuer::{
    Algorithm, ClaimRule, ClaimTest, ClaimValue, Issuer, IssuerKeys, KeyLocation, KeyMaterial,
    PublicKey, RemoteKeys, TokenRules, TokenSource, TokenType, UnknownAlgorithm, UnknownTokenType,
};
pub use limit::{Accuracy, Allowance, Cost, KeyPart, Limit, Scope, Unreachable};
pub use name::of as derived_name;
pub use plan::{PlanClaim, PlanLimits};
pub use possession::{Binding, Possession, UnknownBinding};
pub use revocations::{ListLocation, RevocationRules, UnknownWhenStale, WhenStale};
pub use route::{
    FieldPredicate, FieldTest, HeaderEdits, HostRoutes, PathEntry, PathTemplate, Reply, Route,
    Target, TemplatePart,
};
pub use signature::{SignerKey, SignerMaterial, Signers};
pub use signing::RequestSigning;
pub use tables::{AllowedOrigins, Cors, Origin, Retry, RetryOn, Tables, Upstream};

/// The format that this code writes and reads.
pub const FORMAT_VERSION: u16 = 1;

/// Bounds that the compiler keeps and the loader enforces.
pub mod bounds {
    use crate::cbor::Bounds;

    /// The payload without what lies inside the hosts' sections.
    pub const PAYLOAD: Bounds = Bounds {
        octets: 15 * 1024 * 1024,
        items: 500_000,
    };
    /// The routes of one host.
    pub const SECTION: Bounds = Bounds {
        octets: 8 * 1024 * 1024,
        items: 2_000_000,
    };
    /// Hosts in a bundle.
    pub const HOSTS: usize = 10_000;
    /// Routes, and path entries, of one host.
    pub const ROUTES: usize = 50_000;
    /// What the routes of one host hold altogether, in octets, where each has all for itself.
    pub const ROUTES_OCTETS: usize = 16 * 1024 * 1024;
    /// Credentials in one combination.
    pub const COMBINED: usize = 8;
    /// Entries of any shared table.
    pub const TABLE: usize = 10_000;
    /// The body of a fixed reply, in octets.
    pub const REPLY_BODY: usize = 64 * 1024;
}

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Header {
    /// [`FORMAT_VERSION`] of the writer.
    pub format: u16,
    /// The policy's name.
    pub name: String,
    /// Grows with every publication.
    pub sequence: u64,
    /// The digest of the policy's source files.
    pub source: Digest,
}

/// A decoded bundle; its hosts' routes are still encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Bundle {
    /// What the bundle says of itself.
    pub header: Header,
    /// What routes refer to.
    pub tables: Tables,
    /// One section a host. Invariant: sorted by pattern, without repetition.
    pub hosts: Vec<HostSection>,
}

/// The routes of a host, encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSection(HostPattern, ByteBuf);

impl HostSection {
    /// Encodes the routes of a host.
    ///
    /// # Errors
    /// Where they are over [`bounds`].
    pub fn encode(host: HostPattern, routes: &HostRoutes) -> Result<Self, InvalidBundle> {
        let section = Self(host, ByteBuf::from(cbor::encode(routes)));
        cbor::check(&section.1, &bounds::SECTION).map_err(|error| section.invalid(error))?;
        section.within("routes", routes.routes.len())?;
        section.within("path entries", routes.paths.len())?;
        let patterns = routes
            .paths
            .iter()
            .map(|entry| entry.pattern.as_str().len());
        let octets = routes.routes.iter().map(Route::octets).chain(patterns);
        if octets.fold(0, usize::saturating_add) > bounds::ROUTES_OCTETS {
            let host = format!("the routes of host `{}`", section.0);
            let bound = bounds::ROUTES_OCTETS;
            return Err(InvalidBundle::TooMany("octets", host, bound));
        }
        Ok(section)
    }

    /// The host.
    pub fn host(&self) -> &HostPattern {
        &self.0
    }

    /// Decodes the routes, and checks every index against the bundle's tables.
    ///
    /// # Errors
    /// Where the section is malformed, over [`bounds`], or refers to what is not there.
    pub fn decode(&self, tables: &Tables) -> Result<HostRoutes, InvalidBundle> {
        let routes: HostRoutes =
            cbor::decode(&self.1, &bounds::SECTION).map_err(|error| self.invalid(error))?;
        self.within("routes", routes.routes.len())?;
        self.within("path entries", routes.paths.len())?;
        if routes.refers_within(tables) {
            Ok(routes)
        } else {
            Err(InvalidBundle::DanglingReference(self.0.to_string()))
        }
    }

    fn invalid(&self, error: InvalidCbor) -> InvalidBundle {
        InvalidBundle::Section(self.0.to_string(), error)
    }

    fn within(&self, what: &'static str, count: usize) -> Result<(), InvalidBundle> {
        let host = || format!("host `{}`", self.0);
        if count > bounds::ROUTES {
            Err(InvalidBundle::TooMany(what, host(), bounds::ROUTES))
        } else {
            Ok(())
        }
    }
}

/// Why a payload is no usable bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBundle {
    /// The payload is not the deterministic encoding of a bundle.
    #[error("malformed bundle: {0}")]
    Payload(#[from] InvalidCbor),
    /// A host's section is not.
    #[error("malformed section of host `{0}`: {1}")]
    Section(String, InvalidCbor),
    /// Written for another version of the gateway.
    #[error("bundle format {0}, this program reads format {FORMAT_VERSION}")]
    Format(u16),
    /// More than the bound of something.
    #[error("more {0} in {1} than {2}")]
    TooMany(&'static str, String, usize),
    /// Hosts are repeated or not in order.
    #[error("the hosts are not sorted, or one is repeated")]
    HostOrder,
    /// What puts callers on a plan names one that does not exist.
    #[error("callers are on a plan that does not exist")]
    DanglingPlan,
    /// A calendar without periods, or with more runs than [`MAX_RUNS`].
    #[error("a calendar has no periods, or too many")]
    Calendar,
    /// A reference to an entry that does not exist.
    #[error("section of host `{0}` refers to an entry that does not exist")]
    DanglingReference(String),
    /// A limit refers to an expression or a calendar that does not exist.
    #[error("limit `{0}` refers to an expression or a calendar that does not exist")]
    DanglingExpression(String),
    /// Connectors are to let nobody in, or the rules are out of bounds or order.
    #[error("what connectors of upstream `{0}` enforce is out of bounds or order")]
    Connector(String),
}

impl Bundle {
    /// The payload to sign.
    ///
    /// # Errors
    /// Where the bundle is over [`bounds`] or out of order, so that no reader would take it.
    pub fn encode(&self) -> Result<Vec<u8>, InvalidBundle> {
        self.check()?;
        let payload = cbor::encode(self);
        cbor::check(&payload, &bounds::PAYLOAD)?;
        Ok(payload)
    }

    fn check(&self) -> Result<(), InvalidBundle> {
        if self.header.format != FORMAT_VERSION {
            return Err(InvalidBundle::Format(self.header.format));
        }
        let too_many = |what, bound| InvalidBundle::TooMany(what, "the bundle".to_owned(), bound);
        if self.hosts.len() > bounds::HOSTS {
            return Err(too_many("hosts", bounds::HOSTS));
        }
        if self.tables.largest() > bounds::TABLE {
            return Err(too_many("definitions", bounds::TABLE));
        }
        let (expressions, calendars) = (self.tables.conditions.len(), self.tables.calendars.len());
        let mut limits = self.tables.limits.iter();
        if let Some(limit) = limits.find(|limit| !limit.refers_within(expressions, calendars)) {
            return Err(InvalidBundle::DanglingExpression(limit.name.clone()));
        }
        let unsound = |upstream: &&Upstream| {
            let rules = upstream.connector.as_ref();
            !rules.is_none_or(ConnectorRules::is_sound)
        };
        if let Some(upstream) = self.tables.upstreams.iter().find(unsound) {
            return Err(InvalidBundle::Connector(upstream.name.clone()));
        }
        if !self.tables.calendars.iter().all(Calendar::is_sound) {
            return Err(InvalidBundle::Calendar);
        }
        if !self.tables.know_plans() {
            return Err(InvalidBundle::DanglingPlan);
        }
        if !self.hosts.is_sorted_by(|a, b| a.host() < b.host()) {
            return Err(InvalidBundle::HostOrder);
        }
        Ok(())
    }
}

impl Content for Bundle {
    const CONTENT_TYPE: &'static str = "application/vnd.tidegate.bundle+cbor";
    type Invalid = InvalidBundle;

    fn decode(payload: Vec<u8>) -> Result<Self, InvalidBundle> {
        let bundle: Self = cbor::decode(&payload, &bounds::PAYLOAD)?;
        bundle.check()?;
        Ok(bundle)
    }
}

#[cfg(test)]
mod tests;
