//! Public keys of issuers, as key sets have them (RFC 7517, RFC 7518 §6, RFC 8037 §2).

mod roca;
mod thumbprint;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, P384PublicKey, RSAPublicKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tidegate_shared::bundle::{Algorithm, KeyMaterial, PublicKey};

pub use thumbprint::thumbprint;

/// Why a key of a set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJwk {
    /// It is, or holds, a secret key.
    #[error("it is secret")]
    Secret,
    /// It is no key, or one that nobody should trust.
    #[error("{0}")]
    Unusable(String),
}

/// The members that matter of a key, by which its kind is told.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    /// What private keys have, and secret ones (RFC 7518 §6.2.2, §6.3.2, §6.4).
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a public key for signatures. `None` for one of another use or of a kind that no
/// [`Algorithm`] takes, as key sets of the world have them.
///
/// # Errors
/// [`InvalidJwk`] where it is secret, or no key that could be used.
pub fn parse(jwk: Value) -> Result<Option<PublicKey>, InvalidJwk> {
    let jwk: Jwk =
        serde_json::from_value(jwk).map_err(|error| InvalidJwk::Unusable(error.to_string()))?;
    let Jwk {
        d,
        p,
        q,
        dp,
        dq,
        qi,
        oth,
        k,
        ..
    } = &jwk;
    let private = [d, p, q, dp, dq, qi, oth, k];
    if private.iter().any(|member| member.is_some()) || jwk.kty == "oct" {
        return Err(InvalidJwk::Secret);
    }
    let verifies = |operations: &Vec<String>| operations.iter().any(|name| name == "verify");
    if jwk.r#use.as_deref().is_some_and(|r#use| r#use != "sig")
        || !jwk.key_ops.as_ref().is_none_or(verifies)
    {
        return Ok(None);
    }
    let algorithm = match &jwk.alg {
        None => None,
        Some(name) => match name.parse::<Algorithm>() {
            Ok(algorithm) => Some(algorithm),
            Err(_) => return Ok(None),
        },
    };
    let Some(material) = material(&jwk)? else {
        return Ok(None);
    };
    if algorithm.is_some_and(|algorithm| !material.fits(algorithm)) {
        return Err(unusable("its `alg` is not for its `kty`"));
    }
    Ok(Some(PublicKey {
        id: jwk.kid,
        algorithm,
        material,
    }))
}

fn unusable(why: &str) -> InvalidJwk {
    InvalidJwk::Unusable(why.to_owned())
}

fn material(jwk: &Jwk) -> Result<Option<KeyMaterial>, InvalidJwk> {
    let member = |value: &Option<String>| {
        let octets = value
            .as_deref()
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        octets.ok_or_else(|| unusable("a member is missing or not base64url"))
    };
    // SEC 1 §2.3.3; each coordinate has the full length of the field (RFC 7518 §6.2.1.2).
    let point = |length: usize, refused: &str| {
        let (x, y) = (member(&jwk.x)?, member(&jwk.y)?);
        if x.len() == length && y.len() == length {
            Ok([vec![4], x, y].concat())
        } else {
            Err(unusable(refused))
        }
    };
    Ok(Some(match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (member(&jwk.n)?, member(&jwk.e)?);
            RSAPublicKey::from_components(&n, &e)
                .map_err(|_| unusable("RSA keys need 2048 to 4096 bits and the exponent 65537"))?;
            if roca::suspect(&n) {
                return Err(unusable(
                    "its modulus is of the weak kind of CVE-2017-15361",
                ));
            }
            KeyMaterial::Rsa(without_leading_zeros(n), without_leading_zeros(e))
        }
        ("EC", Some("P-256")) => {
            let point = point(32, "not a point of P-256")?;
            P256PublicKey::from_bytes(&point).map_err(|_| unusable("not a point of P-256"))?;
            KeyMaterial::P256(point.into())
        }
        ("EC", Some("P-384")) => {
            let point = point(48, "not a point of P-384")?;
            P384PublicKey::from_bytes(&point).map_err(|_| unusable("not a point of P-384"))?;
            KeyMaterial::P384(point.into())
        }
        ("OKP", Some("Ed25519")) => {
            let point = member(&jwk.x)?;
            Edwards25519PublicKey::from_bytes(&point)
                .map_err(|_| unusable("not an Ed25519 key"))?;
            KeyMaterial::Ed25519(point.into())
        }
        _ => return Ok(None),
    }))
}

/// Some libraries write a zero in front of a number whose first bit is set (RFC 7518 §6.3.1.1).
fn without_leading_zeros<B: From<Vec<u8>>>(number: Vec<u8>) -> B {
    let digits: Vec<u8> = number.into_iter().skip_while(|octet| *octet == 0).collect();
    digits.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn verdict(jwk: Value) -> String {
        match parse(jwk) {
            Ok(Some(_)) => "used".to_owned(),
            Ok(None) => "left out".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// The key of RFC 7515 §A.3.1, and what may be wrong with it.
    #[test]
    fn keys_are_judged() {
        let point = |more: Value| {
            let mut jwk = json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y });
            jwk.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            jwk
        };
        for (more, expected) in [
            (json!({}), "used"),
            (
                json!({ "use": "sig", "key_ops": ["verify"], "alg": "ES256" }),
                "used",
            ),
            (json!({ "use": "enc" }), "left out"),
            (json!({ "key_ops": ["sign"] }), "left out"),
            (json!({ "alg": "ECDH-ES" }), "left out"),
            (json!({ "crv": "P-521" }), "left out"),
            (json!({ "alg": "ES384" }), "its `alg` is not for its `kty`"),
            (json!({ "crv": "P-384" }), "not a point of P-384"),
            (json!({ "x": Y }), "not a point of P-256"),
            (
                json!({ "x": format!("AA{X}") }),
                "a member is missing or not base64url",
            ),
            (json!({ "x": format!("AAAA{X}") }), "not a point of P-256"),
            (json!({ "y": "AA" }), "not a point of P-256"),
            (json!({ "y": null }), "a member is missing or not base64url"),
            (json!({ "d": X }), "it is secret"),
            (json!({ "dq": X }), "it is secret"),
            (json!({ "kty": "oct" }), "it is secret"),
        ] {
            assert_eq!(verdict(point(more.clone())), expected, "{more}");
        }
    }
}
