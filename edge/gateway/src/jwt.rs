//! Access tokens: JWT (RFC 7519) by the rules of RFC 8725.

mod claims;
mod rules;

use std::borrow::Cow;

use tidegate_shared::bundle::Issuer;

use crate::identity::Identity;
use crate::jws::{InvalidJws, Token};
use crate::ports::Ports;
use claims::Claims;

/// Why a token is refused. No text repeats anything of the token itself but names of members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidToken {
    /// It could not be verified.
    #[error(transparent)]
    Jws(#[from] InvalidJws),
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
    ports: &impl Ports,
) -> Result<Identity, InvalidToken> {
    let token = Token::parse(token)?;
    let verified = token
        .verify(&issuer.algorithms, &issuer.keys, ports)
        .await?;
    rules::check_type(issuer.rules.token_type, verified.typ.as_deref())?;
    Claims::parse(&verified.payload)?.check(issuer, ports.now())
}

fn unacceptable(claim: &'static str) -> InvalidToken {
    InvalidToken::Claim(Cow::Borrowed(claim))
}
