//! Proofs that whoever sends a token holds the key that it is bound to: DPoP (RFC 9449).

mod address;
pub(crate) mod nonce;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use crate::json;
use crate::jwk::{self, InvalidJwk};
use crate::jws::{InvalidJws, Token};
use crate::jwt::numeric_date;
use crate::ports::Ports;

pub use address::Address;
pub use nonce::current as nonce;

/// The algorithms of proofs: all but those of shared secrets (RFC 9449 §4.3, point 5).
pub const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Seconds that a proof is good for after it was made (RFC 9449 §11.1).
const MAX_AGE: u64 = 60;
/// The longest proof in octets; more is refused before anything is decoded.
const MAX_PROOF: usize = 8 * 1024;
/// The longest `jti` in octets.
const MAX_ID: usize = 256;

/// Why a proof is refused. No text repeats anything of the proof itself but names of members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProof {
    /// It is longer than any proof need be.
    #[error("the proof is too long")]
    TooLong,
    /// It is no signed token, or its signature does not hold.
    #[error("the proof: {0}")]
    Jws(#[from] InvalidJws),
    /// It is another kind of token.
    #[error("the proof's type is not `dpop+jwt`")]
    Type,
    /// It brings no key, or one that cannot be used.
    #[error("the proof's key: {0}")]
    Key(#[from] InvalidJwk),
    /// The token is bound to another key.
    #[error("the proof's key is not the one that the token is bound to")]
    OtherKey,
    /// A claim is not what the request asks for.
    #[error("claim `{0}` of the proof is missing, malformed or not that of the request")]
    Claim(&'static str),
    /// It was made too long ago, or in the future.
    #[error("the proof was not made just now")]
    Date,
}

/// What a proof must be made for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'p> {
    /// The thumbprint of the key that the token is bound to.
    pub key: Digest,
    /// The request's method.
    pub method: &'p Method,
    /// The request's address.
    pub address: &'p Address<'p>,
    /// The token.
    pub token: &'p str,
    /// How far clocks may differ, in seconds.
    pub leeway: u64,
}

/// A proof that holds. Whether it was used before is still to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `jti`.
    pub id: String,
    /// `nonce`.
    pub nonce: Option<String>,
    /// The second from which on it is too old.
    pub ends: u64,
}

/// Holds a proof against its purpose: the points of RFC 9449 §4.3 but the nonce, which is the
/// policy's affair. The key is compared before the signature is checked, so that a proof of
/// another key costs nothing.
///
/// # Errors
/// [`InvalidProof`].
pub async fn verify(
    proof: &str,
    purpose: &Purpose<'_>,
    ports: &impl Ports,
) -> Result<Proof, InvalidProof> {
    if proof.len() > MAX_PROOF {
        return Err(InvalidProof::TooLong);
    }
    let token = Token::parse(proof)?;
    if token.typ() != Some("dpop+jwt") {
        return Err(InvalidProof::Type);
    }
    let key = own_key(&token)?;
    if jwk::thumbprint(&key) != purpose.key {
        return Err(InvalidProof::OtherKey);
    }
    let payload = token.verify_with(&ALGORITHMS, &key, ports).await?;
    let shape = InvalidJws::Shape("its payload is no JSON object of unique members");
    let claims = json::object(payload).ok_or(shape)?;
    check(&claims, purpose, ports.now())
}

/// The public key in the header (RFC 9449 §4.2; §4.3, point 7).
fn own_key(token: &Token<'_>) -> Result<KeyMaterial, InvalidProof> {
    let unusable = |why: &str| InvalidJwk::Unusable(why.to_owned());
    let value = token.own_key().ok_or_else(|| unusable("there is none"))?;
    let key = jwk::parse(value.clone())?.ok_or_else(|| unusable("it is for something else"))?;
    match key.algorithm {
        Some(only) if only.name() != token.algorithm() => {
            Err(unusable("its `alg` is not the proof's").into())
        }
        Some(_) | None => Ok(key.material),
    }
}

fn check(
    claims: &Map<String, Value>,
    purpose: &Purpose<'_>,
    now: UnixMillis,
) -> Result<Proof, InvalidProof> {
    let text = |name: &'static str| {
        let value = claims.get(name).and_then(Value::as_str);
        value.ok_or(InvalidProof::Claim(name))
    };
    let id = text("jti")?;
    if id.is_empty() || id.len() > MAX_ID {
        return Err(InvalidProof::Claim("jti"));
    }
    if text("htm")? != purpose.method.as_str() {
        return Err(InvalidProof::Claim("htm"));
    }
    if Address::parse(text("htu")?).as_ref() != Some(purpose.address) {
        return Err(InvalidProof::Claim("htu"));
    }
    if text("ath")? != URL_SAFE_NO_PAD.encode(Digest::of(purpose.token.as_bytes()).0) {
        return Err(InvalidProof::Claim("ath"));
    }
    let nonce = claims.contains_key("nonce").then(|| text("nonce"));
    let made = claims.get("iat").and_then(numeric_date);
    let made = made.ok_or(InvalidProof::Claim("iat"))?;
    let ends = made.saturating_add(MAX_AGE).saturating_add(purpose.leeway);
    if made > now.seconds().saturating_add(purpose.leeway) || ends <= now.seconds() {
        return Err(InvalidProof::Date);
    }
    Ok(Proof {
        id: id.to_owned(),
        nonce: nonce.transpose()?.map(str::to_owned),
        ends,
    })
}
