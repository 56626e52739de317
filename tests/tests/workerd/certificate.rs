//! Tokens that are bound to a client certificate (RFC 8705 §3), of which Cloudflare tells.

use bytes::Bytes;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http_body_util::Empty;
use jwt_simple::prelude::*;
use serde_json::{Value, json};
use tidegate_shared::digest::Digest;
use tidegate_tests::workerd::Workerd;

use super::{SECRET, config, key, origin, policy, request, send, text};
use policy::{AUDIENCE, ISSUER, Policy, jwt};

/// In which a test says what Cloudflare knows.
const PLATFORM: &str = "test-cf";

async fn verdict(worker: &Workerd, token: &str, platform: &Value) -> StatusCode {
    let request = request("/a")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(PLATFORM, platform.to_string())
        .body(Empty::<Bytes>::new());
    text(send(worker, request.unwrap()).await).await.0
}

#[tokio::test]
async fn a_bound_token_comes_over_its_certificates_connection() {
    let origin = origin::plain().await;
    let point = ES256KeyPair::generate()
        .public_key()
        .public_key()
        .to_bytes_uncompressed();
    let policy =
        Policy::default()
            .issuers("session-secret", point)
            .forward("/a", jwt(0), None, &[origin]);
    let mut config = config(Some(policy.sign(1, &key())));
    config.secrets = vec![("session-secret".to_owned(), SECRET.to_owned())];
    config.platform_header = Some(PLATFORM.to_owned());
    let worker = Workerd::start(&config).await.unwrap();

    let certificate = Digest::of(b"a certificate");
    let thumbprint = Base64UrlSafeNoPadding::encode_to_string(certificate.0).unwrap();
    let bound = json!({ "cnf": { "x5t#S256": thumbprint } });
    let claims = Claims::with_custom_claims(bound, Duration::from_mins(5))
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE)
        .with_subject("alice");
    let token = HS256Key::from_bytes(SECRET.as_bytes())
        .authenticate(claims)
        .unwrap();

    let digits = |digest: Digest| digest.to_string().replace("sha256:", "");
    let (fingerprint, other) = (digits(certificate), digits(Digest::of(b"another")));
    let client = |presented: &str, verified: &str, revoked: &str, fingerprint: &str| {
        json!({ "tlsClientAuth": {
            "certPresented": presented, "certVerified": verified, "certRevoked": revoked,
            "certFingerprintSHA256": fingerprint,
        } })
    };
    let (good, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    for (platform, expected) in [
        (client("1", "SUCCESS", "0", &fingerprint), good),
        (client("1", "SUCCESS", "0", &other), refused),
        (client("1", "SUCCESS", "0", ""), refused),
        (client("1", "SUCCESS", "1", &fingerprint), refused),
        (client("0", "NONE", "0", &fingerprint), refused),
        (
            client("1", "FAILED:self signed certificate", "0", &fingerprint),
            refused,
        ),
        (json!({ "tlsClientAuth": {} }), refused),
        (json!({}), refused),
    ] {
        let found = verdict(&worker, &token, &platform).await;
        assert_eq!(found, expected, "{platform}");
    }
}
