//! Deciding about a request to a public route with a fixed reply, against nothing but the lookup
//! of its path: what the gateway costs beyond the table that any router needs.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::{Result, ensure};
use matchit::Router;
use tidegate_edge::State;
use tidegate_shared::{host, path};

use crate::measure::{Contest, Outcome, operation};
use crate::policy::{self, Paths, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::{Client, decide, expect_status};

pub(crate) fn rows() -> Vec<Row> {
    let sizes = [1, 130, 1_000, 10_000];
    let row = |paths: Paths, routes: usize| Row {
        name: format!("decide/{}/{routes}", paths.name()),
        aim: (routes == 10_000).then_some(1.5),
        unit: Unit::Time,
        measure: Box::new(move || measure(paths, routes)),
    };
    let rows = Paths::ALL
        .into_iter()
        .flat_map(|paths| sizes.map(|routes| row(paths, routes)));
    rows.collect()
}

fn measure(paths: Paths, routes: usize) -> Result<Outcome> {
    let gateway = Rc::new(SignedBundle::public(1, paths, routes)?.load()?);
    let state = Rc::new(State::new([0; 16]));
    let client = Rc::new(Client::new(policy::host(0)));

    let mut router = Router::new();
    for number in 0..routes {
        router.insert(paths.pattern(number), number)?;
    }
    let mut targets: Vec<String> = (0..routes).map(|number| paths.path(number)).collect();
    for (number, target) in targets.iter().enumerate() {
        expect_status(&gateway, &state, &client.get(target), 200)?;
        ensure!(router.at(target).is_ok_and(|found| *found.value == number));
    }
    fastrand::Rng::with_seed(1).shuffle(&mut targets);
    let targets: Rc<[String]> = targets.into();

    let lookup = {
        let mut targets = Cycle::new(&targets);
        operation(move || {
            let _ = black_box(router.at(targets.next()));
        })
    };
    let ours = {
        let (mut targets, client) = (Cycle::new(&targets), Rc::clone(&client));
        operation(move || {
            let request = client.get(targets.next());
            black_box(decide(&gateway, &state, black_box(&request)));
        })
    };
    let accept = {
        let mut targets = Cycle::new(&targets);
        let host = policy::host(0);
        operation(move || {
            black_box(host::normalise(black_box(&host)));
            let _ = black_box(path::normalise(targets.next()));
        })
    };
    // What does not depend on the size of the table; the rest is lookup and memory.
    let fixed = {
        let gateway = SignedBundle::public(1, paths, 1)?.load()?;
        let (state, client) = (State::new([0; 16]), Client::new(policy::host(0)));
        let target = paths.path(0);
        operation(move || {
            let request = client.get(&target);
            black_box(decide(&gateway, &state, black_box(&request)));
        })
    };
    let contest = Contest {
        ours,
        peer: lookup,
        parts: vec![("a table of one route", fixed), ("accept", accept)],
    };
    Ok(contest.run())
}

/// The same targets again and again.
struct Cycle {
    targets: Rc<[String]>,
    next: usize,
}

impl Cycle {
    fn new(targets: &Rc<[String]>) -> Self {
        Self {
            targets: Rc::clone(targets),
            next: 0,
        }
    }

    fn next(&mut self) -> &str {
        if self.next >= self.targets.len() {
            self.next = 0;
        }
        let target = self.targets.get(self.next);
        self.next += 1;
        target.map_or("/", String::as_str)
    }
}
