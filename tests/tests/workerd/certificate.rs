//! Client certificates, of which Cloudflare tells: tokens that are bound to one (RFC 8705 §3), and
//! certificates as a credential of their own.

use bytes::Bytes;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http_body_util::Empty;
use jwt_simple::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, SanType};
use serde_json::{Value, json};
use tidegate_shared::bundle::{Auth, CertificateHolder, Certificates};
use tidegate_shared::certificate::{NameKind, NamePattern};
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

/// A certificate of this SPIFFE ID; its subject, which is its issuer too, is `CN=partners`.
fn workload(id: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "partners");
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn holder(consumer: &str) -> CertificateHolder {
    CertificateHolder {
        consumer: consumer.to_owned(),
        plan: None,
        pins: vec![],
        subjects: vec![],
        names: vec![],
    }
}

#[tokio::test]
async fn a_certificate_alone_says_who_calls() {
    let origin = origin::plain().await;
    let pinned = Digest::of(b"too large to be told");
    let pattern = NamePattern::new(NameKind::Spiffe, "spiffe://partners.example/fleet/*");
    let named = Certificates {
        name: "named".to_owned(),
        issuers: vec!["CN=partners".parse().unwrap()],
        holders: vec![CertificateHolder {
            names: vec![pattern.unwrap()],
            ..holder("fleet")
        }],
    };
    let by_digest = Certificates {
        name: "pinned".to_owned(),
        issuers: vec![],
        holders: vec![CertificateHolder {
            pins: vec![pinned],
            ..holder("acme")
        }],
    };
    let policy = Policy::default()
        .certificates(named)
        .certificates(by_digest)
        .forward(
            "/a",
            Auth::Certificate(0),
            None,
            std::slice::from_ref(&origin),
        )
        .forward("/pinned", Auth::Certificate(1), None, &[origin]);
    let mut config = config(Some(policy.sign(1, &key())));
    config.platform_header = Some(PLATFORM.to_owned());
    let worker = Workerd::start(&config).await.unwrap();

    let digits = |digest: Digest| digest.to_string().replace("sha256:", "");
    let shows = |digest: Digest, verified: &str, encoded: &str| {
        json!({ "tlsClientAuth": {
            "certPresented": "1", "certVerified": verified, "certRevoked": "0",
            "certFingerprintSHA256": digits(digest), "certRFC9440": encoded,
        } })
    };
    let encoded = |der: &[u8]| format!(":{}:", Base64::encode_to_string(der).unwrap());
    let told = |der: &[u8]| shows(Digest::of(der), "SUCCESS", &encoded(der));
    let own = workload("spiffe://partners.example/fleet/7");
    let stranger = workload("spiffe://partners.example/desk/7");
    let (good, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    for (path, platform, expected) in [
        ("/a", told(&own), good),
        ("/a", told(&stranger), refused),
        ("/a", told(b"no certificate"), refused),
        (
            "/a",
            shows(Digest::of(&own), "FAILED:expired", &encoded(&own)),
            refused,
        ),
        ("/a", shows(pinned, "SUCCESS", &encoded(&own)), refused),
        ("/a", shows(Digest::of(&own), "SUCCESS", ""), refused),
        ("/a", shows(Digest::of(&own), "SUCCESS", ":AAAA"), refused),
        ("/a", json!({}), refused),
        ("/pinned", shows(pinned, "SUCCESS", ""), good),
        ("/pinned", told(&own), refused),
    ] {
        let request = request(path)
            .header(PLATFORM, platform.to_string())
            .body(Empty::<Bytes>::new());
        let found = text(send(&worker, request.unwrap()).await).await.0;
        assert_eq!(found, expected, "{path} {platform}");
    }
}
