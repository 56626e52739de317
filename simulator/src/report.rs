//! The figures as a table.

use std::fmt::Write;

use crate::meter::Figures;
use crate::scenario::{END, LOCATIONS, Scenario, WARM_UP};

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) strategy: &'static str,
    pub(crate) figures: Figures,
}

/// Dollars for a million calls of a Durable Object, by Cloudflare's price list: as requests, and as rows
/// written.
const MILLION_CALLS: f64 = 0.15 + 1.00;

/// Requests a second that one Durable Object answers, by Cloudflare's documentation.
const OBJECT: f64 = 1_000.0;

/// The page of all figures.
pub(crate) fn table(rows: &[Row], seed: u64) -> String {
    let mut page = format!(
        "<!-- written by `cargo xtask simulate limits` -->\n\
         # Limits: the figures\n\n\
         {LOCATIONS} locations, round trips of 10 to 210 ms, seed {seed}; figures of {} s after {} s\n\
         of warm-up, over-admission of all of it. A = {LOCATIONS}, rate 3,000/s, burst 90,000 and load 0.5\n\
         where nothing else is said. *Over* is the most tokens above burst + rate · T in any time T,\n\
         *under* the part that one bucket which sees every request at once would have admitted and\n\
         that was refused, *formula* is 3A / (load · burst).\n\n\
         | scenario | Zipf | strategy | over | under | remote calls a request | formula | waited | requests |\n\
         |---|--:|---|--:|--:|--:|--:|--:|--:|\n",
        (END - WARM_UP) / 1_000,
        WARM_UP / 1_000,
    );
    for Row {
        scenario,
        strategy,
        figures,
    } in rows
    {
        let formula = if *strategy == "leases" {
            format!("{:.4}", scenario.predicted())
        } else {
            String::new()
        };
        // Writing to text does not fail.
        let _ = writeln!(
            page,
            "| {} | {} | {strategy} | {} | {:.2} % | {:.4} | {formula} | {:.3} % | {} |",
            scenario.name,
            scenario.zipf,
            figures.over,
            figures.under * 100.0,
            figures.calls,
            figures.waited * 100.0,
            figures.requests,
        );
    }
    page.push_str(&costs(rows));
    page
}

/// What leases cost where each bucket has a Durable Object.
fn costs(rows: &[Row]) -> String {
    let mut part = format!(
        "\n## What Durable Objects cost\n\n\
         By the price list: ${MILLION_CALLS:.2} for a million calls, each a request and a row written; an object\n\
         answers some {OBJECT} a second.\n\n\
         | scenario | Zipf | dollars for a million requests | requests a second on one key |\n\
         |---|--:|--:|--:|\n",
    );
    for Row {
        scenario, figures, ..
    } in rows.iter().filter(|row| row.strategy == "leases")
    {
        // Writing to text does not fail.
        let _ = writeln!(
            part,
            "| {} | {} | {:.3} | {:.0} |",
            scenario.name,
            scenario.zipf,
            figures.calls * MILLION_CALLS,
            OBJECT / figures.calls,
        );
    }
    part
}
