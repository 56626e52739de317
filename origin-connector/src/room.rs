//! A number of places, which may change while some are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places.
#[derive(Debug)]
pub(crate) struct Room {
    places: Arc<Semaphore>,
    size: AtomicUsize,
}

/// A place; free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _held: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(size)),
            size: AtomicUsize::new(size),
        }
    }

    /// From now on there are so many places. Where more are taken, none is free before there are
    /// fewer.
    pub(crate) fn resize(&self, size: usize) {
        let before = self.size.swap(size, Ordering::Relaxed);
        if let Some(more) = size.checked_sub(before) {
            self.places.add_permits(more);
            return;
        }
        let fewer = u32::try_from(before.saturating_sub(size)).unwrap_or(u32::MAX);
        let places = self.places.clone();
        // First in the queue: whatever becomes free is gone.
        tokio::spawn(async move {
            if let Ok(gone) = places.acquire_many_owned(fewer).await {
                gone.forget();
            }
        });
    }

    /// A place, if one is free.
    pub(crate) fn try_take(&self) -> Option<Place> {
        let held = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { _held: held })
    }

    /// A place, in the order in which it was asked for.
    pub(crate) async fn take(&self) -> Place {
        match self.places.clone().acquire_owned().await {
            Ok(held) => Place { _held: held },
            // Nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn grows_and_shrinks_while_places_are_taken() {
        let room = Room::new(2);
        let taken = [room.take().await, room.take().await];
        assert!(room.try_take().is_none());
        room.resize(3);
        let third = room.try_take().unwrap();
        room.resize(1);
        tokio::task::yield_now().await;
        drop(taken);
        tokio::task::yield_now().await;
        // The two that were given back are those that are gone.
        assert!(room.try_take().is_none());
        drop(third);
        let one = room.try_take().unwrap();
        assert!(room.try_take().is_none());
        room.resize(2);
        assert!(room.try_take().is_some());
        drop(one);
    }
}
