//! A path prefix of whole segments, as the Gateway API's `PathPrefix`.

use std::fmt;
use std::str::FromStr;

/// A path and everything below it.
///
/// Invariant: segments of a normalised path; no empty one, so no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(Vec<String>);

impl PathPrefix {
    /// How many segments it has.
    pub fn segments(&self) -> usize {
        self.0.len()
    }

    /// Whether the segments of a path begin with these.
    pub fn holds<'p>(&self, mut path: impl Iterator<Item = &'p str>) -> bool {
        self.0
            .iter()
            .all(|segment| path.next() == Some(segment.as_str()))
    }
}

/// The segments as an origin may read them that drops path parameters (`;v=1`), merges slashes,
/// and takes dot segments away after that.
pub(super) fn lenient_segments(path: &str) -> std::vec::IntoIter<&str> {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        let bare = segment
            .split_once(';')
            .map_or(segment, |(bare, _parameters)| bare);
        match bare {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.into_iter()
}

/// The text is no path prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path prefix: write a normalised path of whole segments, as `/v1/accounts`")]
pub struct InvalidPathPrefix(String);

impl FromStr for PathPrefix {
    type Err = InvalidPathPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPathPrefix> {
        let invalid = || InvalidPathPrefix(text.to_owned());
        let normal = tidegate_shared::path::normalise(text).is_ok_and(|path| path == text);
        let rest = text.strip_prefix('/').filter(|_| normal);
        let rest = rest.ok_or_else(invalid)?;
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments: Vec<String> = rest.split('/').map(str::to_owned).collect();
        let plain = |segment: &String| !segment.is_empty() && !segment.contains(';');
        if segments.iter().all(plain) {
            Ok(Self(segments))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_normalised_paths_only() {
        for (text, segments) in [("/", 0), ("/v1", 1), ("/v1/accounts/", 2)] {
            let prefix: PathPrefix = text.parse().unwrap();
            assert_eq!(prefix.segments(), segments, "{text}");
        }
        for text in ["", "v1", "/a//b", "//", "/a;b", "/a/../b", "/%61", "/a%2Fb"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text}");
        }
    }
}
