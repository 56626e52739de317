//! Why a place gave nothing, in words that are the same for every reader.

use std::time::Duration;

use http::StatusCode;

/// Why a source gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is not there.
    #[error("the source has no `{0}`")]
    Missing(String),
    /// It did not answer in time.
    #[error("the source did not give `{0}` within {1:?}")]
    Stalled(String, Duration),
    /// It gave more than there can be.
    #[error("the source gives more than {1} octets for `{0}`")]
    TooLarge(String, usize),
    /// It cannot be reached.
    #[error("the source cannot be reached: {0}")]
    Unreachable(String),
    /// It answered something else.
    #[error("the source answers {1} for `{0}`")]
    Status(String, StatusCode),
}

impl SourceError {
    /// A stable name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Stalled(..) => "stalled",
            Self::TooLarge(..) => "too-large",
            Self::Unreachable(_) => "unreachable",
            Self::Status(..) => "status",
        }
    }
}
