//! The points of RFC 9449 §4.3, in its order.

use super::*;

#[test]
fn a_good_proof_is_accepted() {
    assert_eq!(verdict_of(&draft().sign()), "forward");
}

#[test]
fn point_1_there_is_exactly_one_proof() {
    let gateway = gateway_with(issuer(), &[]);
    let none = request("GET /a").with("authorization", format!("DPoP {}", bound_token()));
    assert_eq!(World::new().verdict(&gateway, &none), INVALID);
    let (one, two) = (draft().id("1").sign(), draft().id("2").sign());
    for second in [&one, &two] {
        let several = proven(&one).with("dpop", second.clone());
        assert_eq!(World::new().verdict(&gateway, &several), INVALID);
    }
}

#[test]
fn point_2_it_is_one_well_formed_token() {
    let good = draft().sign();
    let (message, _) = good.rsplit_once('.').unwrap();
    for proof in [
        "",
        "a.b.c",
        message,
        &format!("{good}.x"),
        &format!("{good}="),
        &format!("DPoP {good}"),
        &format!("{message}.{}", "A".repeat(9_000)),
    ] {
        assert_eq!(verdict_of(proof), INVALID, "{proof}");
    }
}

#[test]
fn point_3_it_has_every_claim() {
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        for value in [Value::Null, json!([]), json!({}), json!(true)] {
            let proof = draft().claim(claim, value.clone()).sign();
            assert_eq!(verdict_of(&proof), INVALID, "{claim}: {value}");
        }
    }
    for id in [String::new(), "x".repeat(257)] {
        assert_eq!(verdict_of(&draft().id(&id).sign()), INVALID);
    }
}

#[test]
fn point_4_its_type_is_that_of_proofs() {
    for typ in [Value::Null, json!("JWT"), json!("at+jwt"), json!("dpop")] {
        let proof = draft().header("typ", typ.clone()).sign();
        assert_eq!(verdict_of(&proof), INVALID, "{typ}");
    }
}

#[test]
fn point_5_its_algorithm_is_one_of_key_pairs() {
    for alg in ["none", "HS256", "HS512", "ES256", "RS256", "eddsa", ""] {
        let proof = draft().header("alg", json!(alg)).sign();
        assert_eq!(verdict_of(&proof), INVALID, "{alg}");
    }
    // Signed with the octets of the public key as if they were a secret.
    let keys = key_pair(1);
    let forged = draft().header("alg", json!("HS256")).sign();
    let (message, _) = forged.rsplit_once('.').unwrap();
    let tag = hmac_sha256::HMAC::mac(message, *keys.pk);
    let proof = format!("{message}.{}", base64url(tag));
    assert_eq!(verdict_of(&proof), INVALID);
    // A secret of its own as the key.
    let secret = json!({ "kty": "oct", "k": base64url(SECRET) });
    let proof = draft().header("alg", json!("HS256"));
    assert_eq!(verdict_of(&proof.header("jwk", secret).sign()), INVALID);
}

#[test]
fn point_6_its_signature_holds_with_the_key_in_it() {
    let mut other = draft();
    other.keys = key_pair(2);
    assert_eq!(verdict_of(&other.sign()), INVALID);
    let good = draft().sign();
    let (message, _) = good.rsplit_once('.').unwrap();
    for signature in ["", &base64url([0; 64])] {
        assert_eq!(verdict_of(&format!("{message}.{signature}")), INVALID);
    }
}

#[test]
fn point_7_the_key_in_it_is_public() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let mut key = jwk(&key_pair(1));
        key[member] = json!(base64url([1; 32]));
        let proof = draft().header("jwk", key).sign();
        assert_eq!(verdict_of(&proof), INVALID, "{member}");
    }
}

#[test]
fn the_key_in_it_is_for_such_signatures() {
    for (member, value, expected) in [
        ("kid", json!("any"), "forward"),
        ("use", json!("sig"), "forward"),
        ("alg", json!("EdDSA"), "forward"),
        ("use", json!("enc"), INVALID),
        ("alg", json!("ES256"), INVALID),
        ("key_ops", json!(["sign"]), INVALID),
        ("crv", json!("X25519"), INVALID),
        ("x", json!("AA"), INVALID),
    ] {
        let mut key = jwk(&key_pair(1));
        key[member] = value.clone();
        let proof = draft().header("jwk", key).sign();
        assert_eq!(verdict_of(&proof), expected, "{member}: {value}");
    }
    for key in [Value::Null, json!("text"), json!([])] {
        assert_eq!(verdict_of(&draft().header("jwk", key).sign()), INVALID);
    }
}

