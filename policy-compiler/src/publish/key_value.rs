//! A namespace of Workers KV, through Cloudflare's API.
//!
//! KV has no conditional write. The content is compared before it is replaced, which tells two
//! publishers apart that are some seconds apart, and not two in the same moment: where several
//! may publish at once, let them publish to an object store.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use tidegate_follow::Fetcher;
use tidegate_shared::envelope::MAX_ENVELOPE;

use super::sink::{Sink, SinkError, Stored, Version};

const API: &str = "https://api.cloudflare.com/client/v4";
/// The largest value that there is.
const MOST: usize = MAX_ENVELOPE;
/// How long the API may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A namespace of Workers KV.
#[derive(Clone)]
pub struct KeyValue {
    fetcher: Fetcher,
    namespace: String,
    token: String,
}

impl std::fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Page {
    result: Vec<Key>,
    result_info: Option<PageInfo>,
}

#[derive(Deserialize)]
struct Key {
    name: String,
}

#[derive(Deserialize)]
struct PageInfo {
    cursor: Option<String>,
}

impl KeyValue {
    /// The namespace of an account. `api` is where the API is, if not at Cloudflare.
    ///
    /// # Errors
    /// Where there is no TLS to be had.
    pub fn new(
        api: Option<&str>,
        account: &str,
        namespace: &str,
        token: String,
    ) -> Result<Self, rustls::Error> {
        let api = api.unwrap_or(API);
        Ok(Self {
            fetcher: Fetcher::new()?,
            namespace: format!("{api}/accounts/{account}/storage/kv/namespaces/{namespace}"),
            token,
        })
    }

    fn value(&self, path: &str) -> String {
        format!("{}/values/{}", self.namespace, encoded(path))
    }

    /// One call; `None` where the key is not there.
    async fn call(
        &self,
        method: Method,
        url: String,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Option<Response<Bytes>>, SinkError> {
        let failed = |reason: String| SinkError::Failed {
            path: path.to_owned(),
            reason,
        };
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .body(body)
            .map_err(|error| failed(error.to_string()))?;
        let transient = |reason: String| SinkError::Transient {
            path: path.to_owned(),
            reason,
        };
        let response = self.fetcher.fetch(request, MOST, PATIENCE).await;
        let response = response.map_err(|error| transient(error.to_string()))?;
        match response.status() {
            status if status.is_success() => Ok(Some(response.map(Bytes::from))),
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(transient(format!("Cloudflare answers {status}")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(failed(format!(
                "Cloudflare answers {}: may the token in CLOUDFLARE_API_TOKEN edit Workers KV?",
                response.status()
            ))),
            status => Err(failed(format!("Cloudflare answers {status}"))),
        }
    }

    async fn put(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        let url = self.value(path);
        let answer = self.call(Method::PUT, url, path, octets.to_vec()).await?;
        answer.map(|_| ()).ok_or_else(|| SinkError::Failed {
            path: path.to_owned(),
            reason: "no such account or namespace".to_owned(),
        })
    }
}

fn encoded(path: &str) -> String {
    form_urlencoded::byte_serialize(path.as_bytes()).collect()
}

impl Sink for KeyValue {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        let answer = self
            .call(Method::GET, self.value(path), path, vec![])
            .await?;
        Ok(answer.map(|answer| Stored {
            version: Version::of(answer.body()),
            octets: answer.into_body().to_vec(),
        }))
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        match self.read(path).await? {
            None => self.put(path, octets).await,
            Some(stored) if stored.octets == octets => Ok(()),
            Some(_) => Err(SinkError::Occupied(path.to_owned())),
        }
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let found = self.read(path).await?.map(|stored| stored.version);
        if found.as_ref() == expected {
            self.put(path, octets).await
        } else {
            Err(SinkError::Changed(path.to_owned()))
        }
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let mut names = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = format!(
                "{}/keys?prefix={}&cursor={}",
                self.namespace,
                encoded(folder),
                encoded(&cursor)
            );
            let Some(answer) = self.call(Method::GET, url, folder, vec![]).await? else {
                return Ok(names);
            };
            let page: Page =
                serde_json::from_slice(answer.body()).map_err(|error| SinkError::Failed {
                    path: folder.to_owned(),
                    reason: format!("not a list of keys: {error}"),
                })?;
            names.extend(page.result.into_iter().map(|key| key.name));
            match page.result_info.and_then(|info| info.cursor) {
                Some(next) if !next.is_empty() => cursor = next,
                Some(_) | None => return Ok(names),
            }
        }
    }
}
