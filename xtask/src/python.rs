//! The tools that come from PyPI: a server that stands for S3 in tests.

use std::fs;
use std::io::{self, Write};
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
    let venv = run(Command::new("python3").args(["-m", "venv"]).arg(&directory));
    let pip = venv.and_then(|()| {
        run(Command::new(directory.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&required))
    });
    if let Err(error) = pip {
        writeln!(
            io::stderr(),
            "no server for the tests of S3, which will be skipped: {error}"
        )?;
        return Ok(());
    }
    if !directory.join("bin/moto_server").exists() {
        bail!("`{}` does not bring moto_server", required.display());
    }
    fs::write(installed, wanted)?;
    Ok(())
}
