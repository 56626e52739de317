//! `cargo xtask test`: everything that a change must pass, but for formatting and lints.

use anyhow::Result;

use crate::command::{cargo, run as run_command};
use crate::{npm, spin, targets, workers};

/// What is built for Wasm alone, and tested by the end-to-end suite.
const WASM_ONLY: [&str; 4] = [
    "--exclude",
    "tidegate-edge-cloudflare",
    "--exclude",
    "tidegate-edge-spin",
];

/// Sets up what is missing, builds the gateway for each runtime, and runs every test.
pub(crate) fn run() -> Result<()> {
    targets::ensure()?;
    npm::ensure()?;
    workers::build(&workers::Options::default())?;
    spin::build()?;
    run_command(cargo().args(["build", "--package", "tidegate-spin-host"]))?;
    run_command(cargo().args(["test", "--workspace"]).args(WASM_ONLY))
}
