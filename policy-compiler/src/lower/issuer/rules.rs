//! What an issuer's tokens must be.

use tidegate_shared::bundle::{ClaimRule, ClaimTest, TokenRules, TokenType};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::syntax::{Issuer, Profile};

/// Longer than any session: what is meant is no limit at all.
const MAX_AGE: u64 = 365 * 24 * 60 * 60 * 1000;

/// The claims that RFC 9068 §2.2 requires beyond those that every token must have.
const PROFILE_CLAIMS: [&str; 3] = ["client_id", "iat", "jti"];

pub(super) fn lower(issuer: &Issuer, cx: &mut Context<'_>) -> TokenRules {
    let given = issuer.token_type.as_ref();
    let mut rules = TokenRules {
        token_type: given.map_or_else(TokenType::default, |token_type| token_type.value),
        max_age: issuer
            .max_age
            .as_ref()
            .map(|max_age| cx.time(Some(max_age), 0, MAX_AGE)),
        claims: claims(issuer, cx),
    };
    match issuer.profile.as_ref().map(|profile| profile.value) {
        None => {}
        Some(Profile::Rfc9068) => {
            if let Some(other) = given.filter(|given| given.value != TokenType::AccessToken) {
                cx.diagnostics.push(
                    Diagnostic::error(
                        "invalid-value",
                        other.span,
                        "tokens of the profile rfc9068 have the type at+jwt",
                    )
                    .help("leave `type` out"),
                );
            }
            rules.token_type = TokenType::AccessToken;
            rules.claims.extend(PROFILE_CLAIMS.map(|name| ClaimRule {
                name: name.to_owned(),
                test: ClaimTest::Present,
            }));
        }
    }
    rules
}

fn claims(issuer: &Issuer, cx: &mut Context<'_>) -> Vec<ClaimRule> {
    let mut rules = Vec::new();
    for (name, values) in issuer.claims.iter() {
        let checked = match name.as_str() {
            "iss" => Some("`issuer` says what it must be"),
            "aud" => Some("`audiences` says what it must be"),
            "exp" | "nbf" => Some("it is held against the clock, with `leeway`"),
            "iat" => Some("it is held against the clock; use `max_age`"),
            _ => None,
        };
        if let Some(help) = checked {
            cx.diagnostics.push(
                Diagnostic::error(
                    "invalid-value",
                    name.span,
                    format!("the claim `{}` is not for `claims`", name.value),
                )
                .help(help),
            );
        }
        if values.0.is_empty() {
            let message = format!("the claim `{}` can have no value", name.value);
            cx.error("invalid-value", values.span, message);
        }
        rules.push(ClaimRule {
            name: name.value.clone(),
            test: ClaimTest::OneOf(values.0.iter().map(|value| value.0.clone()).collect()),
        });
    }
    rules
}
