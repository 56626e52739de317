//! Who may call a route.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::decode::{Decode, OneOrMany, record, unknown_field, wrong_type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// Who may call.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// Everyone: `public`.
    Public(Span),
    /// Whoever holds a token.
    Jwt(JwtAuth),
    /// Whoever holds an API key.
    ApiKey(ApiKeyAuth),
}

record! {
    /// Whoever holds a token of an issuer.
    struct JwtAuth {
        /// The issuer, or the issuers.
        jwt: Spanned<OneOrMany<Spanned<String>>>,
        /// Scopes that the token must all have.
        scopes: Vec<Spanned<String>>,
    }
}

record! {
    /// Whoever holds an API key of a ring.
    struct ApiKeyAuth {
        /// The ring.
        api_key: Spanned<String>,
    }
}

impl Auth {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Public(span) => *span,
            Self::Jwt(auth) => auth.jwt.span,
            Self::ApiKey(auth) => auth.api_key.span,
        }
    }
}

impl Decode for Auth {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Text(text) if text == "public" => Some(Self::Public(node.span)),
            Kind::Mapping(entries) => {
                let has = |field: &str| entries.iter().any(|(key, _)| key.value == field);
                if has("jwt") {
                    return JwtAuth::decode(node, diagnostics).map(Self::Jwt);
                }
                if has("api_key") {
                    return ApiKeyAuth::decode(node, diagnostics).map(Self::ApiKey);
                }
                match entries.first() {
                    Some((key, _)) => unknown_field(key, &["jwt", "api_key"], diagnostics),
                    None => diagnostics.push(
                        Diagnostic::error("missing-field", node.span, "an empty `auth`")
                            .help("write `public`, `{ jwt: ISSUER }` or `{ api_key: RING }`"),
                    ),
                }
                None
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Sequence(_) => wrong_type(
                node,
                "`public`, `{ jwt: ISSUER }` or `{ api_key: RING }`",
                diagnostics,
            ),
        }
    }
}

impl JsonSchema for Auth {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Auth")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let jwt = generator.subschema_for::<JwtAuth>();
        let api_key = generator.subschema_for::<ApiKeyAuth>();
        json_schema!({ "anyOf": [{ "const": "public" }, jwt, api_key] })
    }
}
