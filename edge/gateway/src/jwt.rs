//! Access tokens: JWT (RFC 7519) by the rules of RFC 8725.

pub(crate) mod claims;
mod rules;

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_shared::bundle::{Issuer, IssuerKeys};
use tidegate_shared::time::UnixMillis;

use crate::identity::Identity;
use crate::jws::{InvalidJws, Token};
use crate::key_sets::NoKeys;
use crate::ports::Ports;
use crate::state::{Known, Lifetime, Memory, Verifier};
use claims::Claims;
pub(crate) use claims::numeric_date;

/// Milliseconds after which a signature is checked again.
const MAX_AGE: u64 = 60_000;

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
    /// It will be good.
    #[error("the token is not valid yet")]
    NotYet,
    /// It was good.
    #[error("the token has expired")]
    Expired,
    /// The server that is asked says that it is no good.
    #[error("the token is not active")]
    Inactive,
    /// The server that is asked says nothing that can be used.
    #[error("`{0}` cannot say what the token is worth: {1}")]
    Unanswered(String, String),
}

/// Verifies a token of one of the issuers: form, algorithm, key, signature, type, claims, in this
/// order, so that nothing of an unverified payload is believed. One that was verified lately, by
/// the same rules and keys, is looked up instead; its dates are held against the time again.
pub(crate) async fn verify<'i>(
    token: &str,
    issuers: &[&'i Issuer],
    memory: &Memory<'_>,
    ports: &impl Ports,
) -> Result<(Arc<Identity>, &'i Issuer), InvalidToken> {
    let lately = |issuer: &&Issuer| {
        let by = verifier(memory, issuer);
        let found = memory.state.tokens.find(by, token, ports.now())?;
        (found.age < MAX_AGE).then_some(found.outcome)
    };
    let known = issuers
        .iter()
        .find_map(|issuer| Some((*issuer, lately(issuer)?)));
    let mut parsed = None;
    let issuer = match &known {
        Some((issuer, _)) => *issuer,
        None => {
            // What is no token costs an issuer nothing.
            let parsed = parsed.insert(Token::parse(token)?);
            match issuers {
                [only] => *only,
                several => named(parsed, several)?,
            }
        }
    };
    let mut keys = match &issuer.remote {
        None => None,
        Some(remote) => Some(memory.state.key_sets.keys(issuer, remote, ports).await?),
    };
    if let Some((_, known)) = known.filter(|(_, known)| same(known.keys.as_ref(), keys.as_ref())) {
        known.lifetime.check(ports.now())?;
        return Ok((known.identity, issuer));
    }
    let parsed = match parsed {
        Some(parsed) => parsed,
        None => Token::parse(token)?,
    };
    let with = keys.as_deref().unwrap_or(&issuer.keys);
    let verified = match (
        parsed.verify(&issuer.algorithms, with, ports).await,
        &issuer.remote,
    ) {
        (Err(InvalidJws::UnknownKey), Some(remote)) => {
            let anew = memory
                .state
                .key_sets
                .look_again(issuer, remote, ports)
                .await;
            let anew = keys.insert(anew.ok_or(InvalidJws::UnknownKey)?);
            parsed.verify(&issuer.algorithms, anew, ports).await?
        }
        (verified, _) => verified?,
    };
    rules::check_type(issuer.rules.token_type, verified.typ)?;
    let (mut identity, lifetime) = Claims::parse(verified.payload)?.check(issuer, ports.now())?;
    identity.key = verified.key.map(str::to_owned);
    let known = Known {
        identity: Arc::new(identity),
        lifetime,
        keys,
    };
    let identity = Arc::clone(&known.identity);
    let by = verifier(memory, issuer);
    // Its claims were in it, in base64.
    let claims = token.len().saturating_mul(2);
    memory
        .state
        .tokens
        .put(by, token, known, claims, ports.now());
    Ok((identity, issuer))
}

fn verifier<'v>(memory: &Memory<'_>, issuer: &'v Issuer) -> Verifier<'v> {
    Verifier {
        bundle: memory.bundle,
        issuer: &issuer.name,
    }
}

/// Whether two sets of keys are one: fetched at once, or both the bundle's own.
fn same(one: Option<&Arc<IssuerKeys>>, other: Option<&Arc<IssuerKeys>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

impl Lifetime {
    pub(crate) fn check(self, now: UnixMillis) -> Result<(), InvalidToken> {
        if now.seconds() >= self.ends {
            return Err(InvalidToken::Expired);
        }
        if now.seconds() < self.begins {
            return Err(InvalidToken::NotYet);
        }
        Ok(())
    }
}

/// The issuer that the token says it is of. That is believed for nothing but which keys to try:
/// with them the whole token is verified, `iss` included.
fn named<'i>(token: &Token<'_>, issuers: &[&'i Issuer]) -> Result<&'i Issuer, InvalidToken> {
    let claims = Claims::parse(token.unverified_payload())?;
    let issuer = claims.issuer().and_then(|name| {
        let mut issuers = issuers.iter().copied();
        issuers.find(|issuer| issuer.issuer == name)
    });
    issuer.ok_or_else(|| unacceptable("iss"))
}

fn unacceptable(claim: &'static str) -> InvalidToken {
    InvalidToken::Claim(Cow::Borrowed(claim))
}
