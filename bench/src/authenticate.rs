//! Deciding about a request with a token, against nothing but the verification of that token by
//! `jwt-simple` with a key that is parsed already.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::{Result, ensure};
use tidegate_edge::State;
use tidegate_shared::bundle::Algorithm;

use crate::measure::{Contest, Outcome, operation};
use crate::policy::{self, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::{Client, NOW, decide, expect_status};
use crate::scheme::Scheme;
use crate::token;

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
            unit: Unit::Time,
            measure: Box::new(move || measure(algorithm, limited)),
        }
    };
    let cached = |algorithm: Algorithm| Row {
        name: format!("cached/{}", algorithm.name().to_ascii_lowercase()),
        aim: Some(0.05),
        unit: Unit::Time,
        measure: Box::new(move || measure_cached(algorithm)),
    };
    let plain = algorithms.map(|algorithm| row(algorithm, false));
    plain
        .into_iter()
        .chain([row(Algorithm::HS256, true)])
        .chain([cached(Algorithm::ES256), cached(Algorithm::RS256)])
        .collect()
}

fn measure(algorithm: Algorithm, limited: bool) -> Result<Outcome> {
    let Scheme { keys, mint, verify } = Scheme::of(algorithm)?;
    let token = mint(token::claims(NOW))?;
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
    let Scheme { keys, mint, .. } = Scheme::of(algorithm)?;
    let token = mint(token::claims(NOW))?;
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
