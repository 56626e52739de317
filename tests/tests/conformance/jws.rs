//! Signed tokens and what they stand on, against Project Wycheproof's vectors and the cookbook of
//! RFC 7520: what is valid is accepted, what is not is refused.

#[path = "jws/cookbook.rs"]
mod cookbook;
#[path = "jws/primitive.rs"]
mod primitive;
#[path = "jws/runtimes.rs"]
mod runtimes;
#[path = "jws/wycheproof.rs"]
mod wycheproof;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use serde_json::Value;
use tidegate_edge::jws::Token;
use tidegate_edge::{Ports, jwk};
use tidegate_shared::bundle::{Algorithm, IssuerKeys};
use tidegate_shared::time::UnixMillis;

/// What came of a file.
struct Suite {
    name: String,
    accepted: usize,
    refused: usize,
    failed: Vec<String>,
    /// Why vectors are not run, and which.
    left_out: BTreeMap<String, Vec<String>>,
}

impl Suite {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            accepted: 0,
            refused: 0,
            failed: Vec::new(),
            left_out: BTreeMap::new(),
        }
    }

    fn leave_out(&mut self, vector: impl Into<String>, why: impl Into<String>) {
        self.left_out
            .entry(why.into())
            .or_default()
            .push(vector.into());
    }

    fn run(&mut self, vector: impl Into<String>, valid: bool, accepted: bool) {
        match (valid, accepted) {
            (true, true) => self.accepted += 1,
            (false, false) => self.refused += 1,
            (true, false) | (false, true) => self.failed.push(vector.into()),
        }
    }

    /// Prints the line of the table, and fails where a vector did.
    fn finish(self) {
        let passed = self.accepted + self.refused;
        let count: usize = self.left_out.values().map(Vec::len).sum();
        println!(
            "{:40} {:4} run, {:4} passed ({} accepted, {} refused), {count} left out",
            self.name,
            passed + self.failed.len(),
            passed,
            self.accepted,
            self.refused,
        );
        for (why, vectors) in &self.left_out {
            println!(
                "    {:4} left out: {why}: {}",
                vectors.len(),
                vectors.join(", ")
            );
        }
        assert!(self.failed.is_empty(), "{}: {:?}", self.name, self.failed);
        assert!(passed > 0 || count > 0, "{} is empty", self.name);
    }
}

/// What a policy would hold of a vector's key.
enum Keys {
    Usable(IssuerKeys, Vec<u8>),
    /// Refused by itself, with every token.
    Refused,
    /// A policy cannot say it.
    Unsupported(&'static str),
}

impl Keys {
    /// A JWK, or a set of them.
    fn of(jwk: &Value) -> Self {
        let keys = match jwk.get("keys") {
            Some(keys) => keys.as_array().unwrap().clone(),
            None => vec![jwk.clone()],
        };
        if keys.iter().all(|key| key["kty"] == "oct") {
            return Self::secret(&keys);
        }
        let parsed: Result<Vec<_>, _> = keys.into_iter().map(jwk::parse).collect();
        match parsed {
            Ok(keys) => Self::Usable(
                IssuerKeys::Pinned(keys.into_iter().flatten().collect()),
                Vec::new(),
            ),
            Err(_) => Self::Refused,
        }
    }

    fn secret(keys: &[Value]) -> Self {
        match keys {
            [key] if key["alg"] == "HS256" => {
                let secret = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap());
                Self::Usable(IssuerKeys::Secret("secret".to_owned()), secret.unwrap())
            }
            [key] if key["alg"] == "HS384" || key["alg"] == "HS512" => {
                Self::Unsupported("HS384 and HS512")
            }
            [_] => Self::Unsupported("a platform's secret has no `alg`"),
            _ => Self::Unsupported("an issuer has one secret"),
        }
    }

    /// Whether a token is accepted by a policy that allows every algorithm.
    fn accept(&self, token: &str) -> bool {
        let Self::Usable(keys, secret) = self else {
            return false;
        };
        let world = World { secret };
        let verified = async {
            let token = Token::parse(token)?;
            token.verify(&Algorithm::ALL, keys, &world).await.map(drop)
        };
        verified
            .now_or_never()
            .expect("software verifies at once")
            .is_ok()
    }
}

/// A world with one secret and without time.
struct World<'w> {
    secret: &'w [u8],
}

impl Ports for World<'_> {
    fn now(&self) -> UnixMillis {
        UnixMillis(0)
    }

    fn entropy(&self) -> [u8; 24] {
        [0; 24]
    }

    fn secret(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.secret))
    }
}

fn read(path: &str) -> Value {
    let file = crate::vectors().join(path);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}
