//! Deciding about a request with a token, against nothing but the verification of that token by
//! `jwt-simple` with a key that is parsed already.

use std::collections::HashSet;
use std::hint::black_box;
use std::rc::Rc;

use anyhow::{Result, bail, ensure};
use jwt_simple::prelude::{
    Duration, ECDSAP256KeyPairLike, ECDSAP256PublicKeyLike, ES256KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike, EdDSAPublicKeyLike, HS256Key, MACLike, NoCustomClaims, RS256KeyPair,
    RSAKeyPairLike, RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use serde_bytes::ByteBuf;
use tidegate_edge::State;
use tidegate_shared::bundle::{Algorithm, IssuerKeys, KeyMaterial, PublicKey};

use crate::measure::{Contest, Outcome, operation};
use crate::policy::{self, SignedBundle};
use crate::report::Row;
use crate::request::{Client, NOW, SECRET, decide, expect_status};
use crate::token::{self, AUDIENCE, ISSUER};

const PATH: &str = "/v1/accounts/7";

pub(crate) fn rows() -> Vec<Row> {
    let algorithms = [
        Algorithm::HS256,
        Algorithm::ES256,
        Algorithm::RS256,
        Algorithm::EdDSA,
    ];
    let row = |algorithm: Algorithm, limited: bool| {
        let name = algorithm.name().to_ascii_lowercase();
        Row {
            name: format!("token/{name}{}", if limited { "+limit" } else { "" }),
            aim: None,
            measure: Box::new(move || measure(algorithm, limited)),
        }
    };
    let cached = |algorithm: Algorithm| Row {
        name: format!("cached/{}", algorithm.name().to_ascii_lowercase()),
        aim: Some(0.05),
        measure: Box::new(move || measure_cached(algorithm)),
    };
    let plain = algorithms.map(|algorithm| row(algorithm, false));
    plain
        .into_iter()
        .chain([row(Algorithm::HS256, true)])
        .chain([cached(Algorithm::ES256), cached(Algorithm::RS256)])
        .collect()
}

/// An issuer and the peer that verifies its tokens.
struct Scheme {
    keys: IssuerKeys,
    token: String,
    verify: Box<dyn Fn(&str) -> bool>,
}

fn measure(algorithm: Algorithm, limited: bool) -> Result<Outcome> {
    let Scheme {
        keys,
        token,
        verify,
    } = scheme(algorithm)?;
    let gateway = SignedBundle::authenticated(PATH, algorithm, keys, limited)?.load()?;
    let state = State::new([0; 16]);
    let client = Client::new(policy::host(0));
    expect_status(&gateway, &state, &client.get(PATH), 401)?;
    let client = client.with_token(&token)?;
    expect_status(&gateway, &state, &client.get(PATH), 200)?;
    ensure!(verify(&token), "the peer refuses the token");
    let contest = Contest {
        ours: operation(move || {
            black_box(decide(&gateway, &state, black_box(&client.get(PATH))));
        }),
        peer: operation(move || {
            black_box(verify(black_box(&token)));
        }),
        parts: vec![],
    };
    Ok(contest.run())
}

/// Deciding about a token that was verified lately, against deciding about it for the first time.
fn measure_cached(algorithm: Algorithm) -> Result<Outcome> {
    let Scheme { keys, token, .. } = scheme(algorithm)?;
    let gateway = Rc::new(SignedBundle::authenticated(PATH, algorithm, keys, false)?.load()?);
    let client = Rc::new(Client::new(policy::host(0)).with_token(&token)?);
    let warm = State::new([0; 16]);
    expect_status(&gateway, &warm, &client.get(PATH), 200)?;
    let (cold_gateway, cold_client) = (Rc::clone(&gateway), Rc::clone(&client));
    let contest = Contest {
        ours: operation(move || {
            black_box(decide(&gateway, &warm, black_box(&client.get(PATH))));
        }),
        peer: operation(move || {
            let cold = State::new([0; 16]);
            let request = cold_client.get(PATH);
            black_box(decide(&cold_gateway, &cold, black_box(&request)));
        }),
        parts: vec![(
            "empty state",
            operation(|| {
                black_box(State::new(black_box([0; 16])));
            }),
        )],
    };
    Ok(contest.run())
}

fn scheme(algorithm: Algorithm) -> Result<Scheme> {
    let claims = token::claims(NOW);
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
            Scheme {
                keys: IssuerKeys::Secret("customers".to_owned()),
                token: token::hs256(NOW)?,
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
            Scheme {
                keys: pinned(KeyMaterial::P256(ByteBuf::from(point))),
                token: pair.sign(claims)?,
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
            Scheme {
                keys: pinned(KeyMaterial::Rsa(
                    ByteBuf::from(parts.n),
                    ByteBuf::from(parts.e),
                )),
                token: pair.sign(claims)?,
                verify: Box::new(move |token| {
                    key.verify_token::<NoCustomClaims>(token, options.clone())
                        .is_ok()
                }),
            }
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate();
            let key = pair.public_key();
            Scheme {
                keys: pinned(KeyMaterial::Ed25519(ByteBuf::from(key.to_bytes()))),
                token: pair.sign(claims)?,
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

fn pinned(material: KeyMaterial) -> IssuerKeys {
    IssuerKeys::Pinned(vec![PublicKey {
        id: None,
        algorithm: None,
        material,
    }])
}
