//! RFC 8725, JSON Web Token Best Current Practices: each recommendation of §3, by its number.

use jwt_simple::algorithms::{ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair};
use serde_bytes::ByteBuf;
use serde_json::json;
use tidegate_edge::LoadError;
use tidegate_shared::bundle::{
    Algorithm, ClaimRule, ClaimTest, IssuerKeys, KeyMaterial, TokenRules, TokenType,
};

use super::*;

const INVALID: &str = "401 credential-invalid";

fn assert_refused(gateway: &Gateway, header: &str) {
    let token = sign_raw(header, &claims().to_string());
    assert_eq!(verdict(gateway, &token), INVALID, "{header}");
}

/// The policy's algorithms are the only ones, and a key is used with its own.
#[test]
fn section_3_1_algorithms_are_verified() {
    let gateway = gateway_with(issuer(), &[]);
    for header in [
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
    ] {
        assert_refused(&gateway, header);
    }
    // The octets of a public key are no secret, even where a policy allowed both algorithms.
    let pair = ES256KeyPair::generate();
    let point = pair.key_pair().public_key().to_bytes_uncompressed();
    let key = public_key(None, KeyMaterial::P256(ByteBuf::from(point.clone())));
    let both = pinned(&[Algorithm::ES256, Algorithm::HS256], vec![key]);
    let message = format!(
        "{}.{}",
        base64url(r#"{"alg":"HS256"}"#),
        base64url(claims().to_string())
    );
    let tag = hmac_sha256::HMAC::mac(&message, &point);
    let token = format!("{message}.{}", base64url(tag));
    assert_eq!(verdict(&gateway_with(both, &[]), &token), INVALID);
}

#[test]
fn section_3_2_none_is_no_algorithm() {
    let gateway = gateway_with(issuer(), &[]);
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"None"}"#, r#"{"alg":""}"#] {
        assert_refused(&gateway, header);
        let (header, payload) = (base64url(header), base64url(claims().to_string()));
        assert_eq!(verdict(&gateway, &format!("{header}.{payload}.")), INVALID);
    }
}

