//! Issuers and their key sets (RFC 7517).

use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, RSAPublicKey};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{self, Algorithm, IssuerKeys, KeyMaterial, PublicKey};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::Issuer;

const DEFAULT_LEEWAY: u64 = 30_000;
const MAX_LEEWAY: u64 = 300_000;
/// More keys than this are a mistake, and each costs memory at every location.
const MAX_KEYS: usize = 64;

pub(super) fn lower(name: &str, issuer: &Spanned<Issuer>, cx: &mut Context<'_>) -> bundle::Issuer {
    let algorithms: Vec<Algorithm> = issuer
        .algorithms
        .iter()
        .map(|algorithm| algorithm.value.0)
        .collect();
    for (field, empty) in [
        ("audiences", issuer.audiences.is_empty()),
        ("algorithms", algorithms.is_empty()),
    ] {
        if empty {
            let message =
                format!("the issuer `{name}` has no `{field}`: every token would be refused");
            cx.error("missing-field", issuer.span, message);
        }
    }
    let leeway = match &issuer.leeway {
        Some(leeway) if leeway.value.0 == 0 => leeway.value,
        leeway => cx.time(leeway.as_ref(), DEFAULT_LEEWAY, MAX_LEEWAY),
    };
    bundle::Issuer {
        name: name.to_owned(),
        issuer: issuer.issuer.value.clone(),
        audiences: issuer
            .audiences
            .iter()
            .map(|audience| audience.value.clone())
            .collect(),
        keys: keys(name, issuer, &algorithms, cx),
        algorithms,
        leeway,
    }
}

fn keys(
    name: &str,
    issuer: &Spanned<Issuer>,
    algorithms: &[Algorithm],
    cx: &mut Context<'_>,
) -> IssuerKeys {
    let symmetric = algorithms.contains(&Algorithm::HS256);
    match (&issuer.keys, &issuer.secret) {
        (Some(file), None) => {
            if symmetric {
                cx.diagnostics.push(
                    Diagnostic::error(
                        "key-confusion",
                        file.span,
                        "HS256 with a set of public keys",
                    )
                    .label("whoever knows a public key could sign tokens with it")
                    .help("give HS256 tokens an issuer of their own, with `secret: NAME`"),
                );
            }
            IssuerKeys::Pinned(key_set(file, algorithms, cx))
        }
        (None, Some(secret)) => {
            if algorithms
                .iter()
                .any(|algorithm| *algorithm != Algorithm::HS256)
            {
                cx.diagnostics.push(
                    Diagnostic::error(
                        "key-confusion",
                        secret.span,
                        "a `secret` with algorithms of public keys",
                    )
                    .help("allow HS256 alone, or give a key set with `keys: FILE`"),
                );
            }
            if !super::is_name(secret) {
                let message = format!("`{}` is not the name of a secret", secret.value);
                cx.diagnostics.push(
                    Diagnostic::error("secret-in-policy", secret.span, message).help(
                        "write the name under which the platform holds it, never the secret itself",
                    ),
                );
            }
            IssuerKeys::Secret(secret.value.clone())
        }
        (None, None) | (Some(_), Some(_)) => {
            let message =
                format!("the issuer `{name}` needs either `keys: FILE` or `secret: NAME`");
            cx.error("missing-field", issuer.span, message);
            IssuerKeys::Pinned(Vec::new())
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The members that matter of a key, by which its kind is told.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn key_set(
    file: &Spanned<String>,
    algorithms: &[Algorithm],
    cx: &mut Context<'_>,
) -> Vec<PublicKey> {
    let Some(content) = cx.read(file) else {
        return Vec::new();
    };
    let set: KeySet = match serde_json::from_slice(&content) {
        Ok(set) => set,
        Err(error) => {
            cx.error(
                "invalid-key-set",
                file.span,
                format!("`{}` is no JWK set: {error}", file.value),
            );
            return Vec::new();
        }
    };
    if set.keys.len() > MAX_KEYS {
        cx.error(
            "invalid-key-set",
            file.span,
            format!("`{}` has more than {MAX_KEYS} keys", file.value),
        );
        return Vec::new();
    }
    let mut keys = Vec::new();
    for (value, number) in set.keys.into_iter().zip(1..) {
        match key(value) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(InvalidJwk::Secret) => cx.diagnostics.push(
                Diagnostic::error(
                    "secret-in-policy",
                    file.span,
                    format!("key {number} of `{}` is secret", file.value),
                )
                .help("a key set holds public keys only; for HS256 use `secret: NAME`"),
            ),
            Err(InvalidJwk::Unusable(why)) => {
                let message = format!("key {number} of `{}` cannot be used: {why}", file.value);
                cx.error("invalid-key-set", file.span, message);
            }
        }
    }
    let fits = |key: &PublicKey| {
        let own = |algorithm: &Algorithm| {
            key.material.fits(*algorithm) && key.algorithm.is_none_or(|only| only == *algorithm)
        };
        algorithms.iter().any(own)
    };
    if !algorithms.contains(&Algorithm::HS256) && !keys.iter().any(fits) {
        let message = format!("no key of `{}` is for one of the algorithms", file.value);
        cx.error("invalid-key-set", file.span, message);
    }
    keys
}

enum InvalidJwk {
    Secret,
    Unusable(String),
}

/// A public key for signatures; `None` for one of another use or of a kind that no accepted
/// algorithm takes, as key sets of the world have them.
fn key(value: serde_json::Value) -> Result<Option<PublicKey>, InvalidJwk> {
    let unusable = |why: &str| InvalidJwk::Unusable(why.to_owned());
    let jwk: Jwk =
        serde_json::from_value(value).map_err(|error| InvalidJwk::Unusable(error.to_string()))?;
    if jwk.d.is_some() || jwk.k.is_some() || jwk.kty == "oct" {
        return Err(InvalidJwk::Secret);
    }
    if jwk.r#use.as_deref().is_some_and(|r#use| r#use != "sig") {
        return Ok(None);
    }
    let algorithm = match &jwk.alg {
        None => None,
        Some(name) => match Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
        {
            Some(algorithm) => Some(algorithm),
            None => return Ok(None),
        },
    };
    let member = |value: &Option<String>| {
        let octets = value.as_deref().and_then(base64url);
        octets.ok_or_else(|| unusable("a member is missing or not base64url"))
    };
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (member(&jwk.n)?, member(&jwk.e)?);
            RSAPublicKey::from_components(&n, &e)
                .map_err(|_| unusable("RSA keys need 2048 to 4096 bits and the exponent 65537"))?;
            KeyMaterial::Rsa(ByteBuf::from(n), ByteBuf::from(e))
        }
        ("EC", Some("P-256")) => {
            let point = [vec![4], member(&jwk.x)?, member(&jwk.y)?].concat();
            P256PublicKey::from_bytes(&point).map_err(|_| unusable("not a point of P-256"))?;
            KeyMaterial::P256(ByteBuf::from(point))
        }
        ("OKP", Some("Ed25519")) => {
            let point = member(&jwk.x)?;
            Edwards25519PublicKey::from_bytes(&point)
                .map_err(|_| unusable("not an Ed25519 key"))?;
            KeyMaterial::Ed25519(ByteBuf::from(point))
        }
        _ => return Ok(None),
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

fn base64url(text: &str) -> Option<Vec<u8>> {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder};
    Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()
}
