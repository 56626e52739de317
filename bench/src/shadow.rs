//! Deciding about a request with a bundle in shadow beside the one in force, against deciding about
//! it without: the same bundle twice, so that all of its work is done again and nothing is noted;
//! or one that refuses, so that each record has a note.

use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use anyhow::{Context as _, Result, ensure};
use tidegate_edge::{Decision, ShadowBundle, State};
use tidegate_shared::bundle::Algorithm;
use tidegate_shared::units::Percent;

use crate::measure::{Contest, Outcome, operation};
use crate::policy::{self, Paths, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::{Client, FreePorts, NOW, Request, decide, expect_status};
use crate::scheme::Scheme;
use crate::token;

const PATH: &str = "/v1/accounts/7";

pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &str, measure: fn() -> Result<Outcome>| Row {
        name: format!("shadow/{name}"),
        aim: None,
        unit: Unit::Time,
        measure: Box::new(measure),
    };
    vec![
        row("public", || {
            let bundle = SignedBundle::public(1, Paths::Mixed, 130)?;
            let client = Client::new(policy::host(0));
            measure(&bundle, &bundle, client, Paths::Mixed.path(129), false)
        }),
        row("hs256-cached+limit", || {
            let (bundle, client) = authenticated()?;
            measure(&bundle, &bundle, client, PATH.to_owned(), false)
        }),
        row("hs256-cached+limit-noted", || {
            let (bundle, client) = authenticated()?;
            let nothing = SignedBundle::public(1, Paths::Mixed, 130)?;
            measure(&bundle, &nothing, client, PATH.to_owned(), true)
        }),
    ]
}

/// A token that each memory has verified lately, and a limit that is never used up.
fn authenticated() -> Result<(SignedBundle, Client)> {
    let Scheme { keys, mint, .. } = Scheme::of(Algorithm::HS256)?;
    let bundle = SignedBundle::authenticated(PATH, Algorithm::HS256, keys, true)?;
    let token = mint(token::claims(NOW))?;
    Ok((bundle, Client::new(policy::host(0)).with_token(&token)?))
}

/// A request, with the shadow and without; `notes` where the shadow would do something else.
fn measure(
    in_force: &SignedBundle,
    in_shadow: &SignedBundle,
    client: Client,
    path: String,
    notes: bool,
) -> Result<Outcome> {
    let (gateway, state) = (in_force.load()?, State::new([0; 16]));
    let (alone, alone_state) = (in_force.load()?, State::new([1; 16]));
    let shadow = ShadowBundle::new(in_shadow.load()?, [2; 16], Percent(100));
    let client = Rc::new(client);
    for (gateway, state) in [(&gateway, &state), (&alone, &alone_state)] {
        expect_status(gateway, state, &client.get(&path), 200)?;
    }
    let watched = move |request: &Request<'_>| -> Option<Decision> {
        let mut decision = decide(&gateway, &state, request)?;
        let polled = pin!(shadow.watch(&mut decision, &state, &FreePorts, request))
            .poll(&mut Context::from_waker(Waker::noop()));
        polled.is_ready().then_some(decision)
    };
    let decision = watched(&client.get(&path)).context("the shadow waits for something")?;
    // An exchange tells nobody but its record, and whoever debugs it.
    let noted = format!("{decision:?}").contains("shadow_bundle: Some");
    ensure!(noted == notes, "the shadow decides otherwise");
    let (other, target) = (Rc::clone(&client), path.clone());
    let contest = Contest {
        ours: operation(move || {
            black_box(watched(black_box(&client.get(&path))));
        }),
        peer: operation(move || {
            black_box(decide(&alone, &alone_state, black_box(&other.get(&target))));
        }),
        parts: vec![],
    };
    Ok(contest.run())
}
