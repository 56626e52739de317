//! What the component's variables say of a channel.

use std::time::Duration;

use http::Uri;
use spin_sdk::variables::{self, Error};
use tidegate_shared::channel::ChannelName;
use tidegate_shared::trust::TrustKeys;

use super::ChannelError;

/// The variable that names the channel. Without it one key of the store has the bundle.
const CHANNEL: &str = "tidegate_channel";
/// The variable with the web server's URL; without it the key-value store has the channel.
const SOURCE: &str = "tidegate_source";
/// The variable with the least sequence to accept.
const MINIMUM: &str = "tidegate_minimum_sequence";
/// The variable with the milliseconds between two looks.
const REFRESH: &str = "tidegate_refresh";
/// The variable with the milliseconds that a source may take for an answer.
const PATIENCE: &str = "tidegate_patience";

/// How a channel is followed.
pub(crate) struct Settings {
    pub(crate) channel: ChannelName,
    /// Without the `/` at the end; `None` for the key-value store.
    pub(crate) source: Option<String>,
    pub(crate) minimum: u64,
    pub(crate) trust: TrustKeys,
    /// In milliseconds.
    pub(crate) refresh: u64,
    pub(crate) patience: Duration,
}

impl Settings {
    /// What the variables say; `None` where they name no channel.
    ///
    /// # Errors
    /// [`ChannelError`], for a variable that is not as it should be.
    pub(crate) async fn read() -> Result<Option<Self>, ChannelError> {
        let Some(channel) = variable(CHANNEL).await? else {
            return Ok(None);
        };
        let trust = variable(crate::policy::TRUST).await?.unwrap_or_default();
        Ok(Some(Self {
            channel: channel.parse()?,
            source: variable(SOURCE).await?.map(url).transpose()?,
            minimum: number(MINIMUM, 0).await?,
            trust: trust.parse()?,
            refresh: number(REFRESH, 10_000).await?,
            patience: Duration::from_millis(number(PATIENCE, 5_000).await?),
        }))
    }
}

fn url(text: String) -> Result<String, ChannelError> {
    let uri: Result<Uri, _> = text.parse();
    let plain = !text.contains(['?', '#']);
    match uri {
        Ok(uri) if plain && matches!(uri.scheme_str(), Some("http" | "https")) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        Ok(_) | Err(_) => Err(ChannelError::Source(text)),
    }
}

async fn number(name: &'static str, absent: u64) -> Result<u64, ChannelError> {
    match variable(name).await? {
        None => Ok(absent),
        Some(text) => text.parse().map_err(|_| ChannelError::Number(name, text)),
    }
}

/// A variable of the component; `None` where it has none of that name, or an empty one, which is
/// how a manifest gives a default.
async fn variable(name: &'static str) -> Result<Option<String>, ChannelError> {
    match variables::get(name).await {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(error) => Err(ChannelError::Variable(name, error.to_string())),
    }
}
