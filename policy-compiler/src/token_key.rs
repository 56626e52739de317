//! Keys that sign test tokens.

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike, ECDSAP384KeyPairLike, ES256KeyPair, ES384KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike, PS256KeyPair, PS384KeyPair, PS512KeyPair, RS256KeyPair, RS384KeyPair,
    RS512KeyPair, RSAKeyPairLike,
};
use jwt_simple::claims::JWTClaims;
use jwt_simple::common::HeaderOptions;
use serde_json::Value;
use tidegate_shared::bundle::Algorithm;

const RSA_BITS: usize = 2048;

/// A key pair that signs tokens.
pub struct TokenKey(Pair);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

/// A key could not be made or read, or did not sign.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TokenKeyError(String);

fn failed(error: impl std::fmt::Display) -> TokenKeyError {
    TokenKeyError(error.to_string())
}

/// For each algorithm its type of key pair, and how one is made.
macro_rules! pairs {
    ($($algorithm:ident: $pair:ident, $generated:expr;)+) => {
        enum Pair {
            $($algorithm(Box<$pair>),)+
        }

        impl TokenKey {
            /// Makes a key with that `kid`.
            ///
            /// # Errors
            /// [`TokenKeyError`] for HS256, whose tokens are signed with a secret.
            pub fn generate(algorithm: Algorithm, id: &str) -> Result<Self, TokenKeyError> {
                Ok(Self(match algorithm {
                    Algorithm::HS256 => return Err(failed("HS256 has no key pairs")),
                    $(Algorithm::$algorithm => {
                        Pair::$algorithm(Box::new($generated.with_key_id(id)))
                    })+
                }))
            }

            /// Reads a secret key: a JWK with an `alg`.
            ///
            /// # Errors
            /// [`TokenKeyError`] where it is none.
            pub fn from_jwk(jwk: &str) -> Result<Self, TokenKeyError> {
                let value: Value = serde_json::from_str(jwk).map_err(failed)?;
                match value.get("alg").and_then(Value::as_str) {
                    $(Some(stringify!($algorithm)) => $pair::from_jwk(jwk)
                        .map(|pair| Self(Pair::$algorithm(Box::new(pair))))
                        .map_err(failed),)+
                    Some(name) => Err(failed(format!("no key pairs are for `{name}`"))),
                    None => Err(failed("it has no `alg`")),
                }
            }

            /// The secret key as a JWK.
            pub fn to_jwk(&self) -> String {
                match &self.0 { $(Pair::$algorithm(pair) => pair.to_jwk(),)+ }
            }

            /// The public key as a JWK.
            pub fn public_jwk(&self) -> String {
                match &self.0 { $(Pair::$algorithm(pair) => pair.public_key().to_jwk(),)+ }
            }

            /// Signs a token.
            ///
            /// # Errors
            /// [`TokenKeyError`] where the claims cannot be written.
            pub fn sign(
                &self,
                claims: JWTClaims<Value>,
                header: &HeaderOptions,
            ) -> Result<String, TokenKeyError> {
                match &self.0 {
                    $(Pair::$algorithm(pair) => pair.sign_with_options(claims, header),)+
                }
                .map_err(failed)
            }
        }
    };
}

pairs! {
    EdDSA: Ed25519KeyPair, Ed25519KeyPair::generate();
    ES256: ES256KeyPair, ES256KeyPair::generate();
    ES384: ES384KeyPair, ES384KeyPair::generate();
    RS256: RS256KeyPair, RS256KeyPair::generate(RSA_BITS).map_err(failed)?;
    RS384: RS384KeyPair, RS384KeyPair::generate(RSA_BITS).map_err(failed)?;
    RS512: RS512KeyPair, RS512KeyPair::generate(RSA_BITS).map_err(failed)?;
    PS256: PS256KeyPair, PS256KeyPair::generate(RSA_BITS).map_err(failed)?;
    PS384: PS384KeyPair, PS384KeyPair::generate(RSA_BITS).map_err(failed)?;
    PS512: PS512KeyPair, PS512KeyPair::generate(RSA_BITS).map_err(failed)?;
}

#[cfg(test)]
mod tests {
    use jwt_simple::claims::Claims;
    use jwt_simple::reexports::coarsetime::Duration;
    use serde_json::json;
    use tidegate_edge::jwk;

    use super::*;

    #[test]
    fn keys_are_read_back_and_name_their_algorithm() {
        for algorithm in Algorithm::ALL {
            if algorithm == Algorithm::HS256 {
                assert!(TokenKey::generate(algorithm, "a").is_err());
                continue;
            }
            let key = TokenKey::generate(algorithm, "a").unwrap();
            let public = serde_json::from_str(&key.public_jwk()).unwrap();
            let public = jwk::parse(public).unwrap().unwrap();
            assert_eq!(public.algorithm, Some(algorithm));
            assert_eq!(public.id.as_deref(), Some("a"));
            let again = TokenKey::from_jwk(&key.to_jwk()).unwrap();
            assert_eq!(again.public_jwk(), key.public_jwk());
            let claims = Claims::with_custom_claims(json!({}), Duration::from_mins(1));
            assert_eq!(
                again
                    .sign(claims, &HeaderOptions::default())
                    .unwrap()
                    .split('.')
                    .count(),
                3
            );
        }
        for jwk in ["", "{}", r#"{"alg":"ES256"}"#, r#"{"alg":"HS256"}"#] {
            assert!(TokenKey::from_jwk(jwk).is_err(), "{jwk}");
        }
    }
}
