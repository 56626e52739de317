//! Access tokens: JWT (RFC 7519) by the rules of RFC 8725.

mod claims;
mod rules;

use std::borrow::Cow;

use tidegate_shared::bundle::{Issuer, IssuerKeys};

use crate::identity::Identity;
use crate::jws::{InvalidJws, Token, Verified};
use crate::key_sets::{KeySets, NoKeys};
use crate::ports::Ports;
use claims::Claims;

/// Why a token is refused. No text repeats anything of the token itself but names of members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidToken {
    /// It could not be verified.
    #[error(transparent)]
    Jws(#[from] InvalidJws),
    /// There is nothing to verify it with.
    #[error(transparent)]
    NoKeys(#[from] NoKeys),
    /// Its signature holds, but it is another kind of token.
    #[error("the token's type is not {0}")]
    Type(&'static str),
    /// The signature holds, a claim does not.
    #[error("claim `{0}` is missing, malformed or not acceptable")]
    Claim(Cow<'static, str>),
    /// It was good.
    #[error("the token has expired")]
    Expired,
}

/// Verifies a token of an issuer: form, algorithm, key, signature, type, claims, in this order, so
/// that nothing of an unverified payload is believed.
pub(crate) async fn verify(
    token: &str,
    issuer: &Issuer,
    key_sets: &KeySets,
    ports: &impl Ports,
) -> Result<Identity, InvalidToken> {
    let verified = match &issuer.remote {
        None => verify_with(token, issuer, &issuer.keys, ports).await?,
        Some(remote) => {
            // What is no token costs the issuer nothing.
            Token::parse(token)?;
            let keys = key_sets.keys(issuer, remote, ports).await?;
            match verify_with(token, issuer, &keys, ports).await {
                Err(InvalidJws::UnknownKey) => {
                    let keys = key_sets.look_again(issuer, remote, ports).await;
                    let keys = keys.ok_or(InvalidJws::UnknownKey)?;
                    verify_with(token, issuer, &keys, ports).await?
                }
                verified => verified?,
            }
        }
    };
    rules::check_type(issuer.rules.token_type, verified.typ.as_deref())?;
    Claims::parse(&verified.payload)?.check(issuer, ports.now())
}

async fn verify_with(
    token: &str,
    issuer: &Issuer,
    keys: &IssuerKeys,
    ports: &impl Ports,
) -> Result<Verified, InvalidJws> {
    let token = Token::parse(token)?;
    token.verify(&issuer.algorithms, keys, ports).await
}

fn unacceptable(claim: &'static str) -> InvalidToken {
    InvalidToken::Claim(Cow::Borrowed(claim))
}
