//! The tools that come from PyPI: a server that stands for S3 in tests, gRPC and a scanner of TLS that
//! the connector is tried against.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{root, run, target_directory};

/// Installs what `tests/requirements.txt` names, unless that is what is installed. The tests that
/// need it say that they are skipped where it cannot be installed.
pub(crate) fn ensure() -> Result<()> {
    let required = root().join("tests/requirements.txt");
    let directory = target_directory().join("python");
    let installed = directory.join("installed.txt");
    let wanted = fs::read(&required)?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let pip = pip().and_then(|pip| {
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&required))
    });
    if let Err(error) = pip {
        writeln!(
            io::stderr(),
            "nothing from PyPI, so that the tests which need it will be skipped: {error}"
        )?;
        return Ok(());
    }
    for program in ["moto_server", "sslyze"] {
        if !directory.join("bin").join(program).exists() {
            bail!("`{}` does not bring {program}", required.display());
        }
    }
    fs::write(installed, wanted)?;
    Ok(())
}

/// The `pip` of an environment of our own, which is made where it is not there.
pub(crate) fn pip() -> Result<PathBuf> {
    let directory = target_directory().join("python");
    let pip = directory.join("bin/pip");
    if !pip.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    }
    Ok(pip)
}
