//! Limits: the local limiter against the crate `governor`, and a flood of made-up keys.

#[cfg(feature = "governor")]
mod governor;

use std::hint::black_box;

use anyhow::{Result, ensure};
use tidegate_edge::{Buckets, Take};
use tidegate_limits::Contract;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

use crate::measure::{Contest, Outcome, operation};
use crate::report::{Row, Unit};
use crate::request::NOW;

/// Keys that an attacker makes up.
const MADE_UP: u64 = 10_000_000;
/// What the process may grow by meanwhile, in octets.
const GROWTH: u64 = 16 * 1024 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &str, aim, measure: fn() -> Result<Outcome>| Row {
        name: format!("limit/{name}"),
        aim,
        unit: Unit::Time,
        measure: Box::new(measure),
    };
    vec![
        #[cfg(feature = "governor")]
        row("governor", Some(1.0), governor::measure),
        row("flood", None, flood),
    ]
}

/// An attacker makes up keys, ten million of them. An honest caller that has used up what it may stays
/// refused, and the process does not grow. Then a request with a new key against one with a known one.
fn flood() -> Result<Outcome> {
    let buckets = Buckets::new([7; 16]);
    let slow = Contract::new(
        Rate {
            count: 1,
            period: 60,
        },
        3,
    );
    let at = UnixMillis(NOW * 1_000);
    let honest = [Take {
        contract: slow,
        key: b"honest".to_vec(),
        cost: 1,
    }];
    let made_up = move |number: u64| {
        [Take {
            contract: slow,
            key: number.to_be_bytes().to_vec(),
            cost: 1,
        }]
    };
    for _ in 0..3 {
        buckets.take(&honest, at);
    }
    let before = resident()?;
    for number in 0..MADE_UP {
        buckets.take(&made_up(number), at);
    }
    let grown = resident()?.saturating_sub(before);
    ensure!(grown <= GROWTH, "{grown} octets more for {MADE_UP} keys");
    let standing = buckets.take(&honest, at);
    ensure!(
        standing.iter().all(|standing| !standing.admitted),
        "who has used up a limit is admitted again"
    );
    let (ours, peer) = (Buckets::new([7; 16]), Buckets::new([7; 16]));
    let mut number = 0;
    let ours = operation(move || {
        number += 1;
        black_box(ours.take(&made_up(number), at));
    });
    let peer = operation(move || {
        black_box(peer.take(&made_up(0), at));
    });
    Ok(Contest {
        ours,
        peer,
        parts: vec![],
    }
    .run())
}

/// Octets of this process in memory (proc(5)).
fn resident() -> Result<u64> {
    let statistics = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statistics.split_ascii_whitespace().nth(1);
    let pages: u64 = pages.unwrap_or_default().parse()?;
    Ok(pages.saturating_mul(4_096))
}
