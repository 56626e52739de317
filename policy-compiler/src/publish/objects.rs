//! Object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! Credentials, endpoint and region come from the environment, under the names that each store's
//! own tools use (`AWS_ACCESS_KEY_ID`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …).

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};

use super::sink::{Sink, SinkError, Stored, Version};

/// A bucket, or a folder of one.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// A store that is there already.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            store,
            prefix: Path::from(prefix),
        }
    }

    /// The store of a URL such as `s3://BUCKET/FOLDER`; `None` where the scheme is no store's.
    ///
    /// # Errors
    /// Where the environment does not say enough to reach it.
    pub fn open(url: &str) -> Option<Result<Self, Error>> {
        let (scheme, rest) = url.split_once("://")?;
        let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix);
        // Trying again is done in one place, for all sinks alike.
        let retry = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        // The default may be set once in a process; that someone did so before is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store: Result<Arc<dyn ObjectStore>, Error> = match scheme {
            "s3" => AmazonS3Builder::from_env()
                .with_url(url)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as _),
            "gs" => GoogleCloudStorageBuilder::from_env()
                .with_url(url)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as _),
            "az" => MicrosoftAzureBuilder::from_env()
                .with_url(url)
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as _),
            _ => return None,
        };
        Some(store.map(|store| Self::new(store, prefix)))
    }

    fn path(&self, path: &str) -> Path {
        self.prefix
            .parts()
            .chain(Path::from(path).parts())
            .collect()
    }

    async fn put(&self, path: &str, octets: &[u8], mode: PutMode) -> Result<(), Error> {
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        let payload = PutPayload::from(octets.to_vec());
        self.store
            .put_opts(&self.path(path), payload, options)
            .await?;
        Ok(())
    }
}

/// What the store said. Its words, such as those of an XML document, are kept to one line.
fn failed(path: &str, error: &Error) -> SinkError {
    let path = path.to_owned();
    let reason = error.to_string().replace('\n', " ");
    // Everything that the store gives no name to: lost connections, overload.
    if matches!(error, Error::Generic { .. } | Error::JoinError { .. }) {
        SinkError::Transient { path, reason }
    } else {
        SinkError::Failed { path, reason }
    }
}

impl Sink for Objects {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        let result = match self.store.get(&self.path(path)).await {
            Ok(result) => result,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(path, &error)),
        };
        let version = Version {
            tag: result.meta.e_tag.clone(),
            number: result.meta.version.clone(),
        };
        let octets = result.bytes().await.map_err(|error| failed(path, &error))?;
        Ok(Some(Stored {
            octets: octets.to_vec(),
            version,
        }))
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        match self.put(path, octets, PutMode::Create).await {
            Ok(()) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                match self.read(path).await? {
                    Some(stored) if stored.octets == octets => Ok(()),
                    Some(_) | None => Err(SinkError::Occupied(path.to_owned())),
                }
            }
            Err(error) => Err(failed(path, &error)),
        }
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let mode = expected.map_or(PutMode::Create, |version| {
            PutMode::Update(UpdateVersion {
                e_tag: version.tag.clone(),
                version: version.number.clone(),
            })
        });
        match self.put(path, octets, mode).await {
            Ok(()) => Ok(()),
            Err(
                Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. },
            ) => Err(SinkError::Changed(path.to_owned())),
            Err(error) => Err(failed(path, &error)),
        }
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let below = self.path(folder);
        let objects = self.store.list(Some(&below));
        let names = objects.map_ok(|object| {
            let name = object.location.filename().unwrap_or_default();
            format!("{folder}{name}")
        });
        names
            .try_collect()
            .await
            .map_err(|error| failed(folder, &error))
    }
}
