//! `cargo xtask chaos`: what goes wrong in the world around a connector, at length.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{cargo, output};
use crate::conformance;

/// What stands above the table in a file.
const HEADING: &str = "# Chaos\n\n\
    Written by `cargo xtask chaos --output FILE`: eight callers ask without a pause, over both versions of HTTP, while what\n\
    stands at the left happens, and both ends count. `lost` are idempotent requests without the origin's answer, `twice`\n\
    others that reached origins more than once, `mixed` answers to another request; `refused` are answers of 5xx, and\n\
    `unanswered` connections that broke off, neither of which an idempotent request may end with. The tests run the same\n\
    for a moment each.\n\n\
    ```text\n";

#[derive(Debug, Args)]
pub(crate) struct Chaos {
    /// Also write the table to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Chaos {
    /// Runs the scenarios that the connector's tests run for a moment, one after another, and prints
    /// a line of counts for each.
    pub(crate) fn run(&self) -> Result<()> {
        let report = output(cargo().env("TIDEGATE_CHAOS", "long").args([
            "test",
            "--package=tidegate-origin-connector",
            "--test=connector",
            "--",
            "chaos",
            "--nocapture",
            "--test-threads=1",
        ]))?;
        let table = table(&report);
        write!(io::stdout(), "{table}")?;
        let Some(file) = &self.output else {
            return Ok(());
        };
        fs::write(file, format!("{HEADING}{table}```\n"))
            .with_context(|| format!("cannot write `{}`", file.display()))
    }
}

/// The lines of counts, under the head that each scenario prints, once.
fn table(report: &str) -> String {
    let mut head = None;
    let mut table = String::new();
    for line in report.lines().filter_map(conformance::table) {
        if line.starts_with(' ') {
            if head.is_some() {
                continue;
            }
            head = Some(());
        }
        table.push_str(&line);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn one_head_stands_above_all_lines() {
        let report = "running 2 tests\ntest a ...    sent\nfirst 3\nok\n   sent\nsecond 4\nok\n";
        assert_eq!(table(report), "   sent\nfirst 3\nsecond 4\n");
    }
}
