//! Limits over 300 locations, simulated: `cargo xtask simulate limits`.
//!
//! The leases are the shipped functions of `tidegate-limits`; only clock, network and requests are
//! played.
#![expect(clippy::print_stdout, reason = "prints its figures")]

mod chart;
mod meter;
mod report;
mod scenario;
mod strategy;
mod world;

use std::path::PathBuf;

use anyhow::{Context, Result};

use report::Row;
use scenario::Scenario;
use strategy::{Central, Leased, PerNode, Synchronised};
use world::run;

const EXPONENTS: [f64; 3] = [0.8, 1.1, 1.4];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().context("the seed is missing")?.parse()?;
    let folder = PathBuf::from(arguments.next().context("the folder is missing")?);
    let mut rows = Vec::new();
    for zipf in EXPONENTS {
        for scenario in Scenario::all(zipf) {
            let figures = [
                ("leases", run(&scenario, seed, &mut Leased::new())),
                ("per location", run(&scenario, seed, &mut PerNode::new())),
                ("central", run(&scenario, seed, &mut Central::default())),
                (
                    "synchronised",
                    run(&scenario, seed, &mut Synchronised::new()),
                ),
            ];
            rows.extend(figures.map(|(strategy, figures)| Row {
                scenario: scenario.clone(),
                strategy,
                figures,
            }));
        }
    }
    let table = report::table(&rows, seed);
    print!("{table}");
    std::fs::write(folder.join("limits-figures.md"), table)?;
    std::fs::write(folder.join("limits.svg"), chart::draw(&rows))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_limits::Unreachable;

    #[test]
    fn leases_admit_nothing_above_the_contract() {
        for zipf in EXPONENTS {
            for scenario in Scenario::all(zipf) {
                let figures = run(&scenario, 7, &mut Leased::new());
                let third = u64::from(scenario.burst / 3 + scenario.rate * 40);
                let most = match scenario.when_unreachable {
                    Unreachable::Refuse => 0,
                    Unreachable::Local => third,
                    Unreachable::Allow => u64::MAX,
                };
                assert!(figures.over <= most, "{}: {figures:?}", scenario.name);
            }
        }
    }
}
