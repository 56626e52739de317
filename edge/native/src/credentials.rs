//! The store of API keys of a native gateway: a folder with a file for each record.
//!
//! A folder, and not a database in a file, because a command writes it while gateways read it, in
//! other processes and maybe on other machines. A file is written whole, and renamed into place.

use std::io::ErrorKind;
use std::path::PathBuf;

use tidegate_edge::PortError;

/// A folder of API keys' records, each under its place in a store.
#[derive(Clone, Debug)]
pub struct CredentialFolder(PathBuf);

impl CredentialFolder {
    /// The folder; it need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let path = self.0.join(key);
        let failed = |error: std::io::Error| PortError(format!("`{}`: {error}", path.display()));
        match tokio::fs::read(&path).await {
            Ok(octets) => Ok(Some(octets)),
            // Without the folder nothing is known; with it, the key is unknown.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tokio::fs::metadata(&self.0).await.map_err(failed)?;
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        }
    }
}
