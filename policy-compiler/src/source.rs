//! Source files and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tidegate_shared::digest::Digest;

/// The largest policy file in octets.
pub const MAX_FILE: usize = 1024 * 1024;

/// A file of a policy.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as it was found, for messages.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// A place in a source: octets `start..end` of the file of that index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    file: u32,
    start: u32,
    end: u32,
}

/// A place as people name it. Lines and columns count from one; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Span {
    /// Octets of a file. What is beyond 4 GiB, as no file is, becomes that.
    pub fn new(file: usize, octets: Range<usize>) -> Self {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            file: number(file),
            start: number(octets.start),
            end: number(octets.end),
        }
    }

    /// The file, by its index among the sources.
    pub fn file(self) -> usize {
        usize::try_from(self.file).unwrap_or(usize::MAX)
    }

    /// The first octet.
    pub fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    /// The octet after the last.
    pub fn end(self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    /// From here to the end of another in the same file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            end: other.end,
            ..self
        }
    }

    /// The place behind it.
    #[must_use]
    pub fn behind(self) -> Self {
        Self {
            start: self.end,
            ..self
        }
    }

    /// Where the span begins.
    pub fn place(self, sources: &[Source]) -> Place {
        let source = sources.get(self.file());
        let text = source.map_or("", |source| &source.text);
        let before = text.get(..self.start()).unwrap_or(text);
        let line_start = before
            .rfind('\n')
            .map_or(0, |newline| newline.saturating_add(1));
        let column = before.get(line_start..).unwrap_or("").chars().count();
        Place {
            file: source.map_or_else(String::new, |source| source.path.display().to_string()),
            line: before.matches('\n').count().saturating_add(1),
            column: column.saturating_add(1),
        }
    }
}

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The place.
    pub span: Span,
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The source files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A folder without policy files.
    #[error("`{}` holds no policy: no file there ends in `.yaml` or `.yml`", .0.display())]
    NoPolicy(PathBuf),
    /// A file over [`MAX_FILE`].
    #[error("`{}` has {octets} octets: a policy file may have {MAX_FILE}; split it", path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its size.
        octets: u64,
    },
    /// A file that is not UTF-8.
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotUtf8(PathBuf),
}

/// Reads a policy: a file, or the `.yaml` and `.yml` files of a folder in the order of their
/// names.
///
/// # Errors
/// [`SourceError`].
pub fn read(path: &Path) -> Result<Vec<Source>, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: path.to_owned(),
        error,
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_yaml = file
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(SourceError::NoPolicy(path.to_owned()));
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Source, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let octets = std::fs::metadata(path).map_err(unreadable)?.len();
    if octets > MAX_FILE as u64 {
        return Err(SourceError::TooLarge {
            path: path.to_owned(),
            octets,
        });
    }
    let content = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(content).map_err(|_| SourceError::NotUtf8(path.to_owned()))?;
    Ok(Source {
        path: path.to_owned(),
        text,
    })
}

/// The digest that a bundle names as its source.
pub fn digest(sources: &[Source]) -> Digest {
    let lengths: Vec<_> = sources
        .iter()
        .map(|source| source.text.len().to_be_bytes())
        .collect();
    let parts = lengths.iter().zip(sources);
    let parts = parts.flat_map(|(length, source)| [length.as_slice(), source.text.as_bytes()]);
    Digest::of_parts(parts)
}
