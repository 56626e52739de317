//! Key sets in files (RFC 7517).

use serde::Deserialize;
use tidegate_edge::jwk::{self, InvalidJwk};
use tidegate_shared::bundle::{Algorithm, PublicKey};

use crate::diagnostic::Diagnostic;
use crate::lower::{Context, expiry};
use crate::source::Spanned;

/// More keys than this are a mistake, and each costs memory at every location.
const MAX_KEYS: usize = 64;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

pub(in crate::lower) fn read(
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
        expiry::of_key(&value, file, cx);
        match jwk::parse(value) {
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
