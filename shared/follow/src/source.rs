//! Where a channel is read.

use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use tidegate_shared::channel::SourceError;

use crate::fetch::Fetcher;

/// Where bundles come from, as people write it: a file, a folder, or an `http(s)` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A path. A folder has channels, a file is a bundle.
    Path(PathBuf),
    /// A web server that serves such a folder; without the `/` at the end.
    Url(String),
}

/// The text names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no source of bundles: write a file, a folder, or an http or https URL")]
pub struct InvalidSource(String);

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        match text.split_once("://") {
            Some(("http" | "https", rest)) if !rest.is_empty() && !rest.contains(['?', '#']) => {
                Ok(Self::Url(text.trim_end_matches('/').to_owned()))
            }
            None if !text.is_empty() => Ok(Self::Path(text.into())),
            Some(_) | None => Err(InvalidSource(text.to_owned())),
        }
    }
}

/// What a source gave.
#[derive(Debug)]
pub(crate) enum Got {
    /// A content.
    Octets(Vec<u8>),
    /// The content has not changed since the last look.
    Unchanged,
}

/// A source that can be asked.
#[derive(Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    Web(Box<Web>),
}

#[derive(Debug)]
pub(crate) struct Web {
    base: String,
    fetcher: Fetcher,
    patience: Duration,
    /// The entity tag of the last answer that was asked for on a condition.
    tag: Option<HeaderValue>,
}

impl Place {
    pub(crate) fn new(source: Source, patience: Duration) -> Result<Self, SourceError> {
        match source {
            Source::Path(folder) => Ok(Self::Folder(folder)),
            Source::Url(base) => Ok(Self::Web(Box::new(Web {
                base,
                fetcher: Fetcher::new()
                    .map_err(|error| SourceError::Unreachable(error.to_string()))?,
                patience,
                tag: None,
            }))),
        }
    }

    /// What lies at a path, or that it has not changed where `conditional` asks for that.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        most: usize,
        conditional: bool,
    ) -> Result<Got, SourceError> {
        match self {
            Self::Folder(folder) => {
                let (file, path) = (folder.join(path), path.to_owned());
                let read = tokio::task::spawn_blocking(move || read(&file, path, most)).await;
                read.map_err(|error| SourceError::Unreachable(error.to_string()))?
            }
            Self::Web(web) => web.get(path, most, conditional).await,
        }
    }
}

impl Web {
    async fn get(
        &mut self,
        path: &str,
        most: usize,
        conditional: bool,
    ) -> Result<Got, SourceError> {
        let condition = self.tag.clone().filter(|_| conditional);
        let url = format!("{}/{path}", self.base);
        let fetched = fetch(&self.fetcher, &url, path, most, condition);
        let fetched = tokio::time::timeout(self.patience, fetched).await;
        let (got, tag) = fetched
            .unwrap_or_else(|_| Err(SourceError::Stalled(path.to_owned(), self.patience)))?;
        if conditional && matches!(got, Got::Octets(_)) {
            self.tag = tag;
        }
        Ok(got)
    }
}

fn read(file: &std::path::Path, path: String, most: usize) -> Result<Got, SourceError> {
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            SourceError::Missing(path.clone())
        } else {
            SourceError::Unreachable(error.to_string())
        }
    };
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut octets = Vec::new();
    let file = std::fs::File::open(file).map_err(failed)?;
    file.take(bound).read_to_end(&mut octets).map_err(failed)?;
    if octets.len() > most {
        return Err(SourceError::TooLarge(path, most));
    }
    Ok(Got::Octets(octets))
}

async fn fetch(
    fetcher: &Fetcher,
    url: &str,
    path: &str,
    most: usize,
    condition: Option<HeaderValue>,
) -> Result<(Got, Option<HeaderValue>), SourceError> {
    let unreachable = |reason: String| SourceError::Unreachable(reason);
    let mut request = Request::get(url)
        .body(vec![])
        .map_err(|error| unreachable(error.to_string()))?;
    if let Some(tag) = condition {
        request.headers_mut().insert(IF_NONE_MATCH, tag);
    }
    // The caller's patience ends before.
    let response = fetcher.fetch(request, most, Duration::MAX).await;
    let response = response.map_err(|error| unreachable(error.to_string()))?;
    match response.status() {
        StatusCode::OK => {
            let tag = response.headers().get(ETAG).cloned();
            Ok((Got::Octets(response.into_body()), tag))
        }
        StatusCode::NOT_MODIFIED => Ok((Got::Unchanged, None)),
        StatusCode::NOT_FOUND => Err(SourceError::Missing(path.to_owned())),
        status => Err(SourceError::Status(path.to_owned(), status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_what_it_looks_like() {
        let url = "https://policies.example/edge/".parse();
        assert_eq!(
            url,
            Ok(Source::Url("https://policies.example/edge".to_owned()))
        );
        assert_eq!("a/b".parse(), Ok(Source::Path("a/b".into())));
        for text in ["", "ftp://a", "https://", "https://a.example/?b"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
