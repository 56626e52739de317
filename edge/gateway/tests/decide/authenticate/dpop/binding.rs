//! Which tokens must be bound, and how they must come (RFC 9449 §7).

use super::*;

const ALGORITHMS: &str = "ES256 ES384 EdDSA RS256 RS384 RS512 PS256 PS384 PS512";

/// §7.2.
#[test]
fn a_bound_token_is_no_bearer_token() {
    let gateway = gateway_with(issuer(), &[]);
    let plain = bearer(&bound_token());
    let with_proof = bearer(&bound_token()).with("dpop", draft().sign());
    for request in [plain, with_proof] {
        assert_eq!(
            World::new().verdict(&gateway, &request),
            "401 credential-invalid"
        );
        let expected = format!(r#"DPoP realm="bank", error="invalid_token", algs="{ALGORITHMS}""#);
        assert_eq!(challenges(&gateway, &request), expected);
    }
}

#[test]
fn a_bound_token_in_a_place_without_schemes_is_refused() {
    let source = TokenSource::Header("x-token".to_owned());
    let gateway = gateway_with(Issuer { source, ..issuer() }, &[]);
    let request = request("GET /a")
        .with("x-token", bound_token())
        .with("dpop", draft().sign());
    assert_eq!(
        World::new().verdict(&gateway, &request),
        "401 credential-invalid"
    );
}

#[test]
fn a_token_that_is_not_bound_needs_no_proof_and_takes_none() {
    let gateway = gateway_with(issuer(), &[]);
    let token = hs256(&claims());
    assert_eq!(World::new().verdict(&gateway, &bearer(&token)), "forward");
    let ath = base64url(Digest::of(token.as_bytes()).0);
    let proven = request("GET /a")
        .with("authorization", format!("DPoP {token}"))
        .with("dpop", draft().claim("ath", ath).sign());
    assert_eq!(
        World::new().verdict(&gateway, &proven),
        "401 credential-invalid"
    );
}

#[test]
fn a_binding_that_cannot_be_checked_refuses_the_token() {
    let gateway = gateway_with(issuer(), &[]);
    for cnf in [
        json!({ "kid": "a" }),
        json!({ "jwk": jwk(&key_pair(1)) }),
        json!({ "x5t#S256": "short" }),
        json!({ "jkt": "short" }),
        json!({}),
        json!("text"),
        json!(null),
    ] {
        let token = hs256(&with("cnf", cnf.clone()));
        assert_eq!(
            World::new().verdict(&gateway, &bearer(&token)),
            "401 credential-invalid",
            "{cnf}"
        );
    }
}

/// A proof of the key does not stand in for the certificate.
#[test]
fn a_token_that_is_bound_twice_is_proven_twice() {
    let cnf = json!({ "jkt": thumbprint(&key_pair(1)), "x5t#S256": base64url([7; 32]) });
    let token = hs256(&with("cnf", cnf));
    let ath = base64url(Digest::of(token.as_bytes()).0);
    let request = request("GET /a")
        .with("authorization", format!("DPoP {token}"))
        .with("dpop", draft().claim("ath", ath).sign());
    let gateway = gateway_with(issuer(), &[]);
    assert_eq!(World::new().verdict(&gateway, &request), INVALID);
    let request = Request {
        certificate: Some(Digest([7; 32])),
        ..request
    };
    assert_eq!(World::new().verdict(&gateway, &request), "forward");
}

#[test]
fn an_issuer_may_ask_that_its_tokens_are_bound() {
    for (binding, expected) in [
        (Binding::Dpop, "forward"),
        (Binding::Any, "forward"),
        (Binding::Certificate, "401 credential-invalid"),
    ] {
        let gateway = gateway_with(issuer_bound(binding), &[]);
        let world = World::new();
        assert_eq!(
            world.verdict(&gateway, &bearer(&hs256(&claims()))),
            "401 credential-invalid"
        );
        assert_eq!(
            world.verdict(&gateway, &proven(&draft().sign())),
            expected,
            "{binding:?}"
        );
    }
}

#[test]
fn challenges_name_the_schemes_that_help() {
    let bearer = r#"Bearer realm="bank""#;
    let dpop = format!(r#"DPoP realm="bank", algs="{ALGORITHMS}""#);
    let nothing = request("GET /a");
    for (binding, expected) in [
        (Binding::Dpop, dpop.clone()),
        (Binding::Any, format!("{bearer}, {dpop}")),
        (Binding::Certificate, bearer.to_owned()),
    ] {
        let gateway = gateway_with(issuer_bound(binding), &[]);
        assert_eq!(challenges(&gateway, &nothing), expected, "{binding:?}");
    }
    let gateway = gateway_with(issuer(), &["admin"]);
    let expected = format!(r#"DPoP realm="bank", error="invalid_dpop_proof", algs="{ALGORITHMS}""#);
    assert_eq!(challenges(&gateway, &proven("nonsense")), expected);
    let expected = format!(
        r#"DPoP realm="bank", error="insufficient_scope", algs="{ALGORITHMS}", scope="admin""#
    );
    assert_eq!(challenges(&gateway, &proven(&draft().sign())), expected);
}

#[test]
fn two_schemes_are_two_tokens() {
    let request =
        proven(&draft().sign()).with("authorization", format!("Bearer {}", bound_token()));
    assert_eq!(
        World::new().verdict(&gateway_with(issuer(), &[]), &request),
        "400 credential-ambiguous"
    );
}

#[test]
fn where_the_credential_is_removed_the_proof_is_too() {
    let mut tables = Tables {
        issuers: vec![issuer()],
        ..tables()
    };
    tables.upstreams[0].caller.remove_credential = true;
    let auth = Auth::Jwt(JwtAuth {
        issuers: vec![0],
        scopes: vec![],
    });
    let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
    let forward = World::new().forward(&gateway, &proven(&draft().sign()));
    for name in ["authorization", "dpop"] {
        assert!(forward.request.remove.iter().any(|own| own == name));
    }
}
