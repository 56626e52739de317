use jwt_simple::prelude::*;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Algorithm, ApiKeyRing, Auth, Consumer, Issuer, IssuerKeys, JwtAuth, KeyMaterial, Route, Tables,
};
use tidegate_shared::digest::Digest as Sha256;
use tidegate_shared::units::Span;

use crate::kit::*;

/// An issuer of HS256 tokens, with the secret that the test's world holds.
pub(crate) fn issuer() -> Issuer {
    Issuer {
        name: "customers".to_owned(),
        issuer: "https://id.bank.example".to_owned(),
        audiences: vec!["mobile".to_owned(), "web".to_owned()],
        algorithms: vec![Algorithm::HS256],
        keys: IssuerKeys::Secret("legacy".to_owned()),
        leeway: Span(30_000),
    }
}

fn public_key(id: Option<&str>, material: KeyMaterial) -> tidegate_shared::bundle::PublicKey {
    tidegate_shared::bundle::PublicKey {
        id: id.map(str::to_owned),
        algorithm: None,
        material,
    }
}

fn pinned(algorithms: &[Algorithm], keys: Vec<tidegate_shared::bundle::PublicKey>) -> Issuer {
    Issuer {
        algorithms: algorithms.to_vec(),
        keys: IssuerKeys::Pinned(keys),
        ..issuer()
    }
}

fn gateway_with(issuer: Issuer, scopes: &[&str]) -> Gateway {
    let tables = Tables {
        issuers: vec![issuer],
        ..tables()
    };
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let auth = Auth::Jwt(JwtAuth { issuer: 0, scopes });
    gateway(tables, vec![("/a", Route { auth, ..route("a") })])
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": "https://id.bank.example", "sub": "alice", "aud": "mobile",
        "iat": now, "exp": now + 60, "scope": "accounts:read transfers:write",
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn without(member: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(member);
    claims
}

fn base64url(octets: impl AsRef<[u8]>) -> String {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder};
    Base64UrlSafeNoPadding::encode_to_string(octets).unwrap()
}

/// A token put together by hand, with a good HS256 signature over whatever it holds.
fn sign_raw(header: &str, payload: &str) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let tag = hmac_sha256::HMAC::mac(&message, SECRET);
    format!("{message}.{}", base64url(tag))
}

