//! `cargo xtask build TARGET`.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{spin, workers};

#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// The Worker, into target/workers
    Workers(workers::Options),
    /// The Spin component, into target/wasm32-wasip2/wasm
    Spin,
}

impl Build {
    pub(crate) fn run(&self) -> Result<()> {
        match &self.target {
            Target::Workers(options) => workers::build(options),
            Target::Spin => spin::build(),
        }
    }
}
