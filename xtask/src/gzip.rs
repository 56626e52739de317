//! What a file weighs, raw and as platforms count it.

use std::io::Write;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Prints the sizes of `file`, in bytes.
pub(crate) fn print_size(file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    let compressed = encoder.finish()?.len();
    let name = file.file_name().unwrap_or(file.as_os_str());
    writeln!(
        io::stdout(),
        "{}: {} bytes, {compressed} gzip",
        name.display(),
        bytes.len()
    )?;
    Ok(())
}
