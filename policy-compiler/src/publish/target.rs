//! Where to publish, as people write it.

use std::path::PathBuf;
use std::str::FromStr;

use super::folder::Folder;
use super::key_value::KeyValue;
#[cfg(feature = "stores")]
use super::objects::Objects;
use super::redis::Redis;
use super::sink::{Sink, SinkError, Stored, Version};

/// Where to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder.
    Folder(PathBuf),
    /// `kv:ACCOUNT/NAMESPACE`: a namespace of Workers KV, by the ids of both.
    KeyValue {
        /// The account's id.
        account: String,
        /// The namespace's id.
        namespace: String,
    },
    /// `s3://BUCKET/FOLDER`, `gs://…`, `az://…`.
    Objects(String),
    /// `redis://HOST:PORT/DATABASE`.
    Redis(String),
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// No form of a target.
    #[error(
        "`{0}` is no target: write a folder, `kv:ACCOUNT/NAMESPACE`, `s3://BUCKET/FOLDER`, `gs://…`, `az://…` or `redis://HOST/DATABASE`"
    )]
    Form(String),
    /// A token is needed, and never taken from the command line, where others see it.
    #[error("CLOUDFLARE_API_TOKEN is not set: it needs a token that may edit Workers KV")]
    NoToken,
    /// The store cannot be reached.
    #[error("`{0}` cannot be used: {1}")]
    Unusable(String, String),
    /// Built without the feature.
    #[error("`{0}` needs a `tidegate` that was built with the feature `stores`")]
    NotBuiltIn(String),
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let wrong = || InvalidTarget::Form(text.to_owned());
        if let Some(ids) = text.strip_prefix("kv:") {
            let id =
                |id: &str| !id.is_empty() && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
            let ids = ids.split_once('/').filter(|(a, n)| id(a) && id(n));
            let (account, namespace) = ids.ok_or_else(wrong)?;
            return Ok(Self::KeyValue {
                account: account.to_owned(),
                namespace: namespace.to_owned(),
            });
        }
        match text.split_once("://") {
            Some(("s3" | "gs" | "az", rest)) if !rest.is_empty() => {
                Ok(Self::Objects(text.to_owned()))
            }
            // Where there is a password it is not here, where others see it.
            Some(("redis" | "redis+unix", rest)) if !rest.is_empty() && !rest.contains('@') => {
                Ok(Self::Redis(text.to_owned()))
            }
            None if !text.is_empty() => Ok(Self::Folder(text.into())),
            Some(_) | None => Err(wrong()),
        }
    }
}

/// A target that can be published to.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder.
    Folder(Folder),
    /// A namespace of Workers KV.
    KeyValue(Box<KeyValue>),
    /// A database of Redis or Valkey.
    Redis(Redis),
    /// A bucket.
    #[cfg(feature = "stores")]
    Objects(Objects),
}

impl Target {
    /// Makes ready to publish; nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`InvalidTarget`].
    pub fn open(&self) -> Result<Store, InvalidTarget> {
        match self {
            Self::Folder(folder) => Ok(Store::Folder(Folder::new(folder))),
            Self::KeyValue { account, namespace } => {
                let token = std::env::var("CLOUDFLARE_API_TOKEN");
                let token = token.map_err(|_| InvalidTarget::NoToken)?;
                let api = std::env::var("CLOUDFLARE_API_BASE_URL").ok();
                let sink = KeyValue::new(api.as_deref(), account, namespace, token);
                let sink = sink.map_err(|error| {
                    InvalidTarget::Unusable(format!("kv:{account}/{namespace}"), error.to_string())
                });
                Ok(Store::KeyValue(Box::new(sink?)))
            }
            Self::Redis(url) => Redis::open(url)
                .map(Store::Redis)
                .map_err(|error| InvalidTarget::Unusable(url.clone(), error.to_string())),
            Self::Objects(url) => objects(url),
        }
    }
}

#[cfg(feature = "stores")]
fn objects(url: &str) -> Result<Store, InvalidTarget> {
    let sink = Objects::open(url).ok_or_else(|| InvalidTarget::Form(url.to_owned()))?;
    let sink = sink.map_err(|error| InvalidTarget::Unusable(url.to_owned(), error.to_string()))?;
    Ok(Store::Objects(sink))
}

#[cfg(not(feature = "stores"))]
fn objects(url: &str) -> Result<Store, InvalidTarget> {
    Err(InvalidTarget::NotBuiltIn(url.to_owned()))
}

macro_rules! each {
    ($store:expr, $sink:ident => $call:expr) => {
        match $store {
            Store::Folder($sink) => $call,
            Store::KeyValue($sink) => $call,
            Store::Redis($sink) => $call,
            #[cfg(feature = "stores")]
            Store::Objects($sink) => $call,
        }
    };
}

impl Sink for Store {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        each!(self, sink => sink.read(path).await)
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        each!(self, sink => sink.create(path, octets).await)
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        each!(self, sink => sink.replace(path, octets, expected).await)
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        each!(self, sink => sink.list(folder).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_what_it_looks_like() {
        let folder = Target::Folder("site/policy".into());
        assert_eq!("site/policy".parse::<Target>().unwrap(), folder);
        let namespace = Target::KeyValue {
            account: "a1".to_owned(),
            namespace: "b2".to_owned(),
        };
        assert_eq!("kv:a1/b2".parse::<Target>().unwrap(), namespace);
        let bucket = Target::Objects("s3://bucket/edge".to_owned());
        assert_eq!("s3://bucket/edge".parse::<Target>().unwrap(), bucket);
        let database = Target::Redis("redis://127.0.0.1/3".to_owned());
        assert_eq!("redis://127.0.0.1/3".parse::<Target>().unwrap(), database);
        for text in [
            "",
            "redis://",
            "redis://:secret@127.0.0.1",
            "kv:a1",
            "kv:a/../b",
            "kv:/b",
            "ftp://a",
            "s3://",
            "https://a.example",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