fn hs256(claims: &Value) -> String {
    sign_raw(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

fn bearer(token: &str) -> Request {
    request("GET /a").with("authorization", format!("Bearer {token}"))
}

fn verdict(gateway: &Gateway, token: &str) -> String {
    World::new().verdict(gateway, &bearer(token))
}

#[test]
fn every_algorithm_is_accepted_with_its_own_key_only() {
    let lasting = || {
        let mut claims = Claims::with_custom_claims(json!({}), Duration::from_hours(1))
            .with_issuer("https://id.bank.example")
            .with_subject("alice")
            .with_audience("mobile");
        let now = UnixTimeStamp::from_millis(NOW.0);
        claims.issued_at = Some(now);
        claims.invalid_before = Some(now);
        claims.expires_at = Some(now + Duration::from_hours(1));
        claims
    };
    let ed25519 = Ed25519KeyPair::generate();
    let es256 = ES256KeyPair::generate();
    let rs256 = RS256KeyPair::generate(2048).unwrap();
    let ps256 = PS256KeyPair::from_der(&rs256.to_der().unwrap()).unwrap();
    let rsa = rs256.public_key().to_components();
    let rsa = KeyMaterial::Rsa(ByteBuf::from(rsa.n), ByteBuf::from(rsa.e));
    let point = es256.key_pair().public_key().to_bytes_uncompressed();
    let signed = [
        (
            Algorithm::RS256,
            rsa.clone(),
            rs256.sign(lasting()).unwrap(),
        ),
        (Algorithm::PS256, rsa, ps256.sign(lasting()).unwrap()),
        (
            Algorithm::ES256,
            KeyMaterial::P256(ByteBuf::from(point)),
            es256.sign(lasting()).unwrap(),
        ),
        (
            Algorithm::EdDSA,
            KeyMaterial::Ed25519(ByteBuf::from(ed25519.public_key().to_bytes())),
            ed25519.sign(lasting()).unwrap(),
        ),
    ];
    for (algorithm, key, token) in &signed {
        let gateway = gateway_with(
            pinned(&[*algorithm], vec![public_key(None, key.clone())]),
            &[],
        );
        assert_eq!(verdict(&gateway, token), "forward", "{algorithm:?}");
        // The message altered, the signature kept.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let forged = format!("{header}.{}.{signature}", base64url(claims().to_string()));
        assert_eq!(
            verdict(&gateway, &forged),
            "401 credential-invalid",
            "{algorithm:?}"
        );
        for (other, _, token) in signed.iter().filter(|(other, ..)| other != algorithm) {
            assert_eq!(
                verdict(&gateway, token),
                "401 credential-invalid",
                "{other:?} for {algorithm:?}"
            );
        }
    }
}

#[test]
fn a_good_token_passes() {
    let gateway = gateway_with(issuer(), &["accounts:read"]);
    assert_eq!(verdict(&gateway, &hs256(&claims())), "forward");
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"application/at+JWT"}"#,
    ] {
        assert_eq!(
            verdict(&gateway, &sign_raw(header, &claims().to_string())),
            "forward",
            "{header}"
        );
    }
    let lower = request("GET /a").with("authorization", format!("bearer  {}", hs256(&claims())));
    assert_eq!(World::new().verdict(&gateway, &lower), "forward");
}

/// RFC 8725 §3.1, §3.2, §3.10, §3.11; RFC 7515 §4.1.11.
#[test]
fn headers_that_are_refused() {
    let gateway = gateway_with(issuer(), &[]);
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":2}}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"["HS256"]"#,
        "",
    ] {
        let token = sign_raw(header, &claims().to_string());
        assert_eq!(
            verdict(&gateway, &token),
            "401 credential-invalid",
            "{header}"
        );
    }
    let unsigned = format!(
        "{}.{}.",
        base64url(r#"{"alg":"none"}"#),
        base64url(claims().to_string())
    );
    assert_eq!(verdict(&gateway, &unsigned), "401 credential-invalid");
}

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
fn shapes_that_are_refused() {
    let gateway = gateway_with(issuer(), &[]);
    let good = hs256(&claims());
    for token in [
        String::new(),
        "a".to_owned(),
        "a.b".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!("{good}\u{e9}"),
        good.replace('.', ".."),
        "x".repeat(1 << 20),
    ] {
        let found = verdict(&gateway, &token);
        assert!(
            found.starts_with("401 "),
            "{found} for {}",
            token.chars().take(40).collect::<String>()
        );
    }
    let two = bearer(&good).with("authorization", format!("Bearer {good}"));
    assert_eq!(
        World::new().verdict(&gateway, &two),
        "401 credential-invalid"
    );
    let basic = request("GET /a").with("authorization", "Basic YTpi");
    assert_eq!(
        World::new().verdict(&gateway, &basic),
        "401 credential-missing"
    );
}

#[test]
fn no_mutation_of_a_good_token_is_accepted() {
    let gateway = gateway_with(issuer(), &[]);
    let good = hs256(&claims());
    for (index, octet) in good.bytes().enumerate() {
        for new in [b'A', b'B', b'_', b'.'] {
            if new == octet {
                continue;
            }
            let mut mutated = good.clone().into_bytes();
            mutated[index] = new;
            let mutated = String::from_utf8(mutated).unwrap();
            assert!(
                verdict(&gateway, &mutated).starts_with("401"),
                "octet {index}"
            );
        }
    }
}

