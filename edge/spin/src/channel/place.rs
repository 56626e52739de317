//! Where a channel is read.

use std::time::Duration;

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use spin_sdk::key_value::{Error, Store};
use tidegate_shared::channel::SourceError;

use super::Settings;
use crate::fetch;

/// Where a channel is read.
pub(crate) enum Place {
    /// The default key-value store.
    KeyValue(KeyValue),
    /// A web server.
    Web(Web),
}

/// What a place gave.
pub(crate) enum Got {
    /// A content, with its entity tag where there is one.
    Octets(Vec<u8>, Option<String>),
    /// It is what the tag stands for.
    Unchanged,
}

impl Place {
    pub(crate) fn new(settings: &Settings) -> Self {
        match &settings.source {
            None => Self::KeyValue(KeyValue::new(settings.patience)),
            Some(base) => Self::Web(Web {
                base: base.clone(),
                patience: settings.patience,
            }),
        }
    }

    /// What lies at a path, or that it is what `tag` stands for.
    pub(crate) async fn get(
        &self,
        path: &str,
        most: usize,
        tag: Option<&str>,
    ) -> Result<Got, SourceError> {
        match self {
            Self::KeyValue(store) => {
                let octets = store.read(path).await?;
                let octets = octets.ok_or_else(|| SourceError::Missing(path.to_owned()))?;
                if octets.len() > most {
                    return Err(SourceError::TooLarge(path.to_owned(), most));
                }
                Ok(Got::Octets(octets, None))
            }
            Self::Web(web) => {
                let got = fetch::within(web.patience, web.get(path, most, tag)).await;
                got.unwrap_or_else(|| Err(SourceError::Stalled(path.to_owned(), web.patience)))
            }
        }
    }
}

/// The default key-value store, which has no deadlines of its own.
pub(crate) struct KeyValue {
    patience: Duration,
}

impl KeyValue {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience }
    }

    pub(crate) async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let read = async { Store::open_default().await?.get(key).await };
        self.within(key, read).await
    }

    pub(crate) async fn write(&self, key: &str, octets: &[u8]) -> Result<(), SourceError> {
        let write = async { Store::open_default().await?.set(key, octets).await };
        self.within(key, write).await
    }

    /// Lets a key go; where that fails it is in nobody's way.
    pub(crate) async fn forget(&self, key: &str) {
        let delete = async { Store::open_default().await?.delete(key).await };
        let _ = self.within(key, delete).await;
    }

    async fn within<T>(
        &self,
        key: &str,
        act: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        match fetch::within(self.patience, act).await {
            None => Err(SourceError::Stalled(key.to_owned(), self.patience)),
            Some(done) => done.map_err(|error| {
                SourceError::Unreachable(format!("the default key-value store: {error}"))
            }),
        }
    }
}

/// A web server that serves a folder with channels.
pub(crate) struct Web {
    /// Without the `/` at the end.
    base: String,
    patience: Duration,
}

impl Web {
    async fn get(&self, path: &str, most: usize, tag: Option<&str>) -> Result<Got, SourceError> {
        let unreachable =
            |error: &dyn std::fmt::Display| SourceError::Unreachable(error.to_string());
        let mut request = Request::get(format!("{}/{path}", self.base))
            .body(vec![])
            .map_err(|error| unreachable(&error))?;
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        // The caller's patience ends before the host's.
        let response = fetch::exchange(request, most, self.patience.saturating_mul(2)).await;
        let response = response.map_err(|error| unreachable(&error))?;
        match response.status() {
            StatusCode::OK => {
                let tag = response.headers().get(ETAG);
                let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
                Ok(Got::Octets(response.into_body(), tag))
            }
            StatusCode::NOT_MODIFIED => Ok(Got::Unchanged),
            StatusCode::NOT_FOUND => Err(SourceError::Missing(path.to_owned())),
            status => Err(SourceError::Status(path.to_owned(), status)),
        }
    }
}
