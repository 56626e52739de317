//! The Rust targets that the edge runtimes need.

use std::process::Command;

use anyhow::Result;

use crate::command::{output, run};

const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Adds the targets that are not installed yet.
pub(crate) fn ensure() -> Result<()> {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    for target in TARGETS {
        if !installed.lines().any(|line| line == target) {
            run(Command::new("rustup").args(["target", "add", target]))?;
        }
    }
    Ok(())
}
