//! `cargo xtask conformance`: the tests against vectors that others wrote.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{cargo, run};

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// The folder of vectors
    #[arg(long, value_name = "DIR")]
    vectors: PathBuf,
}

impl Conformance {
    /// Runs the tests that need the vectors, with their tables of results.
    pub(crate) fn run(&self) -> Result<()> {
        let vectors = self
            .vectors
            .canonicalize()
            .with_context(|| format!("no folder `{}`", self.vectors.display()))?;
        run(cargo()
            .env("TIDEGATE_VECTORS", vectors)
            .args([
                "test",
                "--package",
                "tidegate-tests",
                "--test",
                "conformance",
            ])
            .args(["--", "--ignored", "--nocapture", "--test-threads=1"]))
    }
}
