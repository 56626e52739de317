//! What an issuer's tokens must be beside verified and current.

use serde_json::json;
use tidegate_shared::bundle::{ClaimRule, ClaimTest, ClaimValue, TokenRules, TokenType};

use super::*;

fn gateway_by(rules: TokenRules) -> Gateway {
    gateway_with(Issuer { rules, ..issuer() }, &[])
}

fn rule(name: &str, test: ClaimTest) -> ClaimRule {
    ClaimRule {
        name: name.to_owned(),
        test,
    }
}

#[test]
fn the_type_is_held_against_the_rule() {
    const GOOD: &str = "forward";
    const BAD: &str = "401 credential-invalid";
    for (typ, any, jwt, access) in [
        (None, GOOD, BAD, BAD),
        (Some("JWT"), GOOD, GOOD, BAD),
        (Some("jwt"), GOOD, GOOD, BAD),
        (Some("application/jwt"), GOOD, GOOD, BAD),
        (Some("at+jwt"), GOOD, BAD, GOOD),
        (Some("application/AT+JWT"), GOOD, BAD, GOOD),
        (Some("application/application/at+jwt"), BAD, BAD, BAD),
        (Some("id+jwt"), BAD, BAD, BAD),
        (Some(" at+jwt"), BAD, BAD, BAD),
        (Some(""), BAD, BAD, BAD),
    ] {
        let header = json!({ "alg": "HS256", "typ": typ });
        let header = match typ {
            None => json!({ "alg": "HS256" }),
            Some(_) => header,
        };
        let token = sign_raw(&header.to_string(), &claims().to_string());
        for (token_type, expected) in [
            (TokenType::Any, any),
            (TokenType::Jwt, jwt),
            (TokenType::AccessToken, access),
        ] {
            let gateway = gateway_by(TokenRules {
                token_type,
                ..TokenRules::default()
            });
            assert_eq!(
                verdict(&gateway, &token),
                expected,
                "{typ:?} {token_type:?}"
            );
        }
    }
}

#[test]
fn the_age_is_counted_from_iat() {
    let gateway = gateway_by(TokenRules {
        max_age: Some(Span(300_000)),
        ..TokenRules::default()
    });
    let now = NOW.seconds();
    // With a leeway of 30 seconds.
    for (payload, expected) in [
        (with("iat", json!(now)), "forward"),
        (with("iat", json!(now - 329)), "forward"),
        (with("iat", json!(now - 330)), "401 credential-expired"),
        (with("iat", json!(0)), "401 credential-expired"),
        (with("iat", json!("now")), "401 credential-invalid"),
        (with("iat", json!(null)), "401 credential-invalid"),
        (without("iat"), "401 credential-invalid"),
    ] {
        assert_eq!(verdict(&gateway, &hs256(&payload)), expected, "{payload}");
    }
}

#[test]
fn claims_have_one_of_their_values() {
    let values = vec![
        ClaimValue::Text("gold".to_owned()),
        ClaimValue::Integer(7),
        ClaimValue::Bool(true),
    ];
    let gateway = gateway_by(TokenRules {
        claims: vec![rule("tier", ClaimTest::OneOf(values))],
        ..TokenRules::default()
    });
    for (value, holds) in [
        (json!("gold"), true),
        (json!(7), true),
        (json!(true), true),
        (json!(["silver", "gold"]), true),
        (json!("Gold"), false),
        (json!("7"), false),
        (json!("true"), false),
        (json!(false), false),
        (json!(1), false),
        (json!(7.5), false),
        (json!(-7), false),
        (json!([]), false),
        (json!([["gold"]]), false),
        (json!({ "gold": true }), false),
        (json!(null), false),
    ] {
        let expected = if holds {
            "forward"
        } else {
            "401 credential-invalid"
        };
        let token = hs256(&with("tier", value.clone()));
        assert_eq!(verdict(&gateway, &token), expected, "{value}");
    }
    assert_eq!(
        verdict(&gateway, &hs256(&claims())),
        "401 credential-invalid"
    );
}

#[test]
fn claims_that_must_be_there() {
    let gateway = gateway_by(TokenRules {
        claims: vec![rule("jti", ClaimTest::Present)],
        ..TokenRules::default()
    });
    for (value, holds) in [
        (json!("a"), true),
        (json!(0), true),
        (json!(""), false),
        (json!(null), false),
    ] {
        let expected = if holds {
            "forward"
        } else {
            "401 credential-invalid"
        };
        let token = hs256(&with("jti", value.clone()));
        assert_eq!(verdict(&gateway, &token), expected, "{value}");
    }
    assert_eq!(
        verdict(&gateway, &hs256(&claims())),
        "401 credential-invalid"
    );
}