/// A token within a token is neither opened nor believed, and an encrypted one is none.
#[test]
fn section_3_3_nothing_nested_is_half_checked() {
    let gateway = gateway_with(issuer(), &[]);
    let nested = sign_raw(r#"{"alg":"HS256","cty":"JWT"}"#, &hs256(&claims()));
    assert_eq!(verdict(&gateway, &nested), INVALID);
    let header = base64url(r#"{"alg":"dir","enc":"A256GCM"}"#);
    let encrypted = format!("{header}..AAAA.AAAA.AAAA");
    assert_eq!(verdict(&gateway, &encrypted), INVALID);
}

/// A key that is no point of its curve, or no modulus, is in no gateway.
#[test]
fn section_3_4_keys_are_validated() {
    let off_curve = [vec![4], vec![1; 64]].concat();
    for material in [
        KeyMaterial::P256(ByteBuf::from(off_curve)),
        KeyMaterial::P384(ByteBuf::from(vec![4; 97])),
        KeyMaterial::Ed25519(ByteBuf::from(vec![0; 31])),
        KeyMaterial::Rsa(ByteBuf::from(vec![0xff; 128]), ByteBuf::from([1, 0, 1])),
        KeyMaterial::Rsa(ByteBuf::from(vec![0xff; 256]), ByteBuf::from([3])),
    ] {
        let tables = Tables {
            issuers: vec![pinned(
                &Algorithm::ALL,
                vec![public_key(None, material.clone())],
            )],
            ..tables()
        };
        let loaded = load(tables, vec![]);
        let expected = LoadError::Key("customers".to_owned());
        assert_eq!(loaded.err(), Some(expected), "{material:?}");
    }
}

/// A secret that is shorter than the hash can be guessed (RFC 7518 §3.2): the operator's fault.
#[test]
fn section_3_5_weak_secrets_are_refused() {
    let keys = IssuerKeys::Secret("weak".to_owned());
    let gateway = gateway_with(Issuer { keys, ..issuer() }, &[]);
    let (header, payload) = (r#"{"alg":"HS256"}"#, claims().to_string());
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let tag = hmac_sha256::HMAC::mac(&message, WEAK_SECRET);
    let token = format!("{message}.{}", base64url(tag));
    assert_eq!(verdict(&gateway, &token), "500 internal");
}

/// Compression tells of what is encrypted; nothing is, and nothing is decompressed.
#[test]
fn section_3_6_nothing_is_decompressed() {
    let gateway = gateway_with(issuer(), &[]);
    // The same claims in a raw DEFLATE block that is stored.
    let plain = claims().to_string();
    let length = u16::try_from(plain.len()).unwrap();
    let mut block = vec![1];
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block.extend(plain.as_bytes());
    let header = r#"{"alg":"HS256","zip":"DEF"}"#;
    assert_eq!(verdict(&gateway, &sign_octets(header, &block)), INVALID);
}

#[test]
fn section_3_7_texts_are_utf_8() {
    let gateway = gateway_with(issuer(), &[]);
    let header = r#"{"alg":"HS256"}"#;
    let good = with("name", json!("Zoë")).to_string();
    assert_eq!(verdict(&gateway, &sign_raw(header, &good)), "forward");
    let latin: Vec<u8> = good.chars().map(|c| u8::try_from(c).unwrap()).collect();
    assert_eq!(verdict(&gateway, &sign_octets(header, &latin)), INVALID);
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(verdict(&gateway, &sign_octets(header, &utf_16)), INVALID);
    let marked = [b"\xef\xbb\xbf", good.as_bytes()].concat();
    assert_eq!(verdict(&gateway, &sign_octets(header, &marked)), INVALID);
}

#[test]
fn section_3_8_issuer_and_subject_are_validated() {
    let gateway = gateway_with(issuer(), &[]);
    for payload in [
        with("iss", json!("https://id.bank.example/")),
        with("iss", json!("HTTPS://id.bank.example")),
        with("iss", json!(["https://id.bank.example"])),
        without("iss"),
        with("sub", json!("")),
        with("sub", json!(7)),
        without("sub"),
    ] {
        assert_eq!(verdict(&gateway, &hs256(&payload)), INVALID, "{payload}");
    }
}

#[test]
fn section_3_9_audience_is_validated() {
    let gateway = gateway_with(issuer(), &[]);
    for (audience, expected) in [
        (json!("mobile"), "forward"),
        (json!(["other", "web"]), "forward"),
        (json!("other"), INVALID),
        (json!("mobile web"), INVALID),
        (json!([]), INVALID),
        (json!(null), INVALID),
    ] {
        let token = hs256(&with("aud", audience.clone()));
        assert_eq!(verdict(&gateway, &token), expected, "{audience}");
    }
    assert_eq!(verdict(&gateway, &hs256(&without("aud"))), INVALID);
}

/// A token brings no key, and its key id is compared and nothing else.
#[test]
fn section_3_10_received_claims_are_not_trusted() {
    let pair = Ed25519KeyPair::generate();
    let pinned_pair = Ed25519KeyPair::generate();
    let point = pinned_pair.public_key().to_bytes();
    let key = public_key(Some("a"), KeyMaterial::Ed25519(ByteBuf::from(point)));
    let gateway = gateway_with(pinned(&[Algorithm::EdDSA], vec![key]), &[]);
    let own = base64url(pair.public_key().to_bytes());
    let key = ed25519_compact::KeyPair::from_slice(&pair.to_bytes()).unwrap();
    for header in [
        json!({ "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": own } }),
        json!({ "alg": "EdDSA", "kid": "a", "jku": "https://evil.example/keys" }),
        json!({ "alg": "EdDSA", "x5u": "https://evil.example/certificate" }),
        json!({ "alg": "EdDSA", "x5c": [own] }),
        json!({ "alg": "EdDSA", "kid": "../../dev/null" }),
        json!({ "alg": "EdDSA", "kid": "a' OR '1'='1" }),
    ] {
        let payload = base64url(claims().to_string());
        let message = format!("{}.{payload}", base64url(header.to_string()));
        let signature = base64url(key.sk.sign(&message, None).as_ref());
        let token = format!("{message}.{signature}");
        assert_eq!(verdict(&gateway, &token), INVALID, "{header}");
    }
}

#[test]
fn section_3_11_types_are_explicit() {
    let rules = TokenRules {
        token_type: TokenType::AccessToken,
        ..TokenRules::default()
    };
    let gateway = gateway_with(Issuer { rules, ..issuer() }, &[]);
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"secevent+jwt"}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
    ] {
        assert_refused(&gateway, header);
    }
    let token = sign_raw(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims().to_string());
    assert_eq!(verdict(&gateway, &token), "forward");
}

/// An ID token of the same issuer, for the same audience and with the same key, is not taken for
/// an access token: it has another type, and no `client_id`.
#[test]
fn section_3_12_kinds_of_tokens_exclude_each_other() {
    let rules = |token_type| TokenRules {
        token_type,
        claims: vec![ClaimRule {
            name: "client_id".to_owned(),
            test: ClaimTest::Present,
        }],
        ..TokenRules::default()
    };
    let identity = with("nonce", json!("n-0S6_WzA2Mj")).to_string();
    let access = with("client_id", json!("app")).to_string();
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let by_claims = gateway_with(
        Issuer {
            rules: rules(TokenType::Any),
            ..issuer()
        },
        &[],
    );
    assert_eq!(verdict(&by_claims, &sign_raw(header, &identity)), INVALID);
    assert_eq!(verdict(&by_claims, &sign_raw(header, &access)), "forward");
    let rules = rules(TokenType::AccessToken);
    let by_type = gateway_with(Issuer { rules, ..issuer() }, &[]);
    assert_eq!(verdict(&by_type, &sign_raw(header, &access)), INVALID);
}
