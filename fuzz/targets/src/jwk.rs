//! A key of an issuer's key set.

use tidegate_edge::{jwk, signature};
use tidegate_shared::bundle::Algorithm;

/// A key that is taken can be used: it refuses a signature, and fails at nothing.
pub fn run(octets: &[u8]) {
    let Ok(key) = serde_json::from_slice(octets) else {
        return;
    };
    let Ok(Some(key)) = jwk::parse(key) else {
        return;
    };
    let fitting = Algorithm::ALL
        .iter()
        .filter(|algorithm| key.material.fits(**algorithm));
    for algorithm in fitting {
        let holds = signature::verify(*algorithm, &key.material, b"message", &[0; 64]);
        assert!(!holds, "a signature that nobody made");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts([
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig","alg":"EdDSA"}"#,
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"1"}"#,
    ])
}
