//! What the origin is told of the caller.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tidegate_shared::bundle::{CallerFact, CallerFacts, CallerToken};
use tidegate_shared::problem::Problem;

use crate::decision::{Exchange, HeadEdits};
use crate::identity::Identity;
use crate::jws;
use crate::ports::Ports;
use crate::refusal::Refusal;

/// Adds what the origin is told. A field that the policy names for it is never the client's own:
/// without a caller it is removed.
pub(crate) fn tell(
    facts: &CallerFacts,
    identity: Option<&Identity>,
    exchange: &Exchange,
    policy: &str,
    ports: &impl Ports,
    edits: &mut HeadEdits,
) -> Result<(), Refusal> {
    let CallerFacts {
        headers,
        token,
        remove_credential: _,
    } = facts;
    for (name, fact) in headers {
        let value = say(fact, identity, exchange);
        let value = value.map(|value| encode(&value));
        put(name, value, edits)?;
    }
    if let Some(token) = token {
        let minted = identity.map(|identity| mint(token, identity, exchange, policy, ports));
        put(&token.header, minted.transpose()?, edits)?;
    }
    Ok(())
}

/// `None` where there is nothing to say: nobody is known, has no such claim, or is on no plan.
fn say<'i>(
    fact: &CallerFact,
    identity: Option<&'i Identity>,
    exchange: &'i Exchange,
) -> Option<Cow<'i, str>> {
    Some(match fact {
        CallerFact::Subject => Cow::Borrowed(&identity?.subject),
        CallerFact::Issuer => Cow::Borrowed(&identity?.issuer),
        CallerFact::Scopes => Cow::Owned(identity?.scopes.join(" ")),
        CallerFact::Plan => Cow::Borrowed(exchange.plan.as_deref()?),
        CallerFact::Claim(name) => text(identity?.claims.get(name)?),
        CallerFact::Certificate(name) => text(identity?.certificate.get(name)?),
    })
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> Cow<'_, str> {
    let text = value.as_str().map(Cow::Borrowed);
    text.unwrap_or_else(|| Cow::Owned(value.to_string()))
}

/// Percent-encodes what is not printable ASCII (RFC 3986 §2.1), and the percent sign: a subject
/// may be any text, a field's value may not.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if matches!(octet, b' '..=b'~') && octet != b'%' {
            encoded.push(char::from(octet));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

fn put(name: &str, value: Option<String>, edits: &mut HeadEdits) -> Result<(), Refusal> {
    let unusable = || {
        Refusal::new(
            Problem::Internal,
            "a field for the caller is no header field",
        )
    };
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
    match value {
        None => edits.remove.push(name),
        Some(value) => {
            let value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            edits.set.push((name, value));
        }
    }
    Ok(())
}

/// A token for the mesh (RFC 7519 §4.1). `jti` is the request's id, so that a token says which
/// request it was made for.
fn mint(
    token: &CallerToken,
    identity: &Identity,
    exchange: &Exchange,
    policy: &str,
    ports: &impl Ports,
) -> Result<String, Refusal> {
    let secret = ports.secret(&token.secret);
    let secret = secret.filter(|secret| secret.len() >= jws::MIN_SECRET);
    let secret = secret.ok_or_else(|| {
        let cause = format!(
            "no secret `{}` to sign the caller's token with",
            token.secret
        );
        Refusal::new(Problem::Internal, cause)
    })?;
    let now = exchange.started.seconds();
    let claims = json!({
        "iss": format!("urn:tidegate:{policy}"),
        "aud": token.audience,
        "sub": identity.subject,
        "idp": identity.issuer,
        "scope": identity.scopes.join(" "),
        "iat": now,
        "exp": now.saturating_add(token.lifetime.0.div_ceil(1000)),
        "jti": exchange.request_id(),
    });
    let mut minted = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    minted.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut minted);
    let tag = hmac_sha256::HMAC::mac(&minted, &secret);
    minted.push('.');
    URL_SAFE_NO_PAD.encode_string(tag, &mut minted);
    Ok(minted)
}
