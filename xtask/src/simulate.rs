//! `cargo xtask simulate`: what cannot be tried on one machine.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::command::{cargo, run};

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// Limits over 300 locations; writes docs/limits-figures.md and docs/limits.svg
    Limits {
        /// Where the draws begin
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Simulate {
    pub(crate) fn run(&self) -> Result<()> {
        let Subject::Limits { seed } = &self.subject;
        let mut command = cargo();
        command.args(["run", "--package", "tidegate-simulator", "--"]);
        command.arg(seed.to_string()).arg("docs");
        run(&mut command)
    }
}
