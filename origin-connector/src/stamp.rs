//! What tells that files have changed.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often files are looked at.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// Of each file the time of modification and the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    /// The files as they are now. One that cannot be looked at has a stamp of its own.
    pub(crate) fn of<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Self {
        let stamp = |path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(paths.map(stamp).collect())
    }
}
