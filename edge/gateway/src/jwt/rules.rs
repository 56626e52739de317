//! What an issuer's tokens must be beside verified, current and for the audience (RFC 8725 §3.11,
//! §3.12; RFC 9068 §4).

use std::borrow::Cow;

use serde_json::{Map, Value};
use tidegate_shared::bundle::{ClaimTest, ClaimValue, TokenRules, TokenType};

use super::{InvalidToken, unacceptable};

/// Refuses a token of another type. Whatever the rule, kinds of JWT that are no access tokens are
/// refused: by their types they say that they are for something else.
pub(super) fn check_type(wanted: TokenType, typ: Option<&str>) -> Result<(), InvalidToken> {
    let typ = typ.map(str::to_ascii_lowercase);
    let typ = typ
        .as_deref()
        .map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match (wanted, typ) {
        (TokenType::Any, None)
        | (TokenType::Any | TokenType::Jwt, Some("jwt"))
        | (TokenType::Any | TokenType::AccessToken, Some("at+jwt")) => Ok(()),
        (TokenType::Any, Some(_)) => Err(InvalidToken::Type("`JWT` or `at+jwt`")),
        (TokenType::Jwt, _) => Err(InvalidToken::Type("`JWT`")),
        (TokenType::AccessToken, _) => Err(InvalidToken::Type("`at+jwt`")),
    }
}

/// When a token is too old, in seconds since the Unix epoch; `None` where age does not matter.
pub(super) fn too_old(
    rules: &TokenRules,
    issued: Option<u64>,
) -> Result<Option<u64>, InvalidToken> {
    let Some(max_age) = rules.max_age else {
        return Ok(None);
    };
    let issued = issued.ok_or_else(|| unacceptable("iat"))?;
    Ok(Some(issued.saturating_add(max_age.0 / 1000)))
}

/// Refuses a token whose claims break a rule.
pub(super) fn check_claims(
    rules: &TokenRules,
    claims: &Map<String, Value>,
) -> Result<(), InvalidToken> {
    let broken = rules
        .claims
        .iter()
        .find(|rule| !holds(&rule.test, claims.get(&rule.name)));
    broken.map_or(Ok(()), |rule| {
        Err(InvalidToken::Claim(Cow::Owned(rule.name.clone())))
    })
}

fn holds(test: &ClaimTest, claim: Option<&Value>) -> bool {
    let Some(claim) = claim else { return false };
    match test {
        ClaimTest::Present => !claim.is_null() && claim.as_str() != Some(""),
        ClaimTest::OneOf(values) => {
            let one = |claim: &Value| values.iter().any(|value| is(value, claim));
            match claim {
                Value::Array(items) => items.iter().any(one),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Object(_) => one(claim),
            }
        }
    }
}

fn is(value: &ClaimValue, claim: &Value) -> bool {
    match value {
        ClaimValue::Text(text) => claim.as_str() == Some(text),
        ClaimValue::Integer(number) => claim.as_u64() == Some(*number),
        ClaimValue::Bool(value) => claim.as_bool() == Some(*value),
    }
}
