//! What signs the tokens of an issuer.

use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::JWTClaims;
use jwt_simple::common::HeaderOptions;
use serde_json::Value;
use tidegate_edge::jwk;
use tidegate_shared::bundle::{Algorithm, Issuer, IssuerKeys, PublicKey, TokenType};

use super::{CredentialError, failed, random};
use crate::token_key::TokenKey;

#[derive(Debug)]
pub(super) enum Signer {
    Secret(HS256Key),
    Pair(TokenKey),
}

impl Signer {
    /// A signer for an issuer, by the cheapest of its algorithms to make a key for, and the public
    /// half, where there is one.
    pub(super) fn of(issuer: &Issuer) -> Result<(Self, Option<PublicKey>), CredentialError> {
        if matches!(issuer.keys, IssuerKeys::Secret(_)) {
            // As text: some secret stores hold nothing else.
            let key = HS256Key::from_bytes(random()?.as_bytes());
            return Ok((Self::Secret(key), None));
        }
        let order = [
            Algorithm::EdDSA,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ];
        let chosen = order
            .into_iter()
            .find(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or_else(|| failed("the issuer has no algorithm of public keys"))?;
        let key = TokenKey::generate(chosen, "test").map_err(failed)?;
        let public = serde_json::from_str(&key.public_jwk()).map_err(failed)?;
        let public = jwk::parse(public).map_err(failed)?;
        Ok((Self::Pair(key), public))
    }

    /// The token that says so.
    pub(super) fn sign(
        &self,
        claims: JWTClaims<Value>,
        token_type: TokenType,
    ) -> Result<String, CredentialError> {
        let options = HeaderOptions {
            content_type: None,
            signature_type: match token_type {
                TokenType::Any | TokenType::Jwt => None,
                TokenType::AccessToken => Some("at+jwt".to_owned()),
            },
        };
        match self {
            Self::Secret(key) => key
                .authenticate_with_options(claims, &options)
                .map_err(failed),
            Self::Pair(key) => key.sign(claims, &options).map_err(failed),
        }
    }
}
