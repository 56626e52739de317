//! A request whose token was never seen before, against a Worker that does nothing but verify one
//! signature with WebCrypto and a key that it has imported.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tidegate_shared::bundle::{Algorithm, IssuerKeys, KeyMaterial, PublicKey};

use super::contest::{Contest, REQUESTS};
use super::{ANSWERED, http};
use crate::measure::Outcome;
use crate::policy::{self, SignedBundle};
use crate::report::{Row, Unit};
use crate::scheme::Scheme;
use crate::token;

pub(super) fn rows(directory: &Path) -> Vec<Row> {
    let row = |algorithm: Algorithm| {
        let directory = directory.to_owned();
        Row {
            name: format!("workers/cold-{}", algorithm.name().to_ascii_lowercase()),
            aim: Some(1.15),
            unit: Unit::Time,
            measure: Box::new(move || measure(directory, algorithm)),
        }
    };
    vec![row(Algorithm::ES256), row(Algorithm::RS256)]
}

fn measure(directory: PathBuf, algorithm: Algorithm) -> Result<Outcome> {
    let Scheme { keys, mint, .. } = Scheme::of(algorithm)?;
    let variables = [
        ("ALGORITHM", algorithm.name().to_owned()),
        ("KEY", web_key(&keys)?.to_string()),
    ];
    let contest = Contest {
        directory,
        bundle: SignedBundle::authenticated(ANSWERED, algorithm, keys, false)?,
        variables: variables
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        secrets: vec![],
        peer: "verify",
    };
    let (host, now) = (policy::host(0), token::now()?);
    let mut number = 0_u32;
    contest.run(|| {
        let request = |_| {
            number += 1;
            let token = mint(token::claims(now).with_jwt_id(number))?;
            Ok(http::request(&host, ANSWERED, &token))
        };
        (0..REQUESTS).map(request).collect()
    })
}

/// The key as WebCrypto imports it (RFC 7518 §6).
fn web_key(keys: &IssuerKeys) -> Result<serde_json::Value> {
    let IssuerKeys::Pinned(keys) = keys else {
        bail!("the issuer has no public key");
    };
    let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    match keys.as_slice() {
        [
            PublicKey {
                material: KeyMaterial::Rsa(modulus, exponent),
                ..
            },
        ] => Ok(json!({ "kty": "RSA", "n": text(modulus), "e": text(exponent) })),
        [
            PublicKey {
                material: KeyMaterial::P256(point),
                ..
            },
        ] => {
            let point = point.strip_prefix(&[4]).context("a compressed point")?;
            let (x, y) = point.split_at_checked(32).context("a short point")?;
            Ok(json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) }))
        }
        other => bail!("no peer verifies {other:?}"),
    }
}
