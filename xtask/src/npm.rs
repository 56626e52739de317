//! The tools that come from npm: a bundler, a Wasm optimiser, Workers' runtime.
//!
//! They are pinned in `edge/cloudflare/package-lock.json`. No package's install
//! script runs: each ships its binary as a package of its own for the platform.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{root, run};

/// Installs what the lock names, unless that is what is installed.
pub(crate) fn ensure() -> Result<()> {
    let directory = root().join("edge/cloudflare");
    let lock = fs::read(directory.join("package-lock.json"))?;
    let installed = directory.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Not `npm ci`: it refuses a lock in which the binary for another platform
    // is missing. The lock stays as it is.
    run(Command::new("npm")
        .args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .args(["--loglevel=error"])
        .current_dir(directory))
    .context("npm must be on the path")?;
    fs::write(installed, lock)?;
    Ok(())
}

/// A program of an installed package.
pub(crate) fn tool(name: &str) -> PathBuf {
    root().join("edge/cloudflare/node_modules/.bin").join(name)
}
