use jwt_simple::prelude::*;
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{Algorithm, KeyMaterial};

use super::*;

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
