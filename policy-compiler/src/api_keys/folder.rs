//! A folder of records, as the native gateway reads it.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

/// A folder with a file for each key. A file is written whole, and renamed into place.
#[derive(Clone, Debug)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The folder; it is made when a key is.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The names of its files.
    pub(super) fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    pub(super) fn read(&self, place: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(place)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            octets => octets.map(Some),
        }
    }

    pub(super) fn create(&self, place: &str, octets: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let file = self.prepare(octets)?;
        file.persist_noclobber(self.0.join(place))?;
        Ok(())
    }

    pub(super) fn replace(&self, place: &str, octets: &[u8]) -> io::Result<()> {
        self.prepare(octets)?.persist(self.0.join(place))?;
        Ok(())
    }

    fn prepare(&self, octets: &[u8]) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        // The gateway may be another user; what it may read is the umask's to say.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.0)?;
        file.write_all(octets)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}
