//! The answer (RFC 7662 §2.2).

use serde_json::{Map, Value};
use tidegate_shared::bundle::Introspection;
use tidegate_shared::time::UnixMillis;

use super::unanswered;
use crate::identity::Identity;
use crate::json;
use crate::jwt::InvalidToken;
use crate::jwt::claims::Claims;
use crate::state::Lifetime;

/// Who the token speaks for, and until when, by what the server says of it.
///
/// # Errors
/// [`InvalidToken`]: the server says that it is no good, or it is not good here, or the server says
/// nothing that can be used.
pub(super) fn read(
    body: &[u8],
    by: &Introspection,
    now: UnixMillis,
) -> Result<(Identity, Lifetime), InvalidToken> {
    let members = json::object(body);
    let members = members.ok_or_else(|| unanswered(by, "it gives no JSON object"))?;
    match members.get("active") {
        Some(Value::Bool(true)) => judge(Claims::of(members), by, now),
        Some(Value::Bool(false)) => Err(InvalidToken::Inactive),
        _ => Err(unanswered(by, "it gives no `active`")),
    }
}

/// Holds against the policy what is said of a token that is `active`: its dates and signature are
/// the server's affair (§4), whom it is for is the gateway's. `exp` bounds how long the answer is
/// believed.
fn judge(
    claims: Claims,
    by: &Introspection,
    now: UnixMillis,
) -> Result<(Identity, Lifetime), InvalidToken> {
    let unacceptable = |claim: &'static str| InvalidToken::Claim(claim.into());
    if by.issuer.is_some() && claims.issuer() != by.issuer.as_deref() {
        return Err(unacceptable("iss"));
    }
    let audiences = claims.words("aud")?;
    let mut own = by.audiences.iter();
    if !by.audiences.is_empty() && !own.any(|own| audiences.contains(&own.as_str())) {
        return Err(unacceptable("aud"));
    }
    let lifetime = Lifetime {
        begins: 0,
        ends: claims.date("exp")?.unwrap_or(u64::MAX),
    };
    lifetime.check(now)?;
    // A token of a client alone has no `sub` with many servers. `username` is no substitute: it is
    // for people, and may be another's tomorrow.
    let subject = match claims.text("sub") {
        None if !claims.has("sub") => claims.text("client_id"),
        subject => subject,
    };
    let subject = subject.ok_or_else(|| unacceptable("sub"))?.to_owned();
    let scopes = claims.scopes()?.into_iter().map(str::to_owned).collect();
    let identity = Identity {
        issuer: by.name.clone(),
        subject,
        scopes,
        claims: claims.into_members(),
        certificate: Map::new(),
        plan: None,
        key: None,
    };
    Ok((identity, lifetime))
}
