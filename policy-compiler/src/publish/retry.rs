//! Trying again.

use std::time::Duration;

use super::sink::{Sink, SinkError, Stored, Version};

/// How often something is tried.
const ATTEMPTS: u32 = 5;
/// The first wait; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A sink that tries again what may succeed, five times within some seconds.
#[derive(Clone, Debug)]
pub struct Retrying<S>(pub S);

async fn retry<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, SinkError>
where
    F: Future<Output = Result<T, SinkError>>,
{
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(SinkError::Transient { .. }) => {
                // Publishers that failed together should not come back together.
                let jitter = fastrand::u64(0..=wait.as_millis().try_into().unwrap_or(u64::MAX) / 2);
                tokio::time::sleep(wait + Duration::from_millis(jitter)).await;
                wait *= 2;
            }
            done => return done,
        }
    }
    attempt().await
}

impl<S: Sink> Sink for Retrying<S> {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        retry(|| self.0.read(path)).await
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        retry(|| self.0.create(path, octets)).await
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        retry(|| self.0.replace(path, octets, expected)).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        retry(|| self.0.list(folder)).await
    }
}
