//! `cargo xtask bench`: builds the comparisons for speed and runs them.
//!
//! They are a crate of their own, `bench/`: they link the gateway and its peers, which no other
//! chore should have to wait for, and they are worth nothing unless optimised.

mod workers;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, run};

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Run only the rows whose name begins so
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Also write the rows to a file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        let mut command = cargo();
        command.args(["run", "--release", "--package", "tidegate-bench"]);
        command.args(["--features", "governor", "--"]);
        if self.compares_workers() {
            command.arg("--workers").arg(workers::build()?);
        }
        if let Some(name) = &self.only {
            command.arg("--only").arg(name);
        }
        if let Some(file) = &self.json {
            // Cargo runs at the top of the repository; the file is meant from here.
            command.arg("--json").arg(std::path::absolute(file)?);
        }
        run(&mut command)
    }

    fn compares_workers(&self) -> bool {
        let group = "workers";
        let name = self.only.as_deref().unwrap_or_default();
        name.starts_with(group) || group.starts_with(name)
    }
}
