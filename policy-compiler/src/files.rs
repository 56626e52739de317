//! Files that are written whole or not at all: a reader never sees half of one, a full disk
//! leaves the old one, and what was written outlives a power cut.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file, in place of one that may be there.
///
/// # Errors
/// Where the file system refuses.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = prepare(path, content)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Writes a file where none is.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or what else the file system says.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = prepare(path, content)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn prepare(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // As any file that a program writes: what others may do with it is the umask's to say.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A new name in a folder lasts once the folder is on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()?;
    }
    Ok(())
}
