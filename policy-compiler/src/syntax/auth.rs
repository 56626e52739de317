//! Who may call a route.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Mode;
use crate::decode::{Decode, OneOrMany, Parsed, record, unknown_field, wrong_type};
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
    /// Whoever holds a token that a server vouches for.
    Introspect(IntrospectAuth),
    /// Whoever signs the request.
    Signature(SignatureAuth),
    /// Whoever has shown a client certificate.
    Certificate(CertificateAuth),
    /// Whoever holds one of several credentials.
    Any(AnyAuth),
    /// Whoever holds all of several credentials.
    All(AllAuth),
    /// Whoever carries none of the other credentials: `anonymous`, or `{ anonymous: PLAN }`.
    Anonymous(Span, Option<AnonymousAuth>),
}

record! {
    /// Whoever holds a token of an issuer.
    struct JwtAuth {
        /// The issuer, or the issuers.
        jwt: Spanned<OneOrMany<Spanned<String>>>,
        /// Scopes that the token must all have.
        scopes: Vec<Spanned<String>>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever holds an API key of a ring.
    struct ApiKeyAuth {
        /// The ring.
        api_key: Spanned<String>,
        /// Scopes that the key must all have.
        scopes: Vec<Spanned<String>>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever holds a token that a server vouches for.
    struct IntrospectAuth {
        /// The server.
        introspect: Spanned<String>,
        /// Scopes that the token must all have.
        scopes: Vec<Spanned<String>>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever signs the request (RFC 9421).
    struct SignatureAuth {
        /// The signatures.
        signature: Spanned<String>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever has shown a client certificate.
    struct CertificateAuth {
        /// The certificates.
        certificate: Spanned<String>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever holds one of several credentials: the first that a request carries decides.
    struct AnyAuth {
        /// The alternatives; `anonymous` among them lets in whoever carries none of the others.
        any: Spanned<Vec<Auth>>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever holds all of several credentials: the first says who calls.
    struct AllAuth {
        /// The credentials.
        all: Spanned<Vec<Auth>>,
        /// `enforce` if absent; in `shadow`, what would be refused is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

record! {
    /// Whoever carries none of the other credentials.
    struct AnonymousAuth {
        /// The plan that they are on.
        anonymous: Spanned<String>,
    }
}

/// What is written where nothing else is.
const FORMS: &str = "`public`, `{ jwt: ISSUER }`, `{ api_key: RING }`, `{ introspect: SERVER }`, \
     `{ signature: NAME }`, `{ certificate: NAME }`, or `any` or `all` of them";

const KINDS: [&str; 7] = [
    "jwt",
    "api_key",
    "introspect",
    "signature",
    "certificate",
    "any",
    "all",
];

impl Auth {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Public(span) | Self::Anonymous(span, _) => *span,
            Self::Jwt(auth) => auth.jwt.span,
            Self::ApiKey(auth) => auth.api_key.span,
            Self::Introspect(auth) => auth.introspect.span,
            Self::Signature(auth) => auth.signature.span,
            Self::Certificate(auth) => auth.certificate.span,
            Self::Any(auth) => auth.any.span,
            Self::All(auth) => auth.all.span,
        }
    }

    /// Where it says that it is in shadow, if it does.
    pub(crate) fn shadow(&self) -> Option<Span> {
        let mode = match self {
            Self::Public(_) | Self::Anonymous(..) => None,
            Self::Jwt(auth) => auth.mode.as_ref(),
            Self::ApiKey(auth) => auth.mode.as_ref(),
            Self::Introspect(auth) => auth.mode.as_ref(),
            Self::Signature(auth) => auth.mode.as_ref(),
            Self::Certificate(auth) => auth.mode.as_ref(),
            Self::Any(auth) => auth.mode.as_ref(),
            Self::All(auth) => auth.mode.as_ref(),
        };
        let mode = mode.filter(|mode| mode.value == Mode::Shadow);
        mode.map(|mode| mode.span)
    }
}

impl Decode for Auth {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Text(text) if text == "public" => Some(Self::Public(node.span)),
            Kind::Text(text) if text == "anonymous" => Some(Self::Anonymous(node.span, None)),
            Kind::Mapping(entries) => {
                let has = |field: &str| entries.iter().any(|(key, _)| key.value == field);
                if has("jwt") {
                    return JwtAuth::decode(node, diagnostics).map(Self::Jwt);
                }
                if has("api_key") {
                    return ApiKeyAuth::decode(node, diagnostics).map(Self::ApiKey);
                }
                if has("introspect") {
                    return IntrospectAuth::decode(node, diagnostics).map(Self::Introspect);
                }
                if has("signature") {
                    return SignatureAuth::decode(node, diagnostics).map(Self::Signature);
                }
                if has("certificate") {
                    return CertificateAuth::decode(node, diagnostics).map(Self::Certificate);
                }
                if has("any") {
                    return AnyAuth::decode(node, diagnostics).map(Self::Any);
                }
                if has("all") {
                    return AllAuth::decode(node, diagnostics).map(Self::All);
                }
                if has("anonymous") {
                    let stated = AnonymousAuth::decode(node, diagnostics)?;
                    return Some(Self::Anonymous(stated.anonymous.span, Some(stated)));
                }
                match entries.first() {
                    Some((key, _)) => {
                        unknown_field(key, &KINDS, diagnostics);
                    }
                    None => diagnostics.push(
                        Diagnostic::error("missing-field", node.span, "an empty `auth`")
                            .help(format!("write {FORMS}")),
                    ),
                }
                None
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Sequence(_) => wrong_type(&node, FORMS, diagnostics),
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
        let introspect = generator.subschema_for::<IntrospectAuth>();
        let signature = generator.subschema_for::<SignatureAuth>();
        let certificate = generator.subschema_for::<CertificateAuth>();
        let any = generator.subschema_for::<AnyAuth>();
        let all = generator.subschema_for::<AllAuth>();
        let anonymous = generator.subschema_for::<AnonymousAuth>();
        json_schema!({
            "anyOf": [
                { "enum": ["public", "anonymous"] },
                jwt, api_key, introspect, signature, certificate, any, all, anonymous,
            ]
        })
    }
}
