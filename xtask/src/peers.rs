//! Programs of others that the connector is tried against, from Debian's packages.
//!
//! They are unpacked below `target` and not installed: no service starts, and nobody needs to be
//! root. Where there is no `apt-get` the tests that want them are skipped, and say so.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{output, target_directory};

/// What tests want: a package, and a file of it by which it is known to be there.
pub(crate) const TESTED: [Package; 1] = [("nginx", "usr/sbin/nginx")];

/// What speed is compared with, and the libraries that it wants.
pub(crate) const COMPARED: [Package; 5] = [
    ("nginx", "usr/sbin/nginx"),
    ("haproxy", "usr/sbin/haproxy"),
    ("liblua5.3-0", "usr/share/doc/liblua5.3-0"),
    (
        "libopentracing-c-wrapper0",
        "usr/share/doc/libopentracing-c-wrapper0",
    ),
    ("libopentracing1", "usr/share/doc/libopentracing1"),
];

type Package = (&'static str, &'static str);

/// Downloads and unpacks what is not there yet.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let folder = target_directory().join("peers");
    fs::create_dir_all(&folder)?;
    for (package, file) in packages {
        if folder.join(file).exists() {
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
