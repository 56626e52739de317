//! `cargo xtask test`: everything that a change must pass, but for formatting and lints.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::cargo;
use crate::{npm, peers, python, spin, targets, workers};

/// What is built for Wasm alone, and tested by the end-to-end suite.
const WASM_ONLY: [&str; 4] = [
    "--exclude",
    "tidegate-edge-cloudflare",
    "--exclude",
    "tidegate-edge-spin",
];

/// Sets up what is missing, builds the gateway for each runtime, and runs every test.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    targets::ensure()?;
    npm::ensure()?;
    peers::ensure(&peers::TESTED)?;
    python::ensure()?;
    workers::build(&workers::Options::default())?;
    spin::build()?;
    let built = start.elapsed().as_secs();

    // What failed first says nothing about the rest.
    let mut tests = cargo();
    tests
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(WASM_ONLY);
    let (success, summary) = count(&mut tests)?;
    let took = start.elapsed().as_secs();
    writeln!(
        io::stdout(),
        "\n{summary}; runtimes built in {built} s, all in {took} s"
    )?;
    if !success {
        bail!("tests failed");
    }
    Ok(())
}

/// Results of the test programs that ran.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    programs: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            programs,
            passed,
            failed,
            ignored,
        } = self;
        write!(
            f,
            "{passed} tests passed, {failed} failed, {ignored} ignored in {programs} programs"
        )
    }
}

impl Summary {
    /// Takes in a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn read(&mut self, line: &str) {
        let Some(counts) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.programs = self.programs.saturating_add(1);
        for count in counts.1.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed = self.passed.saturating_add(number),
                "failed" => self.failed = self.failed.saturating_add(number),
                "ignored" => self.ignored = self.ignored.saturating_add(number),
                _ => {}
            }
        }
    }
}

/// Runs test programs, passes their output on, and counts their results.
fn count(command: &mut Command) -> Result<(bool, Summary)> {
    let mut process = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = process.stdout.take().context("no standard output")?;
    let mut summary = Summary::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        summary.read(&line);
        writeln!(io::stdout(), "{line}")?;
    }
    Ok((process.wait()?.success(), summary))
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn results_add_up() {
        let mut summary = Summary::default();
        for line in [
            "running 2 tests",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            summary.read(line);
        }
        let expected = Summary {
            programs: 2,
            passed: 5,
            failed: 4,
            ignored: 1,
        };
        assert_eq!(summary, expected);
    }
}