/// RFC 8725 §2.1: the public key's octets are no HMAC secret.
#[test]
fn public_keys_sign_nothing() {
    let pair = ES256KeyPair::generate();
    let point = pair.key_pair().public_key().to_bytes_uncompressed();
    let key = public_key(None, KeyMaterial::P256(ByteBuf::from(point.clone())));
    let gateway = gateway_with(
        pinned(&[Algorithm::ES256, Algorithm::HS256], vec![key]),
        &[],
    );
    let message = format!(
        "{}.{}",
        base64url(r#"{"alg":"HS256"}"#),
        base64url(claims().to_string())
    );
    let token = format!(
        "{message}.{}",
        base64url(hmac_sha256::HMAC::mac(&message, &point))
    );
    assert_eq!(verdict(&gateway, &token), "401 credential-invalid");
}

#[test]
fn the_key_id_picks_the_key() {
    let [a, b] = ["a", "b"].map(|id| (id, Ed25519KeyPair::generate()));
    let material =
        |pair: &Ed25519KeyPair| KeyMaterial::Ed25519(ByteBuf::from(pair.public_key().to_bytes()));
    let keys = [&a, &b]
        .map(|(id, pair)| public_key(Some(id), material(pair)))
        .to_vec();
    let gateway = gateway_with(pinned(&[Algorithm::EdDSA], keys), &[]);
    let sign = |pair: &Ed25519KeyPair, header: &str| {
        let message = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let key = ed25519_compact::KeyPair::from_slice(&pair.to_bytes()).unwrap();
        format!(
            "{message}.{}",
            base64url(key.sk.sign(&message, None).as_ref())
        )
    };
    for (pair, header, expected) in [
        (&a.1, r#"{"alg":"EdDSA","kid":"a"}"#, "forward"),
        (&b.1, r#"{"alg":"EdDSA","kid":"b"}"#, "forward"),
        (
            &b.1,
            r#"{"alg":"EdDSA","kid":"a"}"#,
            "401 credential-invalid",
        ),
        (
            &a.1,
            r#"{"alg":"EdDSA","kid":"c"}"#,
            "401 credential-invalid",
        ),
        (&a.1, r#"{"alg":"EdDSA"}"#, "401 credential-invalid"),
    ] {
        assert_eq!(verdict(&gateway, &sign(pair, header)), expected, "{header}");
    }
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

#[test]
fn challenges_say_what_is_wrong_and_no_more() {
    let gateway = gateway_with(issuer(), &[]);
    let missing = World::new().reply(&gateway, &request("GET /a"));
    assert_eq!(
        field(&missing, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\"")
    );
    let token = hs256(&with("aud", json!("other")));
    let invalid = World::new().reply(&gateway, &bearer(&token));
    assert_eq!(
        field(&invalid, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\", error=\"invalid_token\"")
    );
    assert!(
        !String::from_utf8(invalid.body.to_vec())
            .unwrap()
            .contains("aud")
    );
}

#[test]
fn api_keys_are_known_by_their_digests() {
    let ring = ApiKeyRing {
        name: "partners".to_owned(),
        header: "x-api-key".to_owned(),
        consumers: vec![Consumer {
            name: "acme".to_owned(),
            keys: vec![Sha256::of(b"old key"), Sha256::of(b"new key")],
        }],
    };
    let tables = Tables {
        api_keys: vec![ring],
        ..tables()
    };
    let gateway = gateway(
        tables,
        vec![(
            "/a",
            Route {
                auth: Auth::ApiKey(0),
                ..route("a")
            },
        )],
    );
    let world = World::new();
    for (key, expected) in [
        (Some("old key"), "forward"),
        (Some("new key"), "forward"),
        (Some("other"), "401 credential-invalid"),
        (Some(""), "401 credential-invalid"),
        (None, "401 credential-missing"),
    ] {
        let request = match key {
            Some(key) => request("GET /a").with("x-api-key", key),
            None => request("GET /a"),
        };
        assert_eq!(world.verdict(&gateway, &request), expected, "{key:?}");
    }
}
