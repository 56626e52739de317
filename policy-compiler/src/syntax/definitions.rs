//! What routes refer to: upstreams, CORS rules.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidegate_shared::bundle::RetryOn;
use tidegate_shared::units::{Percent, Span as TimeSpan};

use crate::decode::{Decode, Named, Parsed, record, wrong_type};
use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

use super::caller::CallerFacts;
use super::connector::Connector;
use super::signing::RequestSigning;

record! {
    /// Where requests go.
    struct Upstream {
        /// The places it runs in.
        origins: Named<Origin>,
        /// The order in which they are tried; that of the file if absent.
        balance: Option<Balance>,
        /// The TLS session to the origins.
        tls: Option<Tls>,
        /// The time until the response head, over all attempts; 10s if absent.
        timeout: Option<Parsed<TimeSpan>>,
        /// When to try again.
        retry: Option<Retry>,
        /// What origins are told of the caller.
        caller: Option<Spanned<CallerFacts>>,
        /// How requests are signed, so that connectors can refuse others.
        sign: Option<Spanned<RequestSigning>>,
        /// What its connectors enforce; if absent, what their own configuration says.
        connector: Option<Spanned<Connector>>,
    }
}

record! {
    /// One place of an upstream.
    struct Origin {
        /// Scheme, host and port, and a base path if there is one.
        url: Spanned<String>,
        /// The SPIFFE ID of the connector that dials the gateway, where nothing can connect to this
        /// place.
        tunnel: Option<Spanned<String>>,
    }
}

record! {
    /// How origins are chosen.
    struct Balance {
        /// The first that answers, in this order.
        failover: Vec<Spanned<String>>,
    }
}

record! {
    /// The TLS session to the origins.
    struct Tls {
        /// The name of the client certificate that the platform holds.
        identity: Option<Spanned<String>>,
        /// A PEM file of the authorities that origins' certificates chain to.
        trust: Option<Spanned<String>>,
    }
}

record! {
    /// When an attempt is repeated, at the next origin.
    struct Retry {
        /// Attempts altogether, 1 to 5.
        attempts: Option<Spanned<u64>>,
        /// What is worth another attempt: `connect`, `timeout`, 502, 503, 504.
        on: Option<Vec<RetryCause>>,
        /// Retries as a share of requests; 20% if absent.
        budget: Option<Parsed<Percent>>,
    }
}

/// What is worth another attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryCause(pub(crate) RetryOn);

impl Decode for RetryCause {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Text(text) if text == "connect" => Some(Self(RetryOn::Connect)),
            Kind::Text(text) if text == "timeout" => Some(Self(RetryOn::Timeout)),
            Kind::Integer(status @ 502..=504) => {
                u16::try_from(*status).ok().map(RetryOn::Status).map(Self)
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Sequence(_)
            | Kind::Mapping(_) => {
                wrong_type(&node, "`connect`, `timeout`, 502, 503 or 504", diagnostics)
            }
        }
    }
}

impl JsonSchema for RetryCause {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("RetryCause")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["connect", "timeout", 502, 503, 504] })
    }
}

/// CORS rules, or the choice of none.
#[derive(Clone, Debug)]
pub(crate) enum CorsChoice {
    None,
    Rules(Box<Cors>),
}

impl Decode for CorsChoice {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if matches!(&node.kind, Kind::Text(text) if text == "none") {
            return Some(Self::None);
        }
        Cors::decode(node, diagnostics)
            .map(Box::new)
            .map(Self::Rules)
    }
}

impl JsonSchema for CorsChoice {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("CorsChoice")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "none" }, generator.subschema_for::<Cors>()] })
    }
}

record! {
    /// Which pages of other origins may call.
    struct Cors {
        /// The pages' origins, as `https://app.example.com`, or `"*"`.
        origins: CorsOrigins,
        /// The allowed methods; those of the API's routes if absent.
        methods: Option<Vec<Parsed<Method>>>,
        /// The allowed request headers.
        headers: Vec<Parsed<http::HeaderName>>,
        /// The response headers that a page may read.
        expose: Vec<Parsed<http::HeaderName>>,
        /// Whether cookies and the like are sent.
        credentials: Option<Spanned<bool>>,
        /// How long a browser keeps the answer to a preflight.
        max_age: Option<Parsed<TimeSpan>>,
    }
}

/// A method by its name, in upper or lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method(pub(crate) http::Method);

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is no method");
        let method: http::Method = text.to_ascii_uppercase().parse().map_err(|_| invalid())?;
        if matches!(method, http::Method::CONNECT | http::Method::TRACE) {
            return Err(format!("`{text}` is never forwarded"));
        }
        Ok(Self(method))
    }
}

/// Pages' origins.
#[derive(Clone, Debug)]
pub(crate) enum CorsOrigins {
    Any(crate::source::Span),
    Listed(Vec<Spanned<String>>),
}

impl Decode for CorsOrigins {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if matches!(&node.kind, Kind::Text(text) if text == "*") {
            return Some(Self::Any(node.span));
        }
        Vec::decode(node, diagnostics).map(Self::Listed)
    }
}

impl JsonSchema for CorsOrigins {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("CorsOrigins")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "*" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
