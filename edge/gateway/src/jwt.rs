//! Tokens: JWT (RFC 7519) in the compact form of JWS (RFC 7515), by the rules of RFC 8725.

mod claims;
mod json;
mod token;

use tidegate_shared::bundle::{Algorithm, Issuer, IssuerKeys, KeyMaterial, PublicKey};

use crate::identity::Identity;
use crate::ports::Ports;
use crate::signature;
use claims::Claims;
use token::{Header, Token};

/// Why a token is refused. No text repeats anything of the token itself but names of members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidToken {
    /// It is no token that could be verified.
    #[error("malformed token: {0}")]
    Shape(&'static str),
    /// No key of the issuer is for it.
    #[error("no key for the token: {0}")]
    Key(&'static str),
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// The signature holds, a claim does not.
    #[error("claim `{0}` is missing, malformed or not acceptable")]
    Claim(&'static str),
    /// It was good.
    #[error("the token has expired")]
    Expired,
    /// The platform has no secret of that name.
    #[error("the platform holds no secret `{0}`")]
    NoSecret(String),
    /// The runtime could not verify.
    #[error("the signature could not be checked: {0}")]
    Port(String),
}

/// Verifies a token of an issuer: form, algorithm, key, signature, claims, in this order, so that
/// nothing of an unverified payload is believed.
pub(crate) async fn verify(
    token: &str,
    issuer: &Issuer,
    ports: &impl Ports,
) -> Result<Identity, InvalidToken> {
    let token = Token::parse(token)?;
    // RFC 8725 §3.1: the algorithm is the policy's choice, the token's `alg` only picks from it.
    let algorithm = issuer
        .algorithms
        .iter()
        .copied()
        .find(|algorithm| algorithm.name() == token.header.alg);
    let algorithm = algorithm.ok_or(InvalidToken::Key("its algorithm is not allowed"))?;
    let message = token.message.as_bytes();
    let holds = match &issuer.keys {
        IssuerKeys::Secret(name) if algorithm == Algorithm::HS256 => {
            let secret = ports
                .secret(name)
                .ok_or_else(|| InvalidToken::NoSecret(name.clone()))?;
            signature::verify_hmac(&secret, message, &token.signature)
        }
        IssuerKeys::Secret(_) => false,
        IssuerKeys::Pinned(keys) => {
            let key = select(keys, algorithm, &token.header)?;
            let verified = ports
                .verify(algorithm, key, message, &token.signature)
                .await;
            verified.map_err(|error| InvalidToken::Port(error.0))?
        }
    };
    if !holds {
        return Err(InvalidToken::Signature);
    }
    Claims::parse(&token.payload)?.check(issuer, ports.now())
}

/// The key that the token names, or, where it names none, the only one that fits. A key is used
/// with the algorithms of its own type alone (RFC 8725 §3.1), and never for HS256.
fn select<'k>(
    keys: &'k [PublicKey],
    algorithm: Algorithm,
    header: &Header,
) -> Result<&'k KeyMaterial, InvalidToken> {
    let fits = |key: &&PublicKey| {
        key.material.fits(algorithm) && key.algorithm.is_none_or(|only| only == algorithm)
    };
    let named = |key: &&PublicKey| header.kid.is_none() || key.id == header.kid;
    let mut candidates = keys.iter().filter(fits).filter(named);
    let key = candidates
        .next()
        .ok_or(InvalidToken::Key("none fits its algorithm and key id"))?;
    if candidates.next().is_some() {
        return Err(InvalidToken::Key("it names none of several"));
    }
    Ok(&key.material)
}
