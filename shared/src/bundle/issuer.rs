//! Who signs tokens, and which tokens are accepted.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::PlanClaim;
use super::Possession;
use crate::units::Span;

/// A signature algorithm of JWS (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Algorithm {
    HS256,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 10] = [
        Self::HS256,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in a token's `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// No accepted algorithm has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an accepted algorithm: use {names}", names = Algorithm::ALL.map(Algorithm::name).join(", "))]
pub struct UnknownAlgorithm(String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

/// Who signs tokens, and which tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Issuer {
    /// The name in the policy.
    pub name: String,
    /// The exact value of `iss`.
    pub issuer: String,
    /// One of these must be in `aud`. Never empty.
    pub audiences: Vec<String>,
    /// The accepted algorithms. Never empty.
    pub algorithms: Vec<Algorithm>,
    /// What verifies.
    pub keys: IssuerKeys,
    /// Where the keys are found anew while the gateway runs; `keys` are then those to begin with.
    pub remote: Option<RemoteKeys>,
    /// How far clocks may differ.
    pub leeway: Span,
    /// What else its tokens must be.
    pub rules: TokenRules,
    /// Where in a request its tokens are.
    pub source: TokenSource,
    /// What whoever sends one must prove.
    pub possession: Possession,
    /// Which plan their bearers are on, where they say so.
    pub plan: Option<PlanClaim>,
}

impl Issuer {
    /// An issuer whose tokens are for one audience, signed with any algorithm that fits its keys,
    /// by clocks that agree, and sent as RFC 6750 has it.
    pub fn new(
        name: impl Into<String>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: IssuerKeys,
    ) -> Self {
        Self {
            name: name.into(),
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            algorithms: Algorithm::ALL.to_vec(),
            keys,
            remote: None,
            leeway: Span(0),
            rules: TokenRules::default(),
            source: TokenSource::default(),
            possession: Possession::default(),
            plan: None,
        }
    }
}

/// Where in a request a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenSource {
    /// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
    #[default]
    Authorization,
    /// The whole value of this header field; its name in lower case.
    Header(String),
    /// The cookie of this name (RFC 6265 §5.4).
    Cookie(String),
    /// The query parameter of this name (RFC 6750 §2.3).
    Query(String),
}

/// A key set that its issuer changes while the gateway runs. The gateway asks for it only over
/// TLS, or on the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RemoteKeys {
    /// Where it is.
    pub location: KeyLocation,
    /// How old the set may be; a key that the issuer withdraws is good for no longer.
    pub refresh: Span,
    /// How long the last good set stays in force while the issuer fails.
    pub keep: Span,
}

/// Where a key set is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyLocation {
    /// The URL of a JWK set (RFC 7517 §5).
    Set(String),
    /// The URL of a provider's configuration, which names it (OpenID Connect Discovery 1.0 §4).
    Configuration(String),
}

/// What the tokens of an issuer must be, beside verified, current and for the audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct TokenRules {
    /// Which types of token are accepted.
    pub token_type: TokenType,
    /// How old a token may be, counted from `iat`, which it must then have.
    pub max_age: Option<Span>,
    /// What must hold of further claims.
    pub claims: Vec<ClaimRule>,
}

/// What a token's `typ` must be (RFC 8725 §3.11). Names ignore case, and the prefix
/// `application/` (RFC 7515 §4.1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    /// None, `JWT` or `at+jwt`: what access tokens of the world have.
    #[default]
    Any,
    /// `JWT`.
    Jwt,
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
}

/// No type of token has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type of token: use at+jwt, jwt or any")]
pub struct UnknownTokenType(String);

impl FromStr for TokenType {
    type Err = UnknownTokenType;

    fn from_str(name: &str) -> Result<Self, UnknownTokenType> {
        match name {
            "any" => Ok(Self::Any),
            "jwt" => Ok(Self::Jwt),
            "at+jwt" => Ok(Self::AccessToken),
            _ => Err(UnknownTokenType(name.to_owned())),
        }
    }
}

/// What must hold of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ClaimRule {
    /// The claim's name.
    pub name: String,
    /// What must hold.
    pub test: ClaimTest,
}

/// What must hold of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimTest {
    /// It is there, and neither null nor an empty text.
    Present,
    /// It is one of these, or a list with one of these in it.
    OneOf(Vec<ClaimValue>),
}

/// A value that a claim may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ClaimValue {
    Text(String),
    Integer(u64),
    Bool(bool),
}

/// What verifies an issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IssuerKeys {
    /// Public keys, pinned by the compiler.
    Pinned(Vec<PublicKey>),
    /// The name under which the platform's secret store has the HS256 secret.
    Secret(String),
}

/// A public key of an issuer (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct PublicKey {
    /// `kid`.
    pub id: Option<String>,
    /// `alg`: the only algorithm the key is for.
    pub algorithm: Option<Algorithm>,
    /// The key itself.
    pub material: KeyMaterial,
}

/// The octets of a public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyMaterial {
    /// RSA: modulus and exponent, big-endian without leading zeros.
    Rsa(ByteBuf, ByteBuf),
    /// P-256: the uncompressed point of SEC 1 §2.3.3, 65 octets.
    P256(ByteBuf),
    /// P-384: the same, 97 octets.
    P384(ByteBuf),
    /// Ed25519: 32 octets.
    Ed25519(ByteBuf),
}

impl KeyMaterial {
    /// Whether the key can verify signatures of `algorithm`.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa(..) => matches!(
                algorithm,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            ),
            Self::P256(_) => algorithm == Algorithm::ES256,
            Self::P384(_) => algorithm == Algorithm::ES384,
            Self::Ed25519(_) => algorithm == Algorithm::EdDSA,
        }
    }
}
