//! `cargo xtask conformance`: the tests against vectors that others wrote.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{cargo, output};

/// What stands above the tables in a file.
const HEADING: &str = "# Conformance\n\n\
    What vectors of others come to: written by `cargo xtask conformance --vectors DIR --output FILE`. The vectors are not\n\
    part of this repository. What is left out is named, with its reason.\n\n\
    ```text\n";

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// The folder of vectors
    #[arg(long, value_name = "DIR")]
    vectors: PathBuf,
    /// Also write the tables of results to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Conformance {
    /// Runs the tests that need the vectors, with their tables of results.
    pub(crate) fn run(&self) -> Result<()> {
        let vectors = self
            .vectors
            .canonicalize()
            .with_context(|| format!("no folder `{}`", self.vectors.display()))?;
        let report = output(cargo().env("TIDEGATE_VECTORS", vectors).args([
            "test",
            "--package=tidegate-tests",
            "--test=conformance",
            "--",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ]))?;
        writeln!(io::stdout(), "{report}")?;
        self.output
            .as_deref()
            .map_or(Ok(()), |file| write(file, &report))
    }
}

fn write(file: &Path, report: &str) -> Result<()> {
    let tables: String = report.lines().filter_map(table).collect();
    fs::write(file, format!("{HEADING}{tables}```\n"))
        .with_context(|| format!("cannot write `{}`", file.display()))
}

/// A line of a table; `None` where the line is about the test program.
pub(crate) fn table(line: &str) -> Option<String> {
    let text = match line.strip_prefix("test ") {
        Some(test) => test.split_once(" ... ")?.1,
        None => line,
    };
    let own = text.is_empty() || text == "ok" || text.starts_with("running ");
    (!own).then(|| format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn tables_stand_without_what_the_test_program_says() {
        let report = "running 2 tests\ntest a ... A: 3 held\nok\ntest b ... B: 1\n  more\nok\n\n\
                      test result: ok. 2 passed; 0 failed\n";
        let tables: String = report.lines().filter_map(table).collect();
        assert_eq!(tables, "A: 3 held\nB: 1\n  more\n");
    }
}
