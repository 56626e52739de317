use serde_json::json;

use super::*;

#[test]
fn claims_that_are_refused() {
    let gateway = gateway_with(issuer(), &[]);
    let now = NOW.seconds();
    for (payload, expected) in [
        (
            with("iss", json!("https://id.bank.example/")),
            "401 credential-invalid",
        ),
        (
            with("iss", json!(["https://id.bank.example"])),
            "401 credential-invalid",
        ),
        (without("iss"), "401 credential-invalid"),
        (with("aud", json!("other")), "401 credential-invalid"),
        (with("aud", json!([])), "401 credential-invalid"),
        (with("aud", json!(["other", "web"])), "forward"),
        (with("aud", json!(["web", 7])), "401 credential-invalid"),
        (without("aud"), "401 credential-invalid"),
        (without("exp"), "401 credential-invalid"),
        (with("exp", json!("later")), "401 credential-invalid"),
        (with("exp", json!(-1)), "401 credential-invalid"),
        (with("exp", json!(1e30)), "401 credential-invalid"),
        (with("exp", json!(now - 29)), "forward"),
        (with("exp", json!(now - 30)), "401 credential-expired"),
        (with("exp", json!(now as f64 + 0.5)), "forward"),
        (with("nbf", json!(now + 30)), "forward"),
        (with("nbf", json!(now + 31)), "401 credential-invalid"),
        (with("iat", json!(now + 31)), "401 credential-invalid"),
        (without("iat"), "forward"),
        (without("sub"), "401 credential-invalid"),
        (with("sub", json!("")), "401 credential-invalid"),
        (json!([]), "401 credential-invalid"),
    ] {
        assert_eq!(verdict(&gateway, &hs256(&payload)), expected, "{payload}");
    }
    let twice = format!(
        r#"{{"exp":1,{}"#,
        claims().to_string().trim_start_matches('{')
    );
    let token = sign_raw(r#"{"alg":"HS256"}"#, &twice);
    assert_eq!(verdict(&gateway, &token), "401 credential-invalid");
}

#[test]
fn scopes_come_in_two_claims() {
    let gateway = gateway_with(issuer(), &["accounts:read", "transfers:write"]);
    for (payload, expected) in [
        (claims(), "forward"),
        (
            with("scope", json!("accounts:read")),
            "403 scope-insufficient",
        ),
        (
            with("scope", json!("accounts:read transfers:writer")),
            "403 scope-insufficient",
        ),
        (without("scope"), "403 scope-insufficient"),
    ] {
        assert_eq!(verdict(&gateway, &hs256(&payload)), expected, "{payload}");
    }
    let mut microsoft = without("scope");
    microsoft["scp"] = json!(["accounts:read", "transfers:write"]);
    assert_eq!(verdict(&gateway, &hs256(&microsoft)), "forward");
    let reply = World::new().reply(&gateway, &bearer(&hs256(&without("scope"))));
    assert_eq!(
        field(&reply, "www-authenticate").as_deref(),
        Some(
            "Bearer realm=\"bank\", error=\"insufficient_scope\", scope=\"accounts:read transfers:write\""
        )
    );
}
