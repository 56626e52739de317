//! `cargo xtask propagation`: from an edit to its effect.

use std::io::{self, Write};

use anyhow::Result;

use crate::command::{cargo, run as run_command, target_directory};
use crate::workers;

/// Builds the Worker, runs at length what the tests of channels run for a moment, with the settings
/// that gateways have if nobody sets others, and prints a row for each way.
pub(crate) fn run() -> Result<()> {
    workers::build(&workers::Options::default())?;
    let rows = std::path::absolute(target_directory())?.join("propagation.md");
    let head = "| runtime, source | looks every | samples | p50 | p99 | most |\n|---|---|---|---|---|---|\n";
    std::fs::write(&rows, head)?;
    run_command(cargo().env("TIDEGATE_PROPAGATION", &rows).args([
        "test",
        "--package=tidegate-tests",
        "--test=channels",
        "--",
        "propagation",
        "--test-threads=1",
    ]))?;
    io::stdout().write_all(&std::fs::read(&rows)?)?;
    Ok(())
}
