//! A folder, which a web server may serve as it is.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::sink::{Sink, SinkError, Stored, Version};
use crate::files;

/// Held while a statement is compared and replaced. It stays; the lock goes with its holder.
const LOCK: &str = ".lock";

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder; it is made when something is first published to it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    fn failed(&self, path: &str, error: &io::Error) -> SinkError {
        SinkError::Failed {
            path: self.0.join(path).display().to_string(),
            reason: error.to_string(),
        }
    }

    fn read_now(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        match fs::read(self.0.join(path)) {
            Ok(octets) => Ok(Some(Stored {
                version: Version::of(&octets),
                octets,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(path, &error)),
        }
    }

    fn write(
        &self,
        path: &str,
        octets: &[u8],
        how: fn(&std::path::Path, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = self.0.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        how(&file, octets)
    }

    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.0)?;
        let lock = File::create(self.0.join(LOCK))?;
        lock.lock()?;
        Ok(lock)
    }
}

impl Sink for Folder {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        self.read_now(path)
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        match self.write(path, octets, files::create) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if self
                    .read_now(path)?
                    .is_some_and(|stored| stored.octets == octets)
                {
                    Ok(())
                } else {
                    Err(SinkError::Occupied(path.to_owned()))
                }
            }
            Err(error) => Err(self.failed(path, &error)),
        }
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let failed = |error| self.failed(path, &error);
        let lock = self.lock().map_err(failed)?;
        let found = self.read_now(path)?.map(|stored| stored.version);
        if found.as_ref() != expected {
            return Err(SinkError::Changed(path.to_owned()));
        }
        self.write(path, octets, files::write).map_err(failed)?;
        drop(lock);
        Ok(())
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let entries = match fs::read_dir(self.0.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(self.failed(folder, &error)),
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<io::Result<Vec<_>>>();
        let names = names.map_err(|error| self.failed(folder, &error))?;
        // What a publisher was writing when it was killed lies about under such a name.
        let whole = names.into_iter().filter(|name| !name.starts_with('.'));
        Ok(whole.map(|name| format!("{folder}{name}")).collect())
    }
}
