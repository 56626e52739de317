//! Thumbprints of keys (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_shared::bundle::KeyMaterial;
use tidegate_shared::digest::Digest;

/// The SHA-256 thumbprint: the digest of the key's required members alone, in the order of their
/// names and without white space (RFC 7638 §3.2, RFC 8037 §2).
pub fn thumbprint(key: &KeyMaterial) -> Digest {
    let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    // After the octet that says "uncompressed", the point is its two coordinates.
    let curve = |name: &str, point: &[u8]| {
        let coordinates = point.get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let (x, y) = (encode(x), encode(y));
        format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#)
    };
    let members = match key {
        KeyMaterial::Rsa(n, e) => {
            let (n, e) = (encode(n), encode(e));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        KeyMaterial::P256(point) => curve("P-256", point),
        KeyMaterial::P384(point) => curve("P-384", point),
        KeyMaterial::Ed25519(point) => {
            let x = encode(point);
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
    };
    Digest::of(members.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(jwk: Value) -> String {
        let key = crate::jwk::parse(jwk).unwrap().unwrap();
        URL_SAFE_NO_PAD.encode(thumbprint(&key.material).0)
    }

    /// RFC 7638 §3.1.
    #[test]
    fn of_an_rsa_key() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
        assert_eq!(of(jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 9449 §4.1 has the key, §6.1 its thumbprint.
    #[test]
    fn of_a_key_on_p256() {
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        assert_eq!(of(jwk), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    /// RFC 8037 §A.3.
    #[test]
    fn of_an_ed25519_key() {
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        assert_eq!(of(jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
