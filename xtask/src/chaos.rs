//! `cargo xtask chaos`: what goes wrong in the world around a connector, at length.

use anyhow::Result;

use crate::command::{cargo, run as run_command};

/// Runs the scenarios that the connector's tests run for a moment, one after another, and prints a
/// line of counts for each.
pub(crate) fn run() -> Result<()> {
    run_command(cargo().env("TIDEGATE_CHAOS", "long").args([
        "test",
        "--package=tidegate-origin-connector",
        "--test=connector",
        "--",
        "chaos",
        "--nocapture",
        "--test-threads=1",
    ]))
}
