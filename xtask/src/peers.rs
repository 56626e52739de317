//! Programs of others that the connector is tried against, from Debian's packages.
//!
//! They are unpacked below `target` and not installed: no service starts, and nobody needs to be
//! root. Where there is no `apt-get` the tests that want them are skipped, and say so.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{output, target_directory};

const PACKAGES: [&str; 1] = ["nginx"];

/// Downloads and unpacks what is not there yet.
pub(crate) fn ensure() -> Result<()> {
    let folder = target_directory().join("peers");
    fs::create_dir_all(&folder)?;
    for package in PACKAGES {
        if folder.join("usr/sbin").join(package).exists() {
            continue;
        }
        let download = output(
            Command::new("apt-get")
                .args(["download", package])
                .current_dir(&folder),
        );
        if let Err(error) = download {
            writeln!(io::stdout(), "no {package}: {error:#}")?;
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "deb") {
                output(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&folder))
                    .with_context(|| format!("cannot unpack {}", path.display()))?;
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}
