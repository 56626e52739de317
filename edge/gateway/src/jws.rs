//! Signed tokens in the compact form of JWS (RFC 7515): from a text to a payload whose signature
//! holds. What the payload says is the affair of whoever asked.

mod token;

use tidegate_shared::bundle::{Algorithm, IssuerKeys, KeyMaterial, PublicKey};

use crate::ports::Ports;
use crate::signature;
use token::Header;

pub use token::Token;

/// The shortest secret for HS256 in octets: as long as its hash (RFC 7518 §3.2).
pub(crate) const MIN_SECRET: usize = 32;

/// Why a token is refused. No text repeats anything of the token itself but names of members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJws {
    /// It is no token that could be verified.
    #[error("malformed token: {0}")]
    Shape(&'static str),
    /// No key is for it.
    #[error("no key for the token: {0}")]
    Key(&'static str),
    /// No key of the set is the one that it names.
    #[error("no key for the token: none fits its algorithm and key id")]
    UnknownKey,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// The platform has no secret of that name.
    #[error("the platform holds no secret `{0}`")]
    NoSecret(String),
    /// The platform's secret of that name can be guessed.
    #[error("the secret `{0}` has fewer than {MIN_SECRET} octets")]
    WeakSecret(String),
    /// The runtime could not verify.
    #[error("the signature could not be checked: {0}")]
    Port(String),
}

/// What a token says whose signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'t> {
    /// `typ` of the header.
    pub typ: Option<&'t str>,
    /// The id of the key that verified it: its own `kid`, or where it names none, the set's.
    pub key: Option<&'t str>,
    /// The payload's octets.
    pub payload: &'t [u8],
}

impl Token<'_> {
    /// What the token says, be it true or not: good for choosing who verifies it.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies the token: algorithm, key, signature, in this order.
    ///
    /// # Errors
    /// [`InvalidJws`].
    pub async fn verify<'v>(
        &'v self,
        algorithms: &[Algorithm],
        keys: &'v IssuerKeys,
        ports: &impl Ports,
    ) -> Result<Verified<'v>, InvalidJws> {
        let algorithm = self.pick(algorithms)?;
        let mut id = self.header.kid.as_deref();
        let holds = match keys {
            IssuerKeys::Secret(name) if algorithm == Algorithm::HS256 => {
                let secret = ports
                    .secret(name)
                    .ok_or_else(|| InvalidJws::NoSecret(name.clone()))?;
                if secret.len() < MIN_SECRET {
                    return Err(InvalidJws::WeakSecret(name.clone()));
                }
                signature::verify_hmac(&secret, self.message.as_bytes(), &self.signature)
            }
            IssuerKeys::Secret(_) => false,
            IssuerKeys::Pinned(keys) => {
                let key = select(keys, algorithm, &self.header)?;
                id = id.or(key.id.as_deref());
                self.holds(algorithm, &key.material, ports).await?
            }
        };
        if !holds {
            return Err(InvalidJws::Signature);
        }
        Ok(Verified {
            typ: self.header.typ.as_deref(),
            key: id,
            payload: &self.payload,
        })
    }

    /// Verifies the token with this key, and gives its payload's octets.
    ///
    /// # Errors
    /// [`InvalidJws`].
    pub async fn verify_with(
        &self,
        algorithms: &[Algorithm],
        key: &KeyMaterial,
        ports: &impl Ports,
    ) -> Result<&[u8], InvalidJws> {
        let algorithm = self.pick(algorithms)?;
        if !key.fits(algorithm) {
            return Err(InvalidJws::Key("its algorithm is not for the key"));
        }
        if self.holds(algorithm, key, ports).await? {
            Ok(&self.payload)
        } else {
            Err(InvalidJws::Signature)
        }
    }

    /// RFC 8725 §3.1: the algorithm is the policy's choice, the token's `alg` only picks from it.
    fn pick(&self, algorithms: &[Algorithm]) -> Result<Algorithm, InvalidJws> {
        let mut algorithms = algorithms.iter().copied();
        algorithms
            .find(|algorithm| algorithm.name() == self.header.alg)
            .ok_or(InvalidJws::Key("its algorithm is not allowed"))
    }

    async fn holds(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        ports: &impl Ports,
    ) -> Result<bool, InvalidJws> {
        let message = self.message.as_bytes();
        let verified = ports.verify(algorithm, key, message, &self.signature).await;
        verified.map_err(|error| InvalidJws::Port(error.0))
    }
}

/// The key that the token names, or, where it names none, the only one that fits. A key is used
/// with the algorithms of its own type alone (RFC 8725 §3.1), and never for HS256.
fn select<'k>(
    keys: &'k [PublicKey],
    algorithm: Algorithm,
    header: &Header,
) -> Result<&'k PublicKey, InvalidJws> {
    let fits = |key: &&PublicKey| {
        key.material.fits(algorithm) && key.algorithm.is_none_or(|only| only == algorithm)
    };
    let named = |key: &&PublicKey| header.kid.is_none() || key.id == header.kid;
    let mut candidates = keys.iter().filter(fits).filter(named);
    let key = candidates.next().ok_or(InvalidJws::UnknownKey)?;
    if candidates.next().is_some() {
        return Err(InvalidJws::Key("it names none of several"));
    }
    Ok(key)
}
