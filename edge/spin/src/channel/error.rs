//! Why a channel is not followed.

use tidegate_shared::channel::{InvalidChannelName, OtherBundle, Refused, SourceError};
use tidegate_shared::trust::InvalidKey;

/// Why a channel is not followed. What was in force stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the variable `tidegate_channel` is not as it should be: {0}")]
    Name(#[from] InvalidChannelName),
    #[error("the variable `{0}` is `{1}` and not a number")]
    Number(&'static str, String),
    #[error("the variable `tidegate_source` is `{0}` and not an http or https URL")]
    Source(String),
    #[error("the variable `{0}` cannot be read: {1}")]
    Variable(&'static str, String),
    #[error("the variable `tidegate_trust` is unusable: {0}")]
    Trust(#[from] InvalidKey),
    #[error(transparent)]
    Place(#[from] SourceError),
    #[error(transparent)]
    Statement(#[from] Refused),
    #[error(transparent)]
    Bundle(#[from] OtherBundle),
    #[error("{0}")]
    Unusable(String),
    #[error("another look at the channel was quicker")]
    Overtaken,
}

impl ChannelError {
    pub(crate) fn missing(path: &str) -> Self {
        SourceError::Missing(path.to_owned()).into()
    }

    /// A stable name, for logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Name(_)
            | Self::Number(..)
            | Self::Source(_)
            | Self::Variable(..)
            | Self::Trust(_) => "configuration",
            Self::Place(error) => error.name(),
            Self::Statement(refused) => refused.name(),
            Self::Bundle(error) => error.name(),
            Self::Unusable(_) => "bundle-unusable",
            Self::Overtaken => "overtaken",
        }
    }
}
