//! Who signs tokens.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidegate_shared::bundle::{Algorithm, Binding, ClaimValue, TokenType};
use tidegate_shared::units::Span as TimeSpan;

use super::PlanClaim;
use super::token_source::From;
use crate::decode::{Decode, Named, OneOrMany, Parsed, record, wrong_type};
use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

record! {
    /// Who signs tokens, and which tokens are accepted.
    struct Issuer {
        /// The exact value of `iss`.
        issuer: Spanned<String>,
        /// One of these must be in `aud`.
        audiences: Vec<Spanned<String>>,
        /// The accepted algorithms: HS256, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384,
        /// EdDSA.
        algorithms: Vec<Parsed<Algorithm>>,
        /// A JWK set of public keys, relative to the policy file, or where the issuer has it.
        keys: Option<KeySource>,
        /// For HS256: the name under which the platform's secret store has the secret.
        secret: Option<Spanned<String>>,
        /// How far clocks may differ; 30s if absent.
        leeway: Option<Parsed<TimeSpan>>,
        /// Where a request has its token: `header` (if absent), which is `Authorization: Bearer`,
        /// `{ header: NAME }`, `{ cookie: NAME }` or `{ query: NAME }`.
        from: Option<From>,
        /// To what every token must be bound: `dpop`, a key of which each request has a proof;
        /// `certificate`, a client certificate; or `any` of both. A token that is bound is held to
        /// it in any case.
        binding: Option<Parsed<Binding>>,
        /// What proofs of keys must be.
        dpop: Option<Dpop>,
        /// A standard that its tokens keep: `rfc9068`.
        profile: Option<Parsed<Profile>>,
        /// What `typ` must be: `at+jwt`, `jwt`, or `any` of both or absent.
        token_type as "type": Option<Parsed<TokenType>>,
        /// How old a token may be, counted from `iat`.
        max_age: Option<Parsed<TimeSpan>>,
        /// Claims that a token must have, each with its value or one of several.
        claims: Named<Spanned<OneOrMany<Scalar>>>,
        /// Which plan its tokens' bearers are on.
        plan: Option<PlanClaim>,
    }
}

record! {
    /// What proofs of keys must be.
    struct Dpop {
        /// The name under which the platform's secret store has the secret that makes the nonces
        /// which proofs must have.
        nonce: Spanned<String>,
    }
}

/// Where an issuer's public keys are.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// In a file: pinned.
    File(Spanned<String>),
    /// With the issuer.
    Remote(Spanned<RemoteKeys>),
}

impl Decode for KeySource {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if matches!(node.kind, Kind::Mapping(_)) {
            return Spanned::decode(node, diagnostics).map(Self::Remote);
        }
        if !matches!(node.kind, Kind::Text(_)) {
            return wrong_type(&node, "a file, or `{ url: … }`", diagnostics);
        }
        Spanned::decode(node, diagnostics).map(Self::File)
    }
}

impl JsonSchema for KeySource {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("KeySource")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<RemoteKeys>()] })
    }
}

record! {
    /// A key set that its issuer changes while the gateway runs.
    struct RemoteKeys {
        /// The address of the JWK set.
        url: Option<Spanned<String>>,
        /// Instead of `url`: the provider's configuration, below `issuer`, names it.
        discover: Option<Spanned<bool>>,
        /// A JWK set to begin with, relative to the policy file.
        start: Option<Spanned<String>>,
        /// How old the set may be, and how long a withdrawn key is good; 10m if absent.
        refresh: Option<Parsed<TimeSpan>>,
        /// How long the last good set stays in force while the issuer fails; 24h if absent.
        keep: Option<Parsed<TimeSpan>>,
    }
}

/// A standard for access tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// The JWT profile for OAuth 2.0 access tokens.
    Rfc9068,
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rfc9068" => Ok(Self::Rfc9068),
            _ => Err(format!("`{text}` is not a profile of tokens: use rfc9068")),
        }
    }
}

/// A value that a claim may have.
#[derive(Clone, Debug)]
pub(crate) struct Scalar(pub(crate) ClaimValue);

impl Decode for Scalar {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(Self(match node.kind {
            Kind::Text(text) => ClaimValue::Text(text.into_owned()),
            Kind::Integer(number) => ClaimValue::Integer(number),
            Kind::Bool(value) => ClaimValue::Bool(value),
            Kind::Null | Kind::Number(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                return wrong_type(
                    &node,
                    "a text, a whole number, `true` or `false`",
                    diagnostics,
                );
            }
        }))
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Scalar")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "integer", "minimum": 0 },
            { "type": "boolean" },
        ] })
    }
}
