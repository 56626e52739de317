//! `cargo xtask bench`: builds the comparisons for speed and runs them.
//!
//! They are a crate of their own, `bench/`: they link the gateway and its peers, which no other
//! chore should have to wait for, and they are worth nothing unless optimised.

mod connector;
mod workers;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::command::{cargo, run};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    subject: Option<Subject>,
    /// Run only the rows whose name begins so
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Also write the rows to a file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// The connector against nginx, HAProxy and Envoy in its place, instead
    Connector(connector::Connector),
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        if let Some(Subject::Connector(connector)) = &self.subject {
            return connector.run();
        }
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
