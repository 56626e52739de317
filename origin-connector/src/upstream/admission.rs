//! How many requests a backend has at a time, and how many wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;

/// The places of a backend.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    queue: Semaphore,
    patience: Duration,
}

/// A request's place; free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _held: OwnedSemaphorePermit,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overload {
    #[error("as many requests are under way and waiting as the backend's limits allow")]
    Full,
    #[error("no request of the backend ended within its `pending_timeout`")]
    Patience,
}

impl Overload {
    /// A stable label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Patience => "pending-timeout",
        }
    }
}

impl Admission {
    pub(super) fn new(config: &config::Admission) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.requests)),
            queue: Semaphore::new(config.pending),
            patience: config.pending_timeout,
        }
    }

    /// A place, in the order in which requests came. Who cannot even wait learns so at once.
    pub(super) async fn admit(&self) -> Result<Place, Overload> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(Place { _held: place });
        }
        let _waiting = self.queue.try_acquire().map_err(|_| Overload::Full)?;
        let place = self.places.clone().acquire_owned();
        let place = tokio::time::timeout(self.patience, place).await;
        // Nobody closes the semaphore, so there is one error alone.
        let place = place.ok().and_then(Result::ok);
        place
            .map(|held| Place { _held: held })
            .ok_or(Overload::Patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_place_or_gives_up() {
        let admission = Admission::new(&config::Admission {
            requests: 1,
            pending: 1,
            pending_timeout: Duration::from_secs(1),
        });
        let first = admission.admit().await.unwrap();
        let second = admission.admit();
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is no place"),
            third = admission.admit() => assert_eq!(third.unwrap_err(), Overload::Full),
        }
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(admission.admit().await.unwrap_err(), Overload::Patience);
        drop(second);
        assert!(admission.admit().await.is_ok());
    }
}
