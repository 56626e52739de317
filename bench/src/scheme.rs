//! Issuers of tokens, and the peer that verifies what they mint.

use std::collections::HashSet;

use anyhow::{Result, bail};
use jwt_simple::prelude::{
    Duration, ECDSAP256KeyPairLike, ECDSAP256PublicKeyLike, ES256KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike, EdDSAPublicKeyLike, HS256Key, JWTClaims, MACLike, NoCustomClaims,
    RS256KeyPair, RSAKeyPairLike, RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{Algorithm, IssuerKeys, KeyMaterial, PublicKey};

use crate::request::{NOW, SECRET};
use crate::token::{AUDIENCE, ISSUER};

type Mint = Box<dyn Fn(JWTClaims<NoCustomClaims>) -> Result<String>>;

/// An issuer with a key of its own.
pub(crate) struct Scheme {
    pub(crate) keys: IssuerKeys,
    pub(crate) mint: Mint,
    /// Whether `jwt-simple`, with a key that is parsed already, accepts a token at the time of
    /// every request.
    pub(crate) verify: Box<dyn Fn(&str) -> bool>,
}

impl Scheme {
    pub(crate) fn of(algorithm: Algorithm) -> Result<Self> {
        let options = Some(VerificationOptions {
            allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
            allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
            time_tolerance: Some(Duration::from_secs(30)),
            artificial_time: Some(UnixTimeStamp::from_secs(NOW)),
            ..VerificationOptions::default()
        });
        Ok(match algorithm {
            Algorithm::HS256 => {
                let key = HS256Key::from_bytes(SECRET);
                Self {
                    keys: IssuerKeys::Secret("customers".to_owned()),
                    mint: {
                        let key = key.clone();
                        Box::new(move |claims| key.authenticate(claims))
                    },
                    verify: Box::new(move |token| {
                        key.verify_token::<NoCustomClaims>(token, options.clone())
                            .is_ok()
                    }),
                }
            }
            Algorithm::ES256 => {
                let pair = ES256KeyPair::generate();
                let key = pair.public_key();
                let point = key.public_key().to_bytes_uncompressed();
                Self {
                    keys: pinned(KeyMaterial::P256(ByteBuf::from(point))),
                    mint: Box::new(move |claims| pair.sign(claims)),
                    verify: Box::new(move |token| {
                        key.verify_token::<NoCustomClaims>(token, options.clone())
                            .is_ok()
                    }),
                }
            }
            Algorithm::RS256 => {
                let pair = RS256KeyPair::generate(2048)?;
                let key = pair.public_key();
                let parts = key.to_components();
                Self {
                    keys: pinned(KeyMaterial::Rsa(
                        ByteBuf::from(parts.n),
                        ByteBuf::from(parts.e),
                    )),
                    mint: Box::new(move |claims| pair.sign(claims)),
                    verify: Box::new(move |token| {
                        key.verify_token::<NoCustomClaims>(token, options.clone())
                            .is_ok()
                    }),
                }
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate();
                let key = pair.public_key();
                Self {
                    keys: pinned(KeyMaterial::Ed25519(ByteBuf::from(key.to_bytes()))),
                    mint: Box::new(move |claims| pair.sign(claims)),
                    verify: Box::new(move |token| {
                        key.verify_token::<NoCustomClaims>(token, options.clone())
                            .is_ok()
                    }),
                }
            }
            Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512
            | Algorithm::ES384 => bail!("{} is not measured", algorithm.name()),
        })
    }
}

fn pinned(material: KeyMaterial) -> IssuerKeys {
    IssuerKeys::Pinned(vec![PublicKey {
        id: None,
        algorithm: None,
        material,
    }])
}
