//! A change, in words and under a stable name.

use std::fmt;

use serde::{Serialize, Serializer};
use tidegate_shared::host::HostPattern;
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::PathPattern;

/// How much a change asks for a second look; the worst is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is open to everyone that was not.
    Exposes,
    /// More is allowed than before.
    Loosens,
    /// Less is allowed than before: callers may break.
    Tightens,
    /// Something else is different.
    Changes,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exposes => "exposes",
            Self::Loosens => "loosens",
            Self::Tightens => "tightens",
            Self::Changes => "changes",
        })
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)+) => {
        /// What is different. The name is stable: scripts refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ChangeKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ChangeKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// A route that asked for a credential asks for none.
    BecamePublic = "became-public";
    /// A route that asked for a credential lets in requests that carry none.
    BecameAnonymous = "became-anonymous";
    /// A route takes requests that none took, or another one.
    RouteAdded = "route-added";
    /// A route is gone; its requests go to another one, or nowhere.
    RouteRemoved = "route-removed";
    /// A route asks for a credential that let in requests without one.
    CredentialRequired = "credential-required";
    /// Another kind of credential: a token in place of an API key, or the reverse.
    CredentialKind = "credential-kind";
    /// One more credential is accepted in place of others.
    AlternativeAdded = "alternative-added";
    /// A credential is no longer accepted in place of others.
    AlternativeRemoved = "alternative-removed";
    /// One more credential is asked for beside others.
    CredentialAdded = "credential-added";
    /// A credential is no longer asked for beside others.
    CredentialRemoved = "credential-removed";
    /// Which of several credentials decides, or says who calls.
    CredentialOrder = "credential-order";
    /// Tokens of another issuer.
    Issuer = "issuer";
    /// Which audiences a token may be for.
    Audiences = "audiences";
    /// Which signature algorithms are accepted.
    Algorithms = "algorithms";
    /// Which keys an issuer's tokens are verified with.
    IssuerKeys = "issuer-keys";
    /// Whether, where and how often an issuer's keys are asked for at run time.
    KeySource = "key-source";
    /// How far clocks may differ.
    Leeway = "leeway";
    /// Which types of token are accepted.
    TokenType = "token-type";
    /// How old a token may be.
    TokenAge = "token-age";
    /// What must hold of a token's further claims.
    Claims = "claims";
    /// Where in a request a token is.
    TokenSource = "token-source";
    /// Which server is asked what a token is worth.
    Introspection = "introspection";
    /// As whom that server is asked.
    IntrospectionClient = "introspection-client";
    /// How long what that server says is believed.
    AnswerAge = "answer-age";
    /// How a token must be bound to whoever sends it.
    Binding = "binding";
    /// Whether proofs of possession need a nonce, and by which secret.
    ProofNonce = "proof-nonce";
    /// Which scopes a token must have.
    Scopes = "scopes";
    /// What must hold besides the credential.
    Conditions = "conditions";
    /// What is watched, and refuses nobody.
    Shadow = "shadow";
    /// Which API keys are accepted.
    ApiKeys = "api-keys";
    /// Which API keys are one consumer's.
    Consumers = "consumers";
    /// The header that carries the API key.
    ApiKeyHeader = "api-key-header";
    /// Which list of revocations callers are held against.
    Revocations = "revocations";
    /// Where API keys are known, and how long what is known of them counts.
    ApiKeyStore = "api-key-store";
    /// What an API key looks like.
    ApiKeyForm = "api-key-form";
    /// Whose signatures over requests are accepted, by which keys.
    SignatureKeys = "signature-keys";
    /// What a signature over a request must cover.
    SignatureComponents = "signature-components";
    /// How old a signature over a request may be.
    SignatureAge = "signature-age";
    /// Which label a signature over a request must have.
    SignatureLabel = "signature-label";
    /// Which tag a signature over a request must have.
    SignatureTag = "signature-tag";
    /// Who must have issued a client certificate.
    CertificateIssuers = "certificate-issuers";
    /// Which client certificates are whose.
    CertificateHolders = "certificate-holders";
    /// Which scopes an API key has.
    KeyScopes = "key-scopes";
    /// Whether a signature over a request must be one that is taken once.
    SignatureOnce = "signature-once";
    /// A limit where there was none of its name.
    LimitAdded = "limit-added";
    /// A limit is gone.
    LimitRemoved = "limit-removed";
    /// A limit's rate, burst or key.
    LimitChanged = "limit-changed";
    /// A limit has another name, which its fields of the answer show.
    LimitRenamed = "limit-renamed";
    /// Which plans there are, and who is on which.
    Plans = "plans";
    /// Pages of other origins may call.
    CorsAdded = "cors-added";
    /// Pages of other origins may no longer call.
    CorsRemoved = "cors-removed";
    /// Which origins' pages may call.
    CorsOrigins = "cors-origins";
    /// Which methods a preflight allows.
    CorsMethods = "cors-methods";
    /// Which request headers a preflight allows.
    CorsHeaders = "cors-headers";
    /// Which response headers a page may read.
    CorsExposedHeaders = "cors-exposed-headers";
    /// Whether a page's requests carry cookies and the like.
    CorsCredentials = "cors-credentials";
    /// How long a browser keeps the answer to a preflight.
    CorsMaxAge = "cors-max-age";
    /// Who answers: other origins, or the gateway in their place.
    Destination = "destination";
    /// The gateway's own reply.
    Reply = "reply";
    /// The path that the origin gets.
    Rewrite = "rewrite";
    /// The time until the response head.
    Timeout = "timeout";
    /// When an attempt is repeated.
    Retry = "retry";
    /// The client certificate that the origin sees.
    OriginIdentity = "origin-identity";
    /// The authorities that the origin's certificate must chain to.
    OriginTrust = "origin-trust";
    /// What the origin is told of the caller.
    CallerFacts = "caller-facts";
    /// How requests to the origin are signed.
    RequestSigning = "request-signing";
    /// Whom the connectors of an upstream let in.
    ConnectorCallers = "connector-callers";
    /// Whether connectors of an upstream ask for a gateway's signature.
    ConnectorSignature = "connector-signature";
    /// What connectors of an upstream let through altogether, or from each caller.
    ConnectorLimits = "connector-limits";
    /// Changes to the request's header fields.
    RequestHeaders = "request-headers";
    /// Changes to the answer's header fields.
    ResponseHeaders = "response-headers";
    /// Which of two routes goes first, where a request may be for either.
    Precedence = "precedence";
    /// The realm that challenges name.
    Realm = "realm";
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ChangeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Something that is different for callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// How much it asks for a second look.
    pub severity: Severity,
    /// Which requests it concerns; `None` for all.
    pub place: Option<Place>,
    /// How it was; `None` where there was nothing.
    pub before: Option<String>,
    /// How it is; `None` where there is nothing.
    pub after: Option<String>,
}

/// The requests that a change concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The hosts, sorted.
    pub hosts: Vec<HostPattern>,
    /// The methods.
    pub methods: MethodSet,
    /// The paths.
    pub path: PathPattern,
    /// What must hold of headers and query, in words; empty for nothing.
    pub conditions: String,
    /// The route's name, the new one where there are two.
    pub route: String,
}
