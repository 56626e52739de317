//! Making a bundle of 10,000 routes ready, which leaves each host encoded until it is asked for,
//! against decoding every host and building every router.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::{Result, ensure};
use matchit::Router;
use tidegate_edge::{Gateway, State};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::Signed;

use crate::measure::{Contest, Outcome, operation};
use crate::policy::{self, Paths, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::{Client, decide, expect_status};

pub(crate) fn rows() -> Vec<Row> {
    let sizes = [(100, 100), (1, 10_000)];
    let load = sizes.map(|(hosts, routes)| Row {
        name: format!("load/{hosts}x{routes}"),
        aim: Some(0.5),
        unit: Unit::Time,
        measure: Box::new(move || measure(hosts, routes, false)),
    });
    let first = sizes.map(|(hosts, routes)| Row {
        name: format!("load+first-request/{hosts}x{routes}"),
        aim: None,
        unit: Unit::Time,
        measure: Box::new(move || measure(hosts, routes, true)),
    });
    load.into_iter().chain(first).collect()
}

fn measure(hosts: usize, routes: usize, and_decide: bool) -> Result<Outcome> {
    let signed = Rc::new(SignedBundle::public(hosts, Paths::Mixed, routes)?);
    let bundle = signed.verify()?.into_content();
    ensure!(decode_and_build(&bundle)? == hosts * routes);

    let state = State::new([0; 16]);
    let client = Client::new(policy::host(0));
    let path = Paths::Mixed.path(routes / 2);
    expect_status(&signed.load()?, &state, &client.get(&path), 200)?;

    let ours = {
        let signed = Rc::clone(&signed);
        operation(move || {
            let gateway = signed.load();
            if let (true, Ok(gateway)) = (and_decide, &gateway) {
                black_box(decide(gateway, &state, &client.get(&path)));
            }
            let _ = black_box(gateway);
        })
    };
    let peer = operation(move || {
        let _ = black_box(decode_and_build(black_box(&bundle)));
    });
    let parse = {
        let signed = Rc::clone(&signed);
        operation(move || {
            let _ = black_box(Signed::parse(black_box(&signed.octets)));
        })
    };
    let verify = {
        let parsed = Signed::parse(&signed.octets)?;
        let signed = Rc::clone(&signed);
        operation(move || {
            let _ = black_box(parsed.clone().verify::<Bundle>(&signed.trust));
        })
    };
    let load = {
        let verified = signed.verify()?;
        operation(move || {
            let _ = black_box(Gateway::load(verified.clone()));
        })
    };
    let contest = Contest {
        ours,
        peer,
        parts: vec![("parse", parse), ("verify", verify), ("load", load)],
    };
    Ok(contest.run())
}

/// What an eager gateway would do beyond parsing and verifying. Gives the number of routes.
fn decode_and_build(bundle: &Bundle) -> Result<usize> {
    let mut hosts = Vec::with_capacity(bundle.hosts.len());
    for section in &bundle.hosts {
        let routes = section.decode(&bundle.tables)?;
        let mut router = Router::new();
        for (number, entry) in routes.paths.iter().enumerate() {
            router.insert(entry.pattern.as_str(), number)?;
        }
        hosts.push((router, routes));
    }
    Ok(hosts.iter().map(|(_, routes)| routes.routes.len()).sum())
}
