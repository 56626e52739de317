//! What a store must be able to do to be published to.

use tidegate_shared::digest::Digest;

/// Tells two contents of a path apart, in the store's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The entity tag (RFC 9110 §8.8.3), or what stands in for it.
    pub tag: Option<String>,
    /// A number that some stores give besides.
    pub number: Option<String>,
}

impl Version {
    /// The version of a content, where a store has no name for it.
    pub fn of(octets: &[u8]) -> Self {
        Self {
            tag: Some(Digest::of(octets).to_string()),
            number: None,
        }
    }
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The content.
    pub octets: Vec<u8>,
    /// Its version, to replace this content and no other.
    pub version: Version,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The content is no longer the one that was to be replaced.
    #[error("`{0}` has changed meanwhile: someone else published")]
    Changed(String),
    /// Something else lies where an immutable content was to go.
    #[error("`{0}` is there already, with another content")]
    Occupied(String),
    /// It may succeed if it is tried again.
    #[error("`{path}`: {reason}")]
    Transient {
        /// What was asked for.
        path: String,
        /// What the store said.
        reason: String,
    },
    /// It will not succeed: no permission, no such store.
    #[error("`{path}`: {reason}")]
    Failed {
        /// What was asked for.
        path: String,
        /// What the store said.
        reason: String,
    },
}

/// A store of small contents by path. Each write is whole or does not happen.
pub trait Sink {
    /// What lies at a path; `None` where nothing does.
    fn read(&self, path: &str) -> impl Future<Output = Result<Option<Stored>, SinkError>>;

    /// Puts a content where none is. The same content again is no error.
    fn create(&self, path: &str, octets: &[u8]) -> impl Future<Output = Result<(), SinkError>>;

    /// Puts a content in place of that version, or where there is none.
    fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> impl Future<Output = Result<(), SinkError>>;

    /// The paths below a folder, which ends with `/`, in any order.
    fn list(&self, folder: &str) -> impl Future<Output = Result<Vec<String>, SinkError>>;
}

impl<S: Sink> Sink for &S {
    fn read(&self, path: &str) -> impl Future<Output = Result<Option<Stored>, SinkError>> {
        (**self).read(path)
    }

    fn create(&self, path: &str, octets: &[u8]) -> impl Future<Output = Result<(), SinkError>> {
        (**self).create(path, octets)
    }

    fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> impl Future<Output = Result<(), SinkError>> {
        (**self).replace(path, octets, expected)
    }

    fn list(&self, folder: &str) -> impl Future<Output = Result<Vec<String>, SinkError>> {
        (**self).list(folder)
    }
}