#[test]
fn point_8_it_is_for_the_method() {
    for method in ["POST", "get", "GET ", "*", ""] {
        assert_eq!(
            verdict_of(&draft().claim("htm", method).sign()),
            INVALID,
            "{method}"
        );
    }
    let gateway = gateway_with(issuer(), &[]);
    let mut posted = proven(&draft().sign());
    posted.method = http::Method::POST;
    assert_eq!(World::new().verdict(&gateway, &posted), INVALID);
    let proof = draft().claim("htm", "POST").sign();
    posted.headers[1].1 = proof;
    assert_eq!(World::new().verdict(&gateway, &posted), "forward");
}

#[test]
fn point_9_it_is_for_the_address() {
    for (address, expected) in [
        ("https://api.bank.example/a?b=c#d", "forward"),
        ("HTTPS://API.bank.example:443/x/../%61", "forward"),
        ("http://api.bank.example/a", INVALID),
        ("https://api.bank.example:8443/a", INVALID),
        ("https://other.bank.example/a", INVALID),
        ("https://api.bank.example/b", INVALID),
        ("https://api.bank.example/a/", INVALID),
        ("https://api.bank.example", INVALID),
        ("/a", INVALID),
        ("", INVALID),
    ] {
        let proof = draft().claim("htu", address).sign();
        assert_eq!(verdict_of(&proof), expected, "{address}");
    }
}

#[test]
fn a_request_is_known_by_its_normal_form_and_without_its_query() {
    let gateway = gateway_with(issuer(), &[]);
    for target in ["/a?b=c", "/x/../a", "/%61"] {
        let mut same = proven(&draft().sign());
        same.target = target.to_owned();
        assert_eq!(World::new().verdict(&gateway, &same), "forward", "{target}");
    }
    let elsewhere = proven(&draft().sign()).to("api.bank.example:8443");
    assert_eq!(World::new().verdict(&gateway, &elsewhere), INVALID);
    let clear = tidegate_edge::Peer {
        scheme: tidegate_edge::Scheme::Http,
        address: None,
    };
    let mut in_the_clear = proven(&draft().sign());
    in_the_clear.peer = clear;
    assert_eq!(World::new().verdict(&gateway, &in_the_clear), INVALID);
}

/// Leeway is half a minute.
#[test]
fn point_11_it_was_made_just_now() {
    let now = i64::try_from(NOW.seconds()).unwrap();
    for (age, expected) in [
        (0, "forward"),
        (89, "forward"),
        (90, INVALID),
        (3_600, INVALID),
        (-30, "forward"),
        (-31, INVALID),
        (-3_600, INVALID),
    ] {
        let proof = draft().claim("iat", now - age).sign();
        assert_eq!(verdict_of(&proof), expected, "{age}");
    }
    for date in [json!("1750000000"), json!(-1), json!(1e300)] {
        assert_eq!(verdict_of(&draft().claim("iat", date).sign()), INVALID);
    }
}

#[test]
fn point_12_it_is_for_the_token() {
    let other = hs256(&with("jti", json!("other")));
    for hash in [
        base64url(Digest::of(other.as_bytes()).0),
        base64url(bound_token()),
        String::new(),
    ] {
        let proof = draft().claim("ath", hash.as_str()).sign();
        assert_eq!(verdict_of(&proof), INVALID, "{hash}");
    }
}

#[test]
fn point_12_its_key_is_the_one_that_the_token_is_bound_to() {
    let keys = key_pair(2);
    let mut proof = draft().header("jwk", jwk(&keys));
    proof.keys = keys;
    let world = World::new();
    let gateway = gateway_with(issuer(), &[]);
    assert_eq!(world.verdict(&gateway, &proven(&proof.sign())), INVALID);
    assert_eq!(world.verifications.get(), 0, "it costs no signature");
}
